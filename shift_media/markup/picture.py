"""``<picture>``: one picture in several widths, formats and ratios, and its ``preload``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from shift_media.core.errors import InvalidSpec
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.metadata import Metadata
from shift_media.core.spec import MAYBE_ANIMATED
from shift_media.markup.decoration import FLAGS, Decoration
from shift_media.markup.elements import drop_unset, render_img
from shift_media.markup.files import as_file
from shift_media.markup.options import split_options
from shift_media.markup.sizes import (
    format_sizes,
    media,
    split_breakpoints,
    width_of_breakpoint,
)
from shift_media.markup.widths import parse_widths, split_words
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize
from shift_media.resizes.srcset import format_srcset

Ladder = dict[int, Resize]


@dataclass(frozen=True, slots=True)
class Picture:
    """The files and conditions that a ``<picture>`` offers.

    Attributes:
        files: what is shown, by the width of the page from which it holds, widest first.
        widths: in pixels.
        sizes: the value of the attribute ``sizes``, or None.
        formats: of the sources, in the order in which browsers choose.
        ratios: sizes whose ratio is kept, by the same widths as the files. None is the original's
            ratio.
        spec: the other options of its resizes.
        decoration: what surrounds it.
    """

    files: Mapping[int, Any]
    widths: Sequence[int]
    sizes: str | None
    formats: Sequence[str]
    ratios: Mapping[int, str | None]
    spec: Mapping[str, Any]
    decoration: Decoration

    def ladder(self, page: int, format: str | None = None) -> Ladder:
        """Build the resizes for pages of a width, in a format; by default the fallback's."""
        spec = self.spec if format is None else {**self.spec, "format": format}
        ladder: Ladder = self.files[page].ladder(self.widths, size=self.ratios[page], **spec)
        return ladder

    def offered(self, page: int, fallback: Resize) -> list[str]:
        """Return the formats to offer for pages of a width, beside the fallback's."""
        animated = bool(self.spec.get("animated"))
        known = self.files[page].known_metadata
        return offered_formats(self.formats, fallback, known, animated=animated)


def parse_picture(
    file: Any, widths: object, options: Mapping[str, Any]
) -> tuple[Picture, dict[str, Any]]:
    """Return what the options of a tag ask for, and the attributes among them.

    Raises `InvalidSpec`.
    """
    others, files = split_files(options)
    spec, attributes = split_options(others, (*OPTIONS, *FLAGS, "size", "formats"))
    decoration = Decoration.pop(spec)
    sizes = format_sizes(attributes.pop("sizes", None))
    size = spec.pop("size", None)
    ratios: dict[int, str | None] = {0: None}
    if size is not None:
        ratios.update(split_breakpoints("size", str(size), "16x9"))
    files[0] = file
    pages = sorted({*ratios, *files}, reverse=True)
    picture = Picture(
        {page: files[_widest(files, page)] for page in pages},
        parse_widths(widths, sizes),
        sizes,
        split_words(spec.pop("formats", "")),
        {page: ratios[_widest(ratios, page)] for page in pages},
        spec,
        decoration,
    )
    return picture, attributes


def split_files(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[int, Any]]:
    """Return the options without ``file_lg=…``, and these by the widths of their breakpoints.

    An empty field is left out, so that the file of the tag is shown in its place. Raises
    `InvalidSpec` for an unknown breakpoint.
    """
    others, files = dict[str, Any](), dict[int, Any]()
    for name, value in options.items():
        prefix, _, breakpoint = name.partition("_")
        if prefix != "file" or not breakpoint:
            others[name] = value
            continue
        side = width_of_breakpoint(breakpoint, name)
        if value:
            files[side] = as_file(value)
    return others, files


def _widest(values: Mapping[int, Any], page: int) -> int:
    """Return the width of the breakpoint that holds for a page."""
    return max(side for side in values if side <= page)


