"""Effects that need more than a number, which presets alone have: watermark, trim, round corners.

Keys hold a digest of them, so that the grammar stays closed and another watermark is another URL.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shift_media.core.errors import InvalidSpec
from shift_media.core.spec_values import COMPASS, quote

DIGEST_LENGTH: Final = 8
"""Hex digits in a key."""
_TOLERANCE: Final = 10
"""How far a channel of a border may be from the corner's, of 255, with ``trim=True``."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """A picture that is laid over resizes.

    Attributes:
        content: the bytes of its file.
        position: a word of `COMPASS`.
        opacity: 1 to 100.
        width: percent of the width of the resize.
    """

    content: bytes
    position: str = "southeast"
    opacity: int = 100
    width: int = 25


@dataclass(frozen=True, slots=True)
class PresetEffects:
    """The effects of one preset.

    Attributes:
        watermark: None for none.
        trim: how far the channels of a border may differ that is cut off; None for no trimming.
        round: radius of the corners in percent of the shorter side; 50 makes a square a circle.
        max_bytes: the size of the file, for which the quality is lowered; None for any.
    """

    watermark: Watermark | None = None
    trim: int | None = None
    round: int = 0
    max_bytes: int | None = None

    @property
    def digest(self) -> str:
        """A digest of all values and of the bytes of the watermark, as keys have it."""
        mark = self.watermark
        values: list[Any] = [self.trim, self.round, self.max_bytes]
        if mark is not None:
            bytes_digest = hashlib.sha256(mark.content).hexdigest()
            values.append([bytes_digest, mark.position, mark.opacity, mark.width])
        text = json.dumps(values).encode()
        return hashlib.sha256(b"shift_media/effects/1\0" + text).hexdigest()[:DIGEST_LENGTH]


EFFECT_VALUES: Final[Mapping[str, tuple[str, str]]] = {
    "watermark": (
        '{"file": path, "storage": alias, "position": "southeast", "opacity": 100, "width": 25}',
        "a picture over the resize: a compass word, percent of opacity and of the width",
    ),
    "trim": ("True, or 0 to 255", "a border of one colour is cut off, before all else"),
    "round": ("1 to 50", "round corners, in percent of the shorter side"),
    "max_bytes": ("1000", "the quality is lowered until the file is no larger"),
}
"""The values and the text of each effect, for the reference."""


ReadFile = Callable[[str, str], bytes]
"""Returns the bytes of a file by its name and the alias of its storage; ``""`` for a path."""


def make_preset_effects(options: Mapping[str, Any], read: ReadFile) -> PresetEffects | None:
    """Return the effects among the options of a preset; None without any.

    ``read`` returns the bytes of a file. Raises `InvalidSpec`.
    """
    given = {name: options[name] for name in EFFECT_VALUES if options.get(name) is not None}
    if not given:
        return None
    if "trim" in given and options.get("crop") is not None:
        raise InvalidSpec("trim and crop exclude each other: leave one of them out.")
    return PresetEffects(
        watermark=make_watermark(given.get("watermark"), read),
        trim=_make_trim(given.get("trim")),
        round=_make_number("round", given.get("round", 0), 0, 50),
        max_bytes=_make_max_bytes(given.get("max_bytes"), options.get("format")),
    )


def make_watermark(given: Any, read: ReadFile) -> Watermark | None:
    """Return the watermark that a dict of settings describes; raise `InvalidSpec`.

    ``read`` returns the bytes of a file. None stays None.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping) or "file" not in given:
        raise InvalidSpec(f'{quote(given)} is not a watermark: write {{"file": "logo.png"}}.')
    values = dict(given)
    path, storage = str(values.pop("file")), str(values.pop("storage", ""))
    unknown = values.keys() - {"position", "opacity", "width"}
    if unknown:
        raise InvalidSpec(f"A watermark has no option {', '.join(sorted(map(str, unknown)))}.")
    position = values.get("position", "southeast")
    if position not in COMPASS:
        raise InvalidSpec(f"{quote(position)} is not a position: use one of {', '.join(COMPASS)}.")
    opacity = _make_number("opacity", values.get("opacity", 100), 1, 100)
    width = _make_number("width", values.get("width", 25), 1, 100)
    return Watermark(read(path, storage), position, opacity, width)


def _make_trim(given: Any) -> int | None:
    if given is None or given is False:
        return None
    return _TOLERANCE if given is True else _make_number("trim", given, 0, 255)


def _make_max_bytes(given: Any, format: Any) -> int | None:
    if given is None:
        return None
    if format in ("png", "gif"):
        raise InvalidSpec(f"max_bytes lowers the quality, which {format} has not.")
    return _make_number("max_bytes", given, 1, 2**40)


def _make_number(name: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InvalidSpec(f"{quote(value)} is no value of {name}: use {least} to {most}.")
    return value
