"""System checks of a `MediaField`, which touch neither network nor database.

========  ==========================================================================
E101      ``max_length`` is too short for a key
E102      ``accept`` is no list of types
E103      ``accept`` has a type that no known format is of
E104      ``max_bytes`` is no positive whole number
E105      ``metadata_field`` is no JSONField of the same model
E106      ``width_field``, ``height_field`` or ``duration_field`` is no field of the same model
E107      two media fields share a field that describes the file
E108      ``storage`` is no media storage, or cannot be set up
E109      ``transcode`` names no profile, or ``accept`` admits no video
E110      ``strip`` is neither True nor False, or ``accept`` admits what cannot be stripped
W101      there is no ``metadata_field``
W102      ``storage`` is a storage of STORAGES itself: its options go into migrations
========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.db import models

from shift_media.conf import ConfigurationError, settings
from shift_media.core.formats import FORMATS, accepted_formats, accepts
from shift_media.core.keys import KEY_LENGTH
from shift_media.fields.types import AnyMediaField
from shift_media.imaging.strip import can_strip
from shift_media.registry import own_media_fields
from shift_media.storages import MediaStorage, default_media_storage, identify, unwrapped


def check(field: AnyMediaField) -> list[CheckMessage]:
    """Find what is wrong with a field's options, and say what to write instead."""
    return [
        *_check_max_length(field),
        *_check_accept(field),
        *_check_max_bytes(field),
        *_check_metadata_field(field),
        *_check_columns(field),
        *_check_shared(field),
        *_check_storage(field),
        *_check_transcode(field),
        *_check_strip(field),
    ]


def _check_max_length(field: AnyMediaField) -> Iterator[CheckMessage]:
    if field.max_length is None or field.max_length < KEY_LENGTH:
        yield Error(
            f"max_length is {field.max_length}: keys need {KEY_LENGTH} characters.",
            hint="Leave max_length out.",
            obj=field,
            id="shift_media.E101",
        )


def _check_accept(field: AnyMediaField) -> Iterator[CheckMessage]:
    given: object = field.accept
    if not isinstance(given, list) or not given or not all(isinstance(t, str) for t in given):
        yield Error(
            f"accept is {given!r}, which is no list of types.",
            hint='Write a list such as ["image/*"] or ["video/mp4", "video/webm"].',
            obj=field,
            id="shift_media.E102",
        )
        return
    for wanted in given:
        if not any(accepts([wanted], format) for format in FORMATS):
            types = ", ".join(format.content_type for format in FORMATS)
            yield Error(
                f"accept has {wanted!r}, and no known format is of that type.",
                hint=f'Use "image/*", "video/*", "audio/*", "*/*" or one of {types}.',
                obj=field,
                id="shift_media.E103",
            )


def _check_max_bytes(field: AnyMediaField) -> Iterator[CheckMessage]:
    most: object = field.max_bytes
    if most is not None and (type(most) is not int or most < 1):
        yield Error(
            f"max_bytes is {most!r}, which is no size in bytes.",
            hint="Write a whole number, such as 25_000_000, or None.",
            obj=field,
            id="shift_media.E104",
        )


def _check_metadata_field(field: AnyMediaField) -> Iterator[CheckMessage]:
    name = field.metadata_field
    if not name:
        suggested = f"{field.name}_meta"
        yield Warning(
            "Without a metadata_field, the file is read from the storage whenever its size is "
            "needed, and there is no placeholder and no focal point.",
            hint=f"Add {suggested} = models.JSONField(default=dict, editable=False) to the model "
            f'and metadata_field="{suggested}" to the field.',
            obj=field,
            id="shift_media.W101",
        )
    elif not isinstance(_companion(field, name), models.JSONField):
        yield Error(
            f"metadata_field is {name!r}, which is no JSONField of {field.model._meta.label}.",
            hint=f"Add {name} = models.JSONField(default=dict, editable=False) to the model.",
            obj=field,
            id="shift_media.E105",
        )


def _check_columns(field: AnyMediaField) -> Iterator[CheckMessage]:
    for option in ("width_field", "height_field", "duration_field"):
        name = getattr(field, option)
        if name and _companion(field, name) is None:
            kind = "FloatField" if option == "duration_field" else "PositiveIntegerField"
            yield Error(
                f"{option} is {name!r}, which is no field of {field.model._meta.label}.",
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
                f"{name!r} describes the file of {other.name} too.",
                hint="Give each media field fields of its own.",
                obj=field,
                id="shift_media.E107",
            )


def _check_storage(field: AnyMediaField) -> Iterator[CheckMessage]:
    if field.storage is default_media_storage:
        return  # The checks of the settings look at it, once.
    try:
        storage = unwrapped(field.storage)
        alias = identify(field.storage)
    except (ImproperlyConfigured, InvalidStorageError) as error:
        yield Error(str(error), obj=field, id="shift_media.E108")
        return
    if not isinstance(storage, MediaStorage):
        kind = type(storage)
        yield Error(
            f"storage is {kind.__module__}.{kind.__qualname__}, which is no media storage.",
            hint="Use shift_media.storages.LocalMediaStorage or S3MediaStorage.",
            obj=field,
            id="shift_media.E108",
        )
    elif alias and not hasattr(field, "_storage_callable"):
        yield Warning(
            f"storage is STORAGES[{alias!r}] itself, whose options would go into migrations.",
            hint=f'Give a function instead: def {alias}_storage(): return storages["{alias}"].',
            obj=field,
            id="shift_media.W102",
        )


def _check_transcode(field: AnyMediaField) -> Iterator[CheckMessage]:
    name = field.transcode
    if name is None:
        return
    try:
        profiles = settings.PROFILES
    except ConfigurationError:
        return  # The checks of the settings say so.
    if name not in profiles:
        yield Error(
            f"transcode is {name!r}, and there is no such profile.",
            hint=f'Use one of {", ".join(profiles)}, or add it to SHIFT_MEDIA["PROFILES"].',
            obj=field,
            id="shift_media.E109",
        )
    elif not any(format.kind == "video" for format in accepted_formats(field.accept)):
        yield Error(
            "transcode is given, and accept admits no video.",
            hint='Accept some: accept=["video/mp4", "video/quicktime", "video/webm"].',
            obj=field,
            id="shift_media.E109",
        )


def _check_strip(field: AnyMediaField) -> Iterator[CheckMessage]:
    strip: object = field.strip
    if not isinstance(strip, bool):
        yield Error(
            f"strip is {strip!r}, which is neither True nor False.",
            hint="Write strip=True to store images without their metadata.",
            obj=field,
            id="shift_media.E110",
        )
        return
    refused = [f.content_type for f in accepted_formats(field.accept) if not can_strip(f)]
    if strip and refused:
        yield Error(
            f"strip takes metadata out of images alone, and accept admits {', '.join(refused)}.",
            hint='Write accept=["image/*"], or give other files a field of their own.',
            obj=field,
            id="shift_media.E110",
        )


def _companion(field: AnyMediaField, name: str) -> object | None:
    """Find a field by name, where it has a column beside this one."""
    meta = field.model._meta
    try:
        found = meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return found if found in meta.local_concrete_fields else None
