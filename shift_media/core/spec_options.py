"""The options of a resize: one table for keys, Python, template tags, presets and the docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from shift_media.core.preset_effects import DIGEST_LENGTH
from shift_media.core.spec_values import Crop, Focal

_NUMBER = r"(?:0|[1-9][0-9]{0,4})"
_POSITIVE = r"[1-9][0-9]{0,4}"
_PERCENT = r"(?:0|[1-9][0-9]?|100)"
_STRENGTH = r"(?:[1-9][0-9]?|100)"


@dataclass(frozen=True, slots=True)
class ResizeOption:
    """One option of a resize.

    Attributes:
        name: in Python, tags and presets.
        values: its values there, as the reference shows them.
        text: what it does, for the reference.
        letter: its letter in keys; empty for what every key says.
        pattern: what follows the letter.
        default: the value that keys leave out.
        read: from what follows the letter to the value.
        write: the inverse.
    """

    name: str
    values: str
    text: str
    letter: str = ""
    pattern: str = ""
    default: Any = None
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str


def _read_flag(text: str) -> bool:
    return True


def _write_flag(value: bool) -> str:
    return ""


def _read_crop(text: str) -> Crop:
    return Crop(*map(int, text.split(".")))


def _read_focal(text: str) -> Focal:
    return Focal(*map(int, text.split(".")))


def _write_numbers(values: tuple[int, ...]) -> str:
    return ".".join(map(str, values))


def _read_flip(text: str) -> str:
    return "h"


def _write_flip(value: str) -> str:
    return ""


OPTIONS: Final[tuple[ResizeOption, ...]] = (
    ResizeOption("mode", '"fit", "fill", "pad", "stretch"', "how the picture gets into the size"),
    ResizeOption("quality", "1 to 99", "of jpg, webp and avif; default: that of the format"),
    ResizeOption("upscale", "True", "smaller originals are enlarged"),
    ResizeOption(
        "format",
        '"jpg", "png", "webp", "avif", "gif"',
        "default: the format of the original, if browsers show it",
    ),
    ResizeOption(
        "focal",
        '(30, 70), "north"',
        "the point in percent that mode fill keeps in view, or a compass word",
        letter="f",
        pattern=rf"{_PERCENT}\.{_PERCENT}",
        read=_read_focal,
        write=_write_numbers,
    ),
    ResizeOption(
        "crop",
        "(x, y, width, height)",
        "a box in pixels that is cut out first",
        letter="c",
        pattern=rf"{_NUMBER}\.{_NUMBER}\.{_POSITIVE}\.{_POSITIVE}",
        read=_read_crop,
        write=_write_numbers,
    ),
    ResizeOption(
        "background",
        '"ff8800"',
        "the colour around the picture in mode pad, and behind it in a jpg",
        letter="b",
        pattern=r"[0-9a-f]{6}",
    ),
    ResizeOption(
        "rotate",
        "90, 180, 270",
        "degrees by which the picture is turned clockwise, before crop and focal",
        letter="r",
        pattern=r"(?:90|180|270)",
        default=0,
        read=int,
    ),
    ResizeOption(
        "flip",
        '"h", "v"',
        "the picture is mirrored from left to right, or upside down, after it is turned",
        letter="h",
        read=_read_flip,
        write=_write_flip,
    ),
    ResizeOption(
        "gray",
        "True",
        "shades of grey",
        letter="g",
        default=False,
        read=_read_flag,
        write=_write_flag,
    ),
    ResizeOption(
        "blur",
        "1 to 100",
        "a blur that looks the same at every size: 100 is a tenth of the longer side",
        letter="u",
        pattern=_STRENGTH,
        default=0,
        read=int,
    ),
    ResizeOption(
        "sharpen",
        "1 to 100",
        "sharper edges",
        letter="s",
        pattern=_STRENGTH,
        default=0,
        read=int,
    ),
    ResizeOption(
        "lossless",
        "True",
        "a webp without any loss; png always is",
        letter="l",
        default=False,
        read=_read_flag,
        write=_write_flag,
    ),
    ResizeOption(
        "animated",
        "True",
        "an animation stays one as an avif too",
        letter="a",
        default=False,
        read=_read_flag,
        write=_write_flag,
    ),
    ResizeOption(
        "page",
        "1 to 99999",
        "the page of a PDF; default: the first",
        letter="n",
        pattern=r"(?:[2-9]|[1-9][0-9]{1,4})",
        default=1,
        read=int,
    ),
)
"""In the order of Python's arguments, which only grows at its end."""

DIGEST: Final = ResizeOption(
    "digest",
    "",
    "a digest of the effects that presets alone have",
    letter="d",
    pattern=rf"[0-9a-f]{{{DIGEST_LENGTH}}}",
)
"""The option that `core.preset_effects` writes into keys; no argument."""

POSTER: Final = ResizeOption(
    "poster",
    "",
    "of a video with a new poster: the attempt that has made the poster",
    letter="p",
    pattern=r"[0-9a-f]{8}",
)
"""The option by which the resizes of a new poster have keys of their own; no argument."""

OPTION_NAMES: Final = tuple(option.name for option in OPTIONS)

SPELLED: Final[Mapping[str, ResizeOption]] = {
    option.name: option
    for option in sorted((*OPTIONS, DIGEST, POSTER), key=lambda option: option.letter)
    if option.letter
}
"""The options with a letter, in the order of keys."""

OPTION_PATTERN: Final = "".join(
    f"(?:-{option.letter}(?P<{name}>{option.pattern}))?" for name, option in SPELLED.items()
)
"""All options of a key, each at most once, in alphabetical order."""


def write_options(spec: object) -> str:
    """Return the options of a spec, which are attributes of their names, as they end it."""
    text = ""
    for name, option in SPELLED.items():
        value = getattr(spec, name)
        if value != option.default:
            text += f"-{option.letter}{option.write(value)}"
    return text


def read_options(texts: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of options from what follows their letters; None is one left out."""
    return {
        name: SPELLED[name].read(text)
        for name, text in texts.items()
        if name in SPELLED and text is not None
    }
