"""The system check of the presets that a field makes ahead; see `shift_media.fields.checks`."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error

from shift_media.conf import ConfigurationError, settings
from shift_media.conf.reader import suggest
from shift_media.fields.ahead import OCCASIONS
from shift_media.fields.types import AnyMediaField


def check_presets(field: AnyMediaField) -> Iterator[CheckMessage]:
    """Yield an error for the first wrong value of ``presets`` and ``prepare``."""
    for text, hint in _find_problems(field):
        yield Error(text, hint=hint, obj=field, id="shift_media.E116")
        return


def _find_problems(field: AnyMediaField) -> Iterator[tuple[str, str]]:
    if field.prepare not in OCCASIONS:
        words = ", ".join(map(repr, OCCASIONS))
        yield f"'prepare' must be one of {words}, got {field.prepare!r}.", "Correct it."
    if field.prepare != "never" and not field.presets:
        yield (
            f"'prepare' is {field.prepare!r}, but there are no 'presets' to make.",
            'Write presets=["card"], or leave prepare out.',
        )
    try:
        known, tasks = settings.PRESETS, settings.TASKS
    except ConfigurationError:
        return  # E001 says so.
    for name in field.presets:
        if name not in known:
            near = suggest(str(name), known)
            yield (
                f"'presets' must be names of SHIFT_MEDIA[\"PRESETS\"], got {name!r}{near}.",
                "Add the preset to the settings, or correct its name.",
            )
    if field.prepare == "task" and tasks is None:
        yield (
            "'prepare' is 'task', but SHIFT_MEDIA[\"TASKS\"] is not set.",
            'Set it to an alias of Django\'s TASKS, or write prepare="save".',
        )
