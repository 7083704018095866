"""The translation of a whole template: tags, blocks of sorl-thumbnail, and ``{% load %}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from shift_media.markup.translation import easy, imagekit, pictures, sorl, versatile, wagtail
from shift_media.markup.translation.options import Known, Tag, Unsure
from shift_media.markup.translation.pieces import (
    Piece,
    TagChange,
    libraries_of,
    split,
    with_library,
)

_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "thumbnail": ("thumbnail",),
    "imagekit": ("thumbnail", "generateimage"),
    "pictures": ("picture", "img_url"),
    "wagtailimages_tags": ("image", "picture", "image_url", "srcset_image"),
}
"""The tags of each library that are translated."""
_FILTERS: Final = re.compile(
    r"\|\s*(thumbnail_url|thumbnailer\w*|data_uri|margin|resolution|is_portrait|"
    r"background_margin|html_thumbnails|markdown_thumbnails)\b"
)
_ALIAS_FILTER: Final = re.compile(r"""^([\w.]+)\s*\|\s*thumbnail_url\s*:\s*["']([\w-]+)["']$""")
_PRESET: Final = re.compile(r"^([A-Za-z_][\w.]*)\.([a-z][\w-]*)\.url$")


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated template.

    Attributes:
        text: with all changes that are certain, or that were asked for.
        changes: all places that use another package.
    """

    text: str
    changes: tuple[TagChange, ...]

    @property
    def certain(self) -> list[TagChange]:
        """The changes that do the same."""
        return [change for change in self.changes if not change.reason]

    @property
    def unsure(self) -> list[TagChange]:
        """The places that a person has to look at."""
        return [change for change in self.changes if change.reason]


def translate(
    source: str, known: Known | None = None, *, with_suggestions: bool = False
) -> Translation:
    """Translate a template; with ``with_suggestions`` what is not certain is replaced too."""
    document = _Document(source, known or Known())
    document.run()
    return document.result(with_suggestions)


@dataclass
class _Document:
    source: str
    known: Known
    pieces: list[Piece] = field(init=False)

    def __post_init__(self) -> None:
        self.pieces = list(split(self.source))

    @property
    def loaded(self) -> set[str]:
        """The libraries that the template loads."""
        loads = (libraries_of(piece) for piece in self.pieces)
        return {name for names in loads for name in names}

    def run(self) -> None:
        """Find and translate all places."""
        blocks = list(self._sorl_blocks())
        in_blocks = {id(piece) for block in blocks for piece in block}
        for block in blocks:
            self._translate_block(block)
        loaded = self.loaded
        for piece in self.pieces:
            if id(piece) in in_blocks or piece.change is not None:
                continue
            if piece.kind == "tag":
                self._translate_tag(piece, loaded)
            elif piece.kind == "variable":
                self._translate_variable(piece, loaded)

    # Tags.

    def _translate_tag(self, piece: Piece, loaded: set[str]) -> None:
        name = piece.content.split(None, 1)[0] if piece.content else ""
        library = self._library_of(name, piece, loaded)
        if library:
            piece.library = library
            tag = Tag.parse(piece.content)
            self._try(piece, lambda: self._tag(library, tag), tag.variable)
        elif name != "load" and versatile.SIZED.search(piece.content):
            reason = "The picture is an argument of another tag."
            piece.change = TagChange(piece.line, piece.text, "", reason)
        elif name != "load" and "thumbnail" in loaded and _FILTERS.search(piece.content):
            piece.library = "thumbnail"
            reason = "There is no filter that does the same."
            piece.change = TagChange(piece.line, piece.text, "", reason)

    def _library_of(self, name: str, piece: Piece, loaded: set[str]) -> str:
        """Return the library of a tag; ``""`` if it is not one of the other packages."""
        candidates = [library for library, names in _TAGS.items() if name in names]
        found = [library for library in candidates if library in loaded]
        if len(found) == 1:
            return found[0]
        if name == "thumbnail":  # Neither is loaded if a library is among the builtins.
            words = piece.content.split()
            is_size_first = len(words) > 1 and bool(re.match(r"""["']\d*x\d*["']$""", words[1]))
            return "imagekit" if is_size_first else "thumbnail"
        return found[0] if found else ""

    def _tag(self, library: str, tag: Tag) -> str:
        if library == "imagekit":
            return imagekit.translate(tag)
        if library == "pictures":
            return pictures.translate(tag, self.known)
        if library == "wagtailimages_tags":
            return wagtail.translate(tag)
        if self.known.thumbnail == "sorl":
            return sorl.translate(sorl.with_defaults(tag))
        return easy.translate(tag, self.known)

    # Blocks of sorl-thumbnail.

    def _sorl_blocks(self) -> Iterator[list[Piece]]:
        """Yield the opening tag, an ``empty`` if there is one, and the end of each block."""
        stack: list[tuple[str, list[Piece]]] = []
        for piece in self.pieces:
            name = piece.content.split(None, 1)[0] if piece.kind == "tag" and piece.content else ""
            if name in ("for", "thumbnail"):
                stack.append((name, [piece]))
            elif name == "empty" and stack:
                stack[-1][1].append(piece)
            elif name == "endfor":
                while stack and stack.pop()[0] != "for":
                    pass
            elif name == "endthumbnail":
                while stack:  # Tags of easy-thumbnails in the block have no end.
                    kind, block = stack.pop()
                    is_block = kind == "thumbnail" and Tag.parse(block[0].content).variable
                    if is_block:
                        yield [*block, piece]
                        break

    def _translate_block(self, block: list[Piece]) -> None:
        first, *middle, last = block
        tag = sorl.with_defaults(Tag.parse(first.content))
        for piece in block:
            piece.library = "thumbnail"
        change = self._try(first, lambda: sorl.translate(tag), tag.variable, last)
        if change.after:
            first.after = f"{change.after}{{% if {tag.variable} %}}"
            first.change = TagChange(change.line, change.before, first.after, change.reason)
            for piece in middle:
                piece.after = "{% else %}"
            last.after = "{% endif %}"

    def _odd_use(self, first: Piece, last: Piece | None, variable: str) -> str:
        """Return a use of a picture for which a resize has no attribute."""
        uses = re.compile(rf"(?<![\w.]){re.escape(variable)}(?!\w)(?:\.(\w+))?")
        is_between = False
        for piece in self.pieces:
            if piece is last:
                break
            if is_between and piece.kind and (piece.kind == "variable" or "=" in piece.content):
                for attribute in uses.findall(_without_texts(piece.content)):
                    if attribute not in sorl.ATTRIBUTES:
                        return str(attribute or variable)
            is_between = is_between or piece is first
        return ""

    # Variables.

    def _translate_variable(self, piece: Piece, loaded: set[str]) -> None:
        content = piece.content
        if found := _ALIAS_FILTER.match(content):
            piece.library = "thumbnail"
            file, alias = found.groups()
            self._try(piece, lambda: easy.translate_alias_filter(file, alias, self.known))
        elif "thumbnail" in loaded and _FILTERS.search(content):
            piece.library = "thumbnail"
            reason = "There is no filter that does the same."
            piece.change = TagChange(piece.line, piece.text, "", reason)
        elif versatile.SIZED.search(content) or versatile.FILTERED.search(content):
            self._try(piece, lambda: versatile.translate(content))
        elif (found := _PRESET.match(content)) and found[2] in self.known.presets:
            reason = f"{found[2]!r} is a preset: is it one of this file, or a field?"
            after = f'{{% resize_url {found[1]} "{found[2]}" %}}'
            piece.change = TagChange(piece.line, piece.text, after, reason)
            piece.after = after

    def _try(
        self,
        piece: Piece,
        run: Callable[[], str],
        variable: str = "",
        last: Piece | None = None,
    ) -> TagChange:
        """Translate a piece, whose picture is called ``variable`` up to another piece."""
        try:
            after, reason = run(), ""
        except Unsure as unsure:
            after, reason = unsure.suggestion, unsure.reason
        if variable and not reason and (odd := self._odd_use(piece, last, variable)):
            reason = f"A resize has no {odd!r}: only url, width and height."
        piece.after = after or None
        piece.change = TagChange(piece.line, piece.text, after, reason)
        return piece.change

    # The result.

    def result(self, with_suggestions: bool) -> Translation:
        """Return the text with the changes applied."""
        blocks = {id(piece): block[0] for block in self._sorl_blocks() for piece in block}
        left: set[str] = set()
        done: set[str] = set()
        text = ""
        for piece in self.pieces:
            owner = blocks.get(id(piece), piece)
            change = owner.change
            is_done = change is not None and (not change.reason or with_suggestions)
            if is_done and piece.after is not None:
                text += piece.after
                done.add(piece.library)
            else:
                text += piece.text
                if change is not None:
                    left.add(piece.library)
        if done:
            text = with_library(text, done - {""}, left)
        changes = tuple(piece.change for piece in self.pieces if piece.change is not None)
        return Translation(text, changes)


def _without_texts(content: str) -> str:
    """Return an expression without its literals, which may hold the name of a variable."""
    return re.sub(r"""(["'])(?:(?!\1).)*\1""", "", content)
