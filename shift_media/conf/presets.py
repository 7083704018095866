"""Checks of one preset in ``SHIFT_MEDIA["PRESETS"]``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from shift_media.conf.reader import ConfigurationError, closest
from shift_media.core.errors import InvalidSpec, SourceError
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
        read_effects(options)
        Spec.make(**{"format": "webp", **spec_options(options)})
    except InvalidSpec as error:
        raise ConfigurationError(f"{where}: {error}", key="PRESETS") from error


def spec_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a preset that any resize can have, with its size."""
    return {name: value for name, value in options.items() if name not in EFFECT_VALUES}


def read_effects(options: Mapping[str, Any]) -> PresetEffects | None:
    """Return the effects of a preset, with the bytes of its watermark; raise `InvalidSpec`."""
    return make_preset_effects(options, read_picture)


def read_picture(path: str) -> bytes:
    """Return the bytes of the picture of a watermark; raise `InvalidSpec` if it is none."""
    try:
        content = Path(path).read_bytes()
        probe(BytesIO(content))
    except OSError as error:
        raise InvalidSpec(f"The watermark {path} cannot be read: {error.strerror}.") from error
    except SourceError as error:
        raise InvalidSpec(f"The watermark {path} is not a picture: {error}") from error
    return content
