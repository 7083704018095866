"""The pieces of a template: text, tags and variables; and the libraries that it loads."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from django.template.base import tag_re

_LIBRARY: Final = "shift_media"


@dataclass(frozen=True, slots=True)
class TagChange:
    """A place in a template that uses another package.

    Attributes:
        line: its line, from 1.
        before: what stands there.
        after: what does the same, or nearly the same; empty if nothing does.
        reason: why it is not certain; empty if it is.
    """

    line: int
    before: str
    after: str
    reason: str = ""


@dataclass(slots=True)
class Piece:
    """A part of a template: text, or one tag or variable."""

    text: str
    line: int
    kind: str = ""
    content: str = ""
    after: str | None = None
    """The text that replaces it."""
    change: TagChange | None = None
    library: str = ""
    """The library that it uses."""


def split(source: str) -> Iterator[Piece]:
    """Yield the parts of a template; what is not executed is plain text."""
    line, closing = 1, ""
    for text in tag_re.split(source):
        piece = Piece(text, line)
        content = text[2:-2].strip()
        if text.startswith("{%") and text.endswith("%}"):
            if closing and content == closing:
                closing = ""
            elif not closing:
                piece.kind, piece.content = "tag", content
                name = content.split(None, 1)[0] if content else ""
                if name in ("comment", "verbatim"):
                    closing = f"end{content}" if name == "verbatim" else "endcomment"
        elif text.startswith("{{") and text.endswith("}}") and not closing:
            piece.kind, piece.content = "variable", content
        yield piece
        line += text.count("\n")


def libraries_of(piece: Piece) -> list[str]:
    """Return the libraries that a ``{% load %}`` names; none for any other piece."""
    words = piece.content.split() if piece.kind == "tag" else []
    if not words or words[0] != "load":
        return []
    return [words[-1]] if "from" in words else words[1:]


def with_library(text: str, done: Collection[str], left: Collection[str]) -> str:
    """Return the text with this app's library loaded, and without those that it has no use of."""
    pieces = list(split(text))
    is_loaded = any(_LIBRARY in libraries_of(piece) for piece in pieces)
    for piece in pieces:
        names = libraries_of(piece)
        if " from " in piece.content or not (used := [n for n in names if n in done]):
            continue
        kept = [name for name in names if name not in done or name in left]
        if not is_loaded:
            place = names.index(used[0]) if used[0] not in kept else len(kept)
            kept.insert(min(place, len(kept)), _LIBRARY)
            is_loaded = True
        piece.text = f"{{% load {' '.join(kept)} %}}" if kept else ""
    if not is_loaded:
        at = 0
        for number, piece in enumerate(pieces):
            if piece.kind == "tag" and piece.content.split()[:1] == ["extends"]:
                at = number + 1
        new = "{% load shift_media %}"
        pieces.insert(at, Piece(f"\n{new}" if at else f"{new}\n", 0))
    return "".join(piece.text for piece in pieces)
