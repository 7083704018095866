"""Checks of rows, which run only if they are told which database to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register

from shift_media.fields.legacy import WHAT_TO_DO, find_legacy_names


@register(Tags.database)
def check_legacy_names(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Count the rows whose names were there before their column was a media field's."""
    return [
        Warning(str(found), hint=WHAT_TO_DO, id="shift_media.W103")
        for found in find_legacy_names(databases or ())
    ]
