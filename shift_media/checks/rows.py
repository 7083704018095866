"""Checks of rows, which run only if they are told which database to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register

from shift_media.fields.database_columns import find_columns
from shift_media.fields.legacy_rows import find_legacy_names


@register(Tags.database)
def check_legacy_names(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Count the rows whose names were there before their column was a media field's."""
    return [
        Warning(str(found), hint=found.what_to_do, id="shift_media.W103")
        for found in find_legacy_names(databases or ())
    ]


@register(Tags.database)
def check_columns(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Say what a migration will change of a column that was another field's."""
    found: list[CheckMessage] = []
    for column in find_columns(databases or ()):
        changes = "; ".join(column.changes)
        if changes:
            text = f"The column of {column.field} in the database {column.database!r}: {changes}."
            hint = (
                "A migration changes it. PostgreSQL refuses writes to the table while it builds "
                'an index: the guide "Switch from an ImageField" says how to build it without.'
            )
            found.append(Warning(text, hint=hint, id="shift_media.W106"))
    return found
