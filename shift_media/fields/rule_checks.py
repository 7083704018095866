"""System checks of the rules for files, and of the packages that read and draw them.

E112, E115, E117, E120 and W104 of `shift_media.fields.checks`.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning

from shift_media.conf import settings
from shift_media.core.formats import BY_EXTENSION, accepted_formats
from shift_media.fields.analysis import ANALYSES
from shift_media.fields.types import AnyMediaField
from shift_media.imaging.engine import finds_focal
from shift_media.sandbox import documents
from shift_media.transcoding import probing
from shift_media.validators import KEPT_FACTS


def check_rules(field: AnyMediaField) -> Iterator[CheckMessage]:
    """Yield an error for each wrong rule, and a warning for what cannot be read here."""
    yield from _check_values(field)
    yield from _check_readers(field)
    yield from _check_drawing(field)
    yield from _check_kept(field)
    yield from _check_focal(field)


def _check_values(field: AnyMediaField) -> Iterator[CheckMessage]:
    for name, expected in field.file_rules.problems():
        yield Error(
            f"{name!r} must be {expected}, got {getattr(field.file_rules, name)!r}.",
            hint="Files that break a rule are refused in forms and when they are saved.",
            obj=field,
            id="shift_media.E112",
        )
    rules: object = field.rules
    if not isinstance(rules, list) or not all(callable(rule) for rule in rules):
        yield Error(
            f"'rules' must be a list of functions, got {rules!r}.",
            hint="Write rules=[check_something], and def check_something(inspection, row): …",
            obj=field,
            id="shift_media.E112",
        )


def _check_readers(field: AnyMediaField) -> Iterator[CheckMessage]:
    kinds = {format.kind for format in accepted_formats(field.accept)}
    timed = {"min_duration", "max_duration", "with_audio"} & field.file_rules.given.keys()
    if timed and kinds & {"video", "audio"} and not probing.is_available():
        yield Warning(
            f"{min(timed)!r} needs PyAV or ffprobe, neither of which is installed, so each video "
            "and sound is refused.",
            hint='Install PyAV with: python -m pip install "django-shift-media[ffmpeg]".',
            obj=field,
            id="shift_media.W104",
        )
    if "pages" in field.file_rules.given and not documents.is_available("pdf"):
        yield Warning(
            "'pages' needs pypdfium2, which is not installed, so each PDF is refused.",
            hint='Install it with: python -m pip install "django-shift-media[pdf]".',
            obj=field,
            id="shift_media.W104",
        )


def _check_drawing(field: AnyMediaField) -> Iterator[CheckMessage]:
    admits = any(format.extension == "svg" for format in accepted_formats(field.accept))
    if admits and not documents.is_available("svg"):
        yield Error(
            f"'accept' admits {BY_EXTENSION['svg'].content_type}, but {documents.missing('svg')} "
            "is not installed, which drawings are sanitized with.",
            hint='Install it with: python -m pip install "django-shift-media[svg]".',
            obj=field,
            id="shift_media.E115",
        )


def _check_kept(field: AnyMediaField) -> Iterator[CheckMessage]:
    wanted: object = field.keep_metadata
    known = isinstance(wanted, list) and all(
        item in KEPT_FACTS if isinstance(item, str) else callable(item) for item in wanted
    )
    if not known:
        yield Error(
            f"'keep_metadata' must be a list of names and functions, got {wanted!r}.",
            hint=f"The names are {', '.join(KEPT_FACTS)}.",
            obj=field,
            id="shift_media.E117",
        )
    elif field.analyse not in ANALYSES:
        yield Error(
            f"'analyse' must be one of {', '.join(map(repr, ANALYSES))}, got {field.analyse!r}.",
            obj=field,
            id="shift_media.E117",
        )
    elif field.analyse == "task" and settings.TASKS is None:
        yield Error(
            "'analyse' is 'task', but SHIFT_MEDIA[\"TASKS\"] is not set.",
            hint='Set it to an alias of Django\'s TASKS, or write analyse="save".',
            obj=field,
            id="shift_media.E117",
        )
    elif wanted and not field.metadata_field:
        yield Error(
            "'keep_metadata' needs 'metadata_field', in which the facts are kept.",
            hint=f'Add metadata_field="{field.name}_meta" and a JSONField of that name.',
            obj=field,
            id="shift_media.E117",
        )


def _check_focal(field: AnyMediaField) -> Iterator[CheckMessage]:
    problem = None
    if field.focal not in (None, "auto"):
        problem = (
            f"'focal' must be \"auto\" or None, got {field.focal!r}.",
            "The point of a single file is set on the file: photo.image.focal = (30, 70).",
        )
    elif field.focal and not field.metadata_field:
        problem = (
            "'focal' needs 'metadata_field', in which the point is stored.",
            f'Add metadata_field="{field.name}_meta" and a JSONField of that name.',
        )
    elif field.focal and not finds_focal():
        problem = (
            "'focal' is \"auto\", but pyvips is not installed, which finds the point.",
            'Install it with: python -m pip install "django-shift-media[vips]".',
        )
    if problem is not None:
        yield Error(problem[0], hint=problem[1], obj=field, id="shift_media.E120")
