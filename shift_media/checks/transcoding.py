"""System checks of the transcoder, its tasks and its webhook."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, register

from shift_media.checks.configuration import are_settings_valid
from shift_media.conf import ConfigurationError, settings
from shift_media.conf.reader import suggest
from shift_media.core.errors import MissingExtra
from shift_media.registry import all_media_fields
from shift_media.transcoding import services
from shift_media.transcoding.webhooks import sns


@register()
def check_transcoder(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the transcoder and its profiles, if a field uses one."""
    fields = list(all_media_fields())
    if not are_settings_valid() or not any(field.transcode for field in fields):
        return []
    try:
        chosen = services.transcoder()
        names = dict.fromkeys(field.transcode for field in fields)
        profiles = [settings.PROFILES[name] for name in names if name in settings.PROFILES]
        of_profiles = (message for p in profiles for message in chosen.check_profile(p))
        return [*chosen.check(), *of_profiles]
    except ConfigurationError as error:
        hint = 'Correct SHIFT_MEDIA["TRANSCODER"].'
        return [Error(str(error), hint=hint, id=getattr(error, "check_id", "shift_media.E006"))]


@register()
def check_tasks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that jobs can be enqueued, if ``TASKS`` is set."""
    if not are_settings_valid() or settings.TASKS is None:
        return []
    hint = 'Until then media_transcode alone runs jobs. With SHIFT_MEDIA["TASKS"] = None it does.'
    # Without the setting, Django and the backport have one alias.
    known = list(getattr(django_settings, "TASKS", None) or ["default"])
    if settings.TASKS in known:
        try:
            import_module("shift_media.transcoding.services.tasks")
        except MissingExtra as error:
            return [Error(str(error), hint=hint, id="shift_media.E012")]
        return []
    text = f'SHIFT_MEDIA["TASKS"] is {settings.TASKS!r}, not an alias of Django\'s TASKS'
    return [Error(f"{text}{suggest(settings.TASKS, known)}", hint=hint, id="shift_media.E012")]


@register()
def check_sns(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the webhook can verify signatures."""
    if not are_settings_valid() or not settings.SNS_TOPICS or sns.is_available():
        return []
    return [
        Error(
            'SHIFT_MEDIA["SNS_TOPICS"] is set, but signatures of messages cannot be verified.',
            hint=str(MissingExtra("cryptography", "sns")),
            id="shift_media.E007",
        )
    ]
