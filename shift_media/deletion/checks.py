"""System checks of references to files, and of django-cleanup; see `shift_media.checks`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Warning, register

from shift_media.conf import ConfigurationError, settings
from shift_media.deletion.references import history_columns
from shift_media.registry import all_media_fields


@register()
def check_history(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the columns of the history exist. Without them nothing is deleted."""
    try:
        settings.HISTORY  # noqa: B018 (raises what E001 reports)
    except ConfigurationError:
        return []
    try:
        list(history_columns())
    except ConfigurationError as error:
        return [Error(str(error), id="shift_media.E013")]
    return []


@register()
def check_cleanup(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that django-cleanup leaves models with media fields alone."""
    if not apps.is_installed("django_cleanup"):
        return []
    handled = import_module("django_cleanup.cache")
    models = {field.model for field in all_media_fields()}
    names = sorted(
        model._meta.label
        for model in models
        if handled.model_has_filefields(handled.get_model_name(model))
    )
    if not names:
        return []
    return [
        Warning(
            f"django-cleanup deletes the files of {', '.join(names)} by itself, also those that "
            "copied rows or the history refer to, and leaves their resizes.",
            hint="MediaField deletes its files. Decorate these models with "
            "@django_cleanup.cleanup.ignore, or remove django_cleanup from INSTALLED_APPS.",
            id="shift_media.W010",
        )
    ]
