"""Checks of one preset in ``SHIFT_MEDIA["PRESETS"]``."""

from __future__ import annotations

import re
from typing import Final

from shift_media.conf.reader import ConfigurationError, closest
from shift_media.core.errors import InvalidSpec
from shift_media.core.spec import Spec
from shift_media.core.spec_options import OPTION_NAMES

OPTIONS: Final = frozenset(("size", *OPTION_NAMES))
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
        Spec.make(**{"format": "webp", **options})
    except InvalidSpec as error:
        raise ConfigurationError(f"{where}: {error}", key="PRESETS") from error
