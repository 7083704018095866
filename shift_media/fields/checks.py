"""System checks of a `MediaField`. They use neither the network nor the database.

========  ==========================================================================
E101      ``max_length`` is too short for a key
E102      ``accept`` is not a list of content types
E103      ``accept`` has a content type that no known format has
E104      ``max_bytes`` is not a positive whole number
E105      ``metadata_field`` is not the name of a JSONField of the same model
E106      ``width_field``, ``height_field`` or ``duration_field`` is not a field of the same model
E107      two media fields share a field that describes the file
E108      ``storage`` is not a media storage, or cannot be set up
E109      ``transcode`` is not the name of a profile, or ``accept`` admits no video or sound
E110      ``strip`` is not a boolean, or ``accept`` admits files that cannot be stripped
E111      ``legacy_storage`` is not an alias in ``STORAGES``
E112      a rule for files, such as ``min_size`` or ``rules``, has a wrong value
E113      ``imported_from`` is not the name of a file field of the same model
E114      ``accept`` admits images whose decoder is not installed
E115      ``accept`` admits SVG, but a package that drawings are sanitized with is missing
E116      ``presets`` or ``prepare`` has a wrong value, or ``TASKS`` is missing for it
E117      ``keep_metadata`` has an unknown name, or there is no ``metadata_field`` or no ``TASKS``
E118      ``convert`` names a format that is no image, or in which no image is made
E119      ``captions`` does not name media fields of the same model for WebVTT, by language
E120      ``focal`` is not ``"auto"``, or the metadata field or the extra it needs is missing
W101      ``metadata_field`` is missing
W102      ``storage`` is an object instead of a function that returns one
W104      a rule needs a package that is not installed, so all files of a kind are refused
W105      ``upload_to`` is given, which is not used
========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning
from django.db import models

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import OutOfResources
from shift_media.core.formats import FORMATS, RESIZE_FORMATS, accepted_formats, accepts
from shift_media.core.keys import KEY_LENGTH
from shift_media.fields.caption_checks import check_captions
from shift_media.fields.preset_checks import check_presets
from shift_media.fields.rule_checks import check_rules
from shift_media.fields.storage_checks import check_storages
from shift_media.fields.types import AnyMediaField
from shift_media.imaging.engine import find_missing
from shift_media.imaging.strip import can_strip
from shift_media.registry import find_sibling, own_media_fields
from shift_media.validators.converting import CAPTIONS
from shift_media.validators.inspection import ANY


def check(field: AnyMediaField) -> list[CheckMessage]:
    """Return an error or a warning for each wrong option of a field."""
    return [
        *_check_max_length(field),
        *_check_accept(field),
        *_check_decoders(field),
        *_check_convert(field),
        *check_captions(field),
        *_check_max_bytes(field),
        *check_rules(field),
        *_check_metadata_field(field),
        *_check_columns(field),
        *_check_shared(field),
        *check_storages(field),
        *_check_transcode(field),
        *_check_strip(field),
        *check_presets(field),
    ]


def _check_max_length(field: AnyMediaField) -> Iterator[CheckMessage]:
    if field.max_length is None or field.max_length < KEY_LENGTH:
        yield Error(
            f"'max_length' must be at least {KEY_LENGTH}, the length of a key, "
            f"got {field.max_length}.",
            hint="Leave max_length out: the default is enough.",
            obj=field,
            id="shift_media.E101",
        )


def _check_accept(field: AnyMediaField) -> Iterator[CheckMessage]:
    accept: object = field.accept
    if not isinstance(accept, list) or not accept or not all(isinstance(t, str) for t in accept):
        yield Error(
            f"'accept' must be a list of content types, got {accept!r}.",
            hint='Write a list such as ["image/*"] or ["video/mp4", "video/webm"].',
            obj=field,
            id="shift_media.E102",
        )
        return
    for content_type in accept:
        if not any(accepts([content_type], format) for format in FORMATS):
            types = ", ".join(format.content_type for format in FORMATS)
            yield Error(
                f"'accept' must have types of known formats, got {content_type!r}.",
                hint=f'Use "image/*", "image/any", "video/*", "audio/*", "*/*" or one of {types}.',
                obj=field,
                id="shift_media.E103",
            )


def _check_decoders(field: AnyMediaField) -> Iterator[CheckMessage]:
    """Name the extras of admitted images. Under ``"*/*"`` they are files like others without."""
    if not isinstance(field.accept, list):
        return
    for format in accepted_formats(item for item in field.accept if item != ANY):
        try:
            error = find_missing(format)
        except OutOfResources:  # Nothing is known of the decoder, which a request finds out.
            continue
        if error is not None:
            yield Error(
                f"'accept' admits {format.content_type}, but {error}",
                hint="Install it, or take the type out of 'accept': \"image/any\" has all types "
                "of images.",
                obj=field,
                id="shift_media.E114",
            )


def _check_convert(field: AnyMediaField) -> Iterator[CheckMessage]:
    given: object = field.convert
    sources = {f.extension for f in FORMATS if f.kind == "image"}
    images = dict(given) if isinstance(given, dict) else {}
    if images.get(CAPTIONS[0]) == CAPTIONS[1]:
        del images[CAPTIONS[0]]
    if not isinstance(given, dict) or not (
        images.keys() <= sources and set(images.values()) <= RESIZE_FORMATS.keys()
    ):
        yield Error(
            f"'convert' must have extensions of images, and of images to make, got {given!r}.",
            hint='Write convert={"heic": "jpg"}, or {"srt": "vtt"} for captions. Images are made '
            f"in {', '.join(RESIZE_FORMATS)}.",
            obj=field,
            id="shift_media.E118",
        )


def _check_max_bytes(field: AnyMediaField) -> Iterator[CheckMessage]:
    max_bytes: object = field.max_bytes
    if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 1):
        yield Error(
            f"'max_bytes' must be a positive whole number or None, got {max_bytes!r}.",
            hint="Write a size in bytes, such as 25_000_000 for 25 MB.",
            obj=field,
            id="shift_media.E104",
        )


def _check_metadata_field(field: AnyMediaField) -> Iterator[CheckMessage]:
    name = field.metadata_field
    if not name:
        suggested = f"{field.name}_meta"
        yield Warning(
            "Without 'metadata_field' the file is read from the storage whenever its size in "
            "pixels is needed, and it has no placeholder and no focal point.",
            hint=f"Add {suggested} = models.JSONField(default=dict, editable=False) to the model "
            f'and metadata_field="{suggested}" to the field.',
            obj=field,
            id="shift_media.W101",
        )
    elif not isinstance(find_sibling(field, name), models.JSONField):
        yield Error(
            f"'metadata_field' must be the name of a JSONField of {field.model._meta.label}, "
            f"got {name!r}.",
            hint=f"Add {name} = models.JSONField(default=dict, editable=False) to the model.",
            obj=field,
            id="shift_media.E105",
        )


def _check_columns(field: AnyMediaField) -> Iterator[CheckMessage]:
    for option in ("width_field", "height_field", "duration_field"):
        name = getattr(field, option)
        if name and find_sibling(field, name) is None:
            kind = "FloatField" if option == "duration_field" else "PositiveIntegerField"
            yield Error(
                f"{option!r} must be the name of a field of {field.model._meta.label}, "
                f"got {name!r}.",
                hint=f"Add {name} = models.{kind}(null=True, editable=False) to the model.",
                obj=field,
                id="shift_media.E106",
            )


def _check_shared(field: AnyMediaField) -> Iterator[CheckMessage]:
    for other in own_media_fields(field.model):
        if other.name == field.name:
            continue
        for name in set(field.metadata_columns) & set(other.metadata_columns):
            yield Error(
                f"The field {name!r} describes both {field.name!r} and {other.name!r}.",
                hint="Add a separate field for each media field.",
                obj=field,
                id="shift_media.E107",
            )


def _check_transcode(field: AnyMediaField) -> Iterator[CheckMessage]:
    name = field.transcode
    if name is None:
        return
    try:
        profiles = settings.PROFILES
    except ConfigurationError:
        return  # shift_media.checks.storages reports it.
    if name not in profiles:
        yield Error(
            f"'transcode' must be the name of a profile, got {name!r}.",
            hint=f'Use one of {", ".join(profiles)}, or add it to SHIFT_MEDIA["PROFILES"].',
            obj=field,
            id="shift_media.E109",
        )
    elif not any(format.transcoded for format in accepted_formats(field.accept)):
        yield Error(
            "'transcode' is given, but 'accept' admits neither videos nor sounds nor GIFs.",
            hint='Write accept=["video/mp4", "video/quicktime", "video/webm"], or leave transcode '
            "out.",
            obj=field,
            id="shift_media.E109",
        )


def _check_strip(field: AnyMediaField) -> Iterator[CheckMessage]:
    strip: object = field.strip
    if not isinstance(strip, bool):
        yield Error(
            f"'strip' must be True or False, got {strip!r}.",
            hint="Write strip=True to store images without their metadata.",
            obj=field,
            id="shift_media.E110",
        )
        return
    not_strippable = [f.content_type for f in accepted_formats(field.accept) if not can_strip(f)]
    if strip and not_strippable:
        yield Error(
            f"'strip' removes the metadata of images only, but 'accept' admits "
            f"{', '.join(not_strippable)}.",
            hint='Write accept=["image/*"], and add another field for other files. Remove the '
            "metadata of videos before the upload, or serve their renditions alone.",
            obj=field,
            id="shift_media.E110",
        )
