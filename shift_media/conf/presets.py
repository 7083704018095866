"""Checks of one preset in ``SHIFT_MEDIA["PRESETS"]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import InvalidStorageError, storages

from shift_media.conf.reader import ConfigurationError, closest
from shift_media.core.errors import InvalidSpec, MediaError, SourceError
from shift_media.core.preset_effects import EFFECT_VALUES, PresetEffects, make_preset_effects
from shift_media.core.spec import Spec
from shift_media.core.spec_options import OPTION_NAMES
from shift_media.imaging.probe import probe

OPTIONS: Final = frozenset(("size", *OPTION_NAMES, *EFFECT_VALUES))
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SIZE = re.compile(r"x[0-9]*")
"""The only sizes that begin with a letter."""


def check_preset(name: object, options: object) -> None:
    """Raise `ConfigurationError` if the name or an option of a preset is wrong."""
    where = f'SHIFT_MEDIA["PRESETS"][{name!r}]'
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: name a preset with letters, digits, - and _, a letter first.", key="PRESETS"
        )
    if _SIZE.fullmatch(name):
        raise ConfigurationError(
            f"{where} has the name of a size: nothing could be resized to {name} any more. Name "
            'the preset after its use, such as "avatar".',
            key="PRESETS",
        )
    if not isinstance(options, dict) or "size" not in options:
        raise ConfigurationError(
            f'{where} is {options!r}: write a dict with a "size", such as {{"size": "96x96"}}.',
            key="PRESETS",
        )
    for option in options:
        if option not in OPTIONS:
            near = closest(option, OPTIONS)
            raise ConfigurationError(
                f'{where} has no option {option!r}: did you mean "{near}"?', key="PRESETS"
            )
    # A format that any option goes with: the default one depends on the original.
    try:
        make_preset_effects(options, _read_without_network)
        Spec.make(**{"format": "webp", **spec_options(options)})
    except InvalidSpec as error:
        raise ConfigurationError(f"{where}: {error}", key="PRESETS") from error


def spec_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a preset that any resize can have, with its size."""
    return {name: value for name, value in options.items() if name not in EFFECT_VALUES}


def read_effects(options: Mapping[str, Any]) -> PresetEffects | None:
    """Return the effects of a preset, with the bytes of its watermark; raise `InvalidSpec`."""
    return make_preset_effects(options, read_picture)


def _read_without_network(path: str, storage: str) -> bytes:
    """Return the bytes of a picture on this machine; nothing for one in a storage.

    System checks read the settings, and never use the network.
    """
    if not storage:
        return read_picture(path)
    if storage not in storages.backends:
        known = ", ".join(map(repr, storages.backends))
        raise InvalidSpec(f"The watermark {path} is in {storage!r}, but STORAGES has {known}.")
    return b""


def read_picture(path: str, storage: str = "") -> bytes:
    """Return the bytes of the picture of a watermark; raise `InvalidSpec` if it is none.

    ``storage`` is an alias in ``STORAGES``; without it ``path`` is one on this machine.
    """
    place = f"{path} in {storage!r}" if storage else path
    try:
        content = _read(path, storage)
        probe(BytesIO(content))
    except (OSError, MediaError, SuspiciousOperation, InvalidStorageError) as error:
        if isinstance(error, SourceError):
            raise InvalidSpec(f"The watermark {place} is not a picture: {error}") from error
        reason = getattr(error, "strerror", None) or error
        raise InvalidSpec(f"The watermark {place} cannot be read: {reason}.") from error
    return content


def read_picture_of_machine(path: str, storage: str) -> bytes:
    """Return the bytes of a picture as `read_picture` does; refuse a storage.

    Profiles are read by system checks, which never use the network.
    """
    if storage:
        raise InvalidSpec(f"The watermark {path} of a profile must be a path, without a storage.")
    return read_picture(path)


def _read(path: str, storage: str) -> bytes:
    if not storage:
        return Path(path).read_bytes()
    with storages[storage].open(path) as file:
        content: bytes = file.read()
    return content
