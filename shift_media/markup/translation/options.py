"""The parts of all translations: parsed tags, sizes and options, and the tags that are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.text import smart_split

from shift_media.resizes.builder import OPTIONS

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LITERAL: Final = re.compile(r"""^(["'])((?:(?!\1).)*)\1$""")
_SIZE: Final = re.compile(r"^(\d{0,4})(?:x(\d{0,4}))?$")
_FILE: Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_.]*$")
_FORMATS: Final = {"jpeg": "jpg", "jpg": "jpg", "png": "png", "webp": "webp", "gif": "gif"}
MOST_QUALITY: Final = 99


class Unsure(Exception):
    """A tag that cannot be replaced with certainty.

    Args:
        reason: why, as a sentence.
        suggestion: what does nearly the same; empty if nothing does.
    """

    def __init__(self, reason: str, suggestion: str = "") -> None:
        super().__init__(reason)
        self.reason, self.suggestion = reason, suggestion


@dataclass(frozen=True, slots=True)
class Known:
    """The settings of a project that tell what its tags mean.

    Attributes:
        thumbnail: whose library ``thumbnail`` is: ``"sorl"``, ``"easy"`` or ``""`` for unknown.
        presets: the names in ``SHIFT_MEDIA["PRESETS"]``.
        breakpoints, columns, container: those of django-pictures.
        file_types: the formats of django-pictures.
    """

    thumbnail: str = ""
    presets: frozenset[str] = frozenset()
    breakpoints: Mapping[str, int] = field(
        default_factory=lambda: {"xs": 576, "s": 768, "m": 992, "l": 1200, "xl": 1400}
    )
    columns: int = 12
    container: int | None = 1200
    file_types: Sequence[str] = ("AVIF",)


@dataclass(frozen=True, slots=True)
class Tag:
    """The words of a tag: ``{% name argument … option=value … as variable %}``."""

    name: str
    arguments: list[str]
    options: dict[str, str]
    variable: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    """The options behind ``--`` in the tags of imagekit."""

    @classmethod
    def parse(cls, content: str) -> Tag:
        """Parse what stands between ``{%`` and ``%}``."""
        name, *words = smart_split(content.strip())
        variable = ""
        if len(words) >= 2 and words[-2] == "as":
            variable, words = words[-1], words[:-2]
        behind: list[str] = []
        if "--" in words:
            behind = words[words.index("--") + 1 :]
            words = words[: words.index("--")]
        arguments, options = _split(words)
        return cls(name, arguments, options, variable, _split(behind)[1])


def _split(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    arguments, options = [], {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and _NAME.fullmatch(name):
            options[name] = value
        else:
            arguments.append(word)
    return arguments, options


def literal(word: str) -> str | None:
    """Return the text of a literal, ``"100x100"`` or ``100``; None for a variable."""
    quoted = _LITERAL.match(word)
    if quoted:
        return quoted[2]
    return word if re.fullmatch(r"\d+|True|False", word) else None


def text_of(name: str, word: str) -> str:
    """Return the text of an option's literal; raise `Unsure` for a variable."""
    found = literal(word)
    if found is None:
        raise Unsure(f"The value of {name} is a variable, which may be anything.")
    return found


def file_of(word: str) -> str:
    """Return the expression of a file; raise `Unsure` for a path, a URL or a filter."""
    if not _FILE.match(word):
        raise Unsure("The source is not the file of a field, but a path, a URL or a filter.")
    return word


def parse_size(text: str) -> tuple[int | None, int | None]:
    """Return width and height of ``100x50``, ``100``, ``100x0`` or ``x50``; 0 is left open."""
    found = _SIZE.match(text)
    width, height = (int(side or 0) or None for side in found.groups()) if found else (None, None)
    if not width and not height:
        raise Unsure(f"{text!r} is not a size.")
    return width, height


def size_text(width: int | None, height: int | None) -> str:
    """Return a size as this app writes it."""
    return f"{width or ''}x{height or ''}"


def quality_of(word: str) -> str:
    """Return a quality; the best one of this app is 99."""
    text = text_of("quality", word)
    if not text.isdigit() or not int(text):
        raise Unsure(f"The quality {text!r} is not a number above 0.")
    return str(min(int(text), MOST_QUALITY))


def format_of(word: str) -> str:
    """Return a format, in quotes."""
    text = text_of("format", word)
    if text.lower() not in _FORMATS:
        raise Unsure(f"There are no resizes in the format {text!r}.")
    return f'"{_FORMATS[text.lower()]}"'


def color_of(name: str, word: str) -> str:
    """Return a colour of six hex digits, in quotes."""
    text = text_of(name, word).lstrip("#").lower()
    if re.fullmatch(r"[0-9a-f]{3}", text):
        text = "".join(digit * 2 for digit in text)
    if not re.fullmatch(r"[0-9a-f]{6}", text):
        raise Unsure(f"{name} is not a colour in hex digits.")
    return f'"{text}"'


def gray() -> dict[str, str]:
    """Return the option of a grey picture, if this version has it."""
    if "gray" not in OPTIONS:
        raise Unsure("There are no grey resizes.")
    return {"gray": "True"}


def write(
    name: str,
    file: str,
    size: str,
    options: Mapping[str, str],
    variable: str = "",
) -> str:
    """Return a tag of this app; the values of options are expressions of a template."""
    words = [name, file, *([f'"{size}"'] if size else [])]
    words += [f"{option}={value}" for option, value in options.items()]
    words += ["as", variable] if variable else []
    return "{% " + " ".join(words) + " %}"