def render_picture(file: Any, widths: object, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<picture>``: its sources, and an ``<img>`` as the fallback."""
    picture, attributes = parse_picture(file, widths, options)
    fallback = picture.ladder(0)
    largest = fallback[max(fallback)]
    shown = {
        "src": largest.url,
        "srcset": format_srcset(fallback) or None,
        "sizes": picture.sizes,
    }
    html = format_html(
        "<picture>{}{}</picture>",
        format_html_join("", "<source{}>", ((flatatt(each),) for each in _sources(picture))),
        render_img(largest, shown, picture.decoration.attributes(attributes)),
    )
    return picture.decoration.surround(html, file)


def _sources(picture: Picture) -> Iterator[dict[str, Any]]:
    """Yield the attributes of each ``<source>``: ratios of wide pages first, each format of each.

    A ratio or a file for wide pages needs a source in the fallback's format too, because the
    ``<img>`` has another one.
    """
    for page in picture.ratios:
        ladder = picture.ladder(page)
        largest = ladder[max(ladder)]
        ratio: dict[str, Any] = {}
        if page and largest.is_legacy and picture.files[page] is not picture.files[0]:
            yield {"media": media(page), "srcset": largest.url}
        elif page and not largest.is_legacy:
            ratio = {"media": media(page), "width": largest.width, "height": largest.height}
        for format in picture.offered(page, largest):
            yield _source(picture, picture.ladder(page, format), format, ratio)
        if ratio:
            yield _source(picture, ladder, largest.spec.format, ratio)


def _source(
    picture: Picture, ladder: Ladder, format: str, ratio: Mapping[str, Any]
) -> dict[str, Any]:
    return drop_unset(
        {
            "media": ratio.get("media"),
            "type": RESIZE_FORMATS[format].content_type,
            "srcset": format_srcset(ladder),
            "sizes": picture.sizes,
            "width": ratio.get("width"),
            "height": ratio.get("height"),
        }
    )


def render_preload(file: Any, widths: object, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<link rel="preload">`` of what a ``<picture>`` with these options would load.

    Browsers that do not know its format ignore the link. Of several formats it names the first,
    because a browser that knows two would load both.
    """
    picture, attributes = parse_picture(file, widths, options)
    links = []
    for page, condition in _conditions(picture):
        fallback = picture.ladder(page)
        largest = fallback[max(fallback)]
        if largest.is_legacy:
            continue
        first = next(iter(picture.offered(page, largest)), None)
        ladder = fallback if first is None else picture.ladder(page, first)
        link = {
            "rel": "preload",
            "as": "image",
            "href": ladder[max(ladder)].url,
            "imagesrcset": format_srcset(ladder),
            "imagesizes": picture.sizes,
            "type": RESIZE_FORMATS[first or largest.spec.format].content_type,
            "media": condition,
            "fetchpriority": "high",
        }
        links.append((flatatt(drop_unset({**link, **attributes})),))
    return format_html_join("", "<link{}>", links)


def _conditions(picture: Picture) -> Iterator[tuple[int, str | None]]:
    """Yield each page width of a picture with a condition that excludes all others."""
    below: int | None = None
    for page in picture.ratios:
        parts = [media(page)] if page else []
        if below is not None:
            parts.append(f"(max-width: {below - 0.02:.2f}px)")
        yield page, " and ".join(parts) or None
        below = page


def offered_formats(
    formats: Sequence[str], fallback: Resize, known: Metadata | None, *, animated: bool = False
) -> list[str]:
    """Return formats without the fallback's, and without those that would hold an animation still.

    ``animated`` is the option of the resizes. Raises `InvalidSpec` for what is not a format.
    """
    for format in formats:
        if format not in RESIZE_FORMATS:
            names = ", ".join(RESIZE_FORMATS)
            raise InvalidSpec(f"{format!r} in formats is not a format: use some of {names}.")
    if fallback.is_legacy:
        return []
    own = fallback.spec.format
    moving = {format for format, row in RESIZE_FORMATS.items() if row.animation}
    if animated:
        moving |= MAYBE_ANIMATED
    moves = known is not None and (known.frames or 1) > 1 and RESIZE_FORMATS[own].animation
    return [
        format
        for format in dict.fromkeys(formats)
        if format != own and (format in moving or not moves)
    ]
