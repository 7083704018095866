"""The HTML that the tags write: ``<img>``, ``<picture>`` and ``<video>``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from shift_media.core.errors import InvalidSpec, MediaError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.metadata import Metadata
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize
from shift_media.resizes.srcset import joined

Writer = Callable[..., SafeString]

PLAYABLE = "hls", "mp4", "webm", "audio"
"""The kinds of renditions that a ``<video>`` offers, in this order: browsers take the first."""


def image(file: Any, size: str, options: Mapping[str, Any]) -> SafeString:
    """Write an ``<img>`` of a resize, and of one of double the sides for dense screens."""
    spec, given = _divided(options, OPTIONS)
    made: Resize = file.resize(size, **spec)
    attributes: dict[str, Any] = {"src": made.url}
    double = _double(file, made)
    if double is not None:
        attributes["srcset"] = f"{made.url} 1x, {double.url} 2x"
    return _img(made, attributes, given)


def _double(file: Any, made: Resize) -> Resize | None:
    """Build the resize of twice the sides; None where the original has no more pixels to give."""
    asked = made.spec
    size = f"{2 * asked.width if asked.width else ''}x{2 * asked.height if asked.height else ''}"
    try:
        double: Resize = file.resize(size, **{name: getattr(asked, name) for name in OPTIONS})
    except MediaError:
        return None  # Its sides are over a limit that those of the single one keep.
    same = double.width is not None and (double.width, double.height) == (made.width, made.height)
    return None if same else double


def picture(file: Any, widths: object, options: Mapping[str, Any]) -> SafeString:
    """Write a ``<picture>``: a ``<source>`` for each format, and an ``<img>`` for all others."""
    spec, given = _divided(options, (*OPTIONS, "size"))
    sizes, formats = given.pop("sizes", None), _words(given.pop("formats", ""))
    steps = _widths(widths)
    fallback: dict[int, Resize] = file.ladder(steps, **spec)
    largest = fallback[max(fallback)]
    sources = []
    for format in _offered(formats, largest.spec.format, file.known_metadata):
        offered = joined(file.ladder(steps, **{**spec, "format": format}))
        kind = RESIZE_FORMATS[format].content_type
        source = {"type": kind, "srcset": offered, "sizes": sizes}
        sources.append((flatatt(_kept(source)),))
    attributes = {"src": largest.url, "srcset": joined(fallback), "sizes": sizes}
    return format_html(
        "<picture>{}{}</picture>",
        format_html_join("", "<source{}>", sources),
        _img(largest, attributes, given),
    )


def _offered(formats: Sequence[str], fallback: str, known: Metadata | None) -> list[str]:
    """Leave out what the ``<img>`` has already, and what would hold an animation still."""
    for format in formats:
        if format not in RESIZE_FORMATS:
            names = ", ".join(RESIZE_FORMATS)
            raise InvalidSpec(f"{format!r} in formats is not a format: use some of {names}.")
    moves = known is not None and (known.frames or 1) > 1 and RESIZE_FORMATS[fallback].animation
    return [
        format
        for format in dict.fromkeys(formats)
        if format != fallback and (RESIZE_FORMATS[format].animation or not moves)
    ]


def _widths(given: object) -> list[int]:
    """Read ``"320 640 1280"``, or take a list of numbers or a single one."""
    try:
        widths = [int(word) for word in ([given] if isinstance(given, int) else _words(given))]
    except (TypeError, ValueError):
        widths = []
    if not widths or min(widths) < 1:
        raise InvalidSpec(f'widths is {given!r}: write whole numbers, such as "320 640 1280".')
    return widths


def _words(given: Any) -> Sequence[Any]:
    return given.split() if isinstance(given, str) else list(given)


def video(file: Any, captions: str, options: dict[str, Any]) -> SafeString:
    """Write a ``<video>`` with its sources, poster and captions; nothing before there are any."""
    renditions = file.renditions
    playable = [r for kind in PLAYABLE for r in renditions if r.kind == kind]
    if not playable:
        return SafeString("")
    attributes: dict[str, Any] = {"preload": "metadata", "playsinline": True}
    largest = next((r for r in playable if r.width), None)
    if largest is not None:
        attributes |= {"width": largest.width, "height": largest.height}
    extras = {"poster": "poster", "data-preview": "sprite"}
    for name, kind in extras.items():
        found = next((r for r in renditions if r.kind == kind), None)
        attributes |= {name: found.url} if found else {}
    track = {"srclang": options.pop("srclang", "en"), "label": options.pop("label", None)}
    attributes |= _attributes(options)
    sources = format_html_join(
        "", '<source src="{}" type="{}">', ((r.url, r.content_type) for r in playable)
    )
    if captions:
        named = {"kind": "captions", "src": captions, **track}
        sources += format_html("<track{}>", flatatt(_kept(named)))
    return format_html("<video{}>{}</video>", flatatt(_kept(attributes)), sources)


def _divided(
    options: Mapping[str, Any], names: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tell the options of a resize from what becomes an attribute."""
    spec = {name: value for name, value in options.items() if name in names}
    return spec, {name: value for name, value in options.items() if name not in names}


def _img(made: Resize, attributes: dict[str, Any], given: Mapping[str, Any]) -> SafeString:
    """Write an ``<img>`` that keeps its place before it is loaded, which is when it is seen."""
    if made.width and made.height:
        attributes |= {"width": made.width, "height": made.height}
    attributes |= {"alt": "", "loading": "lazy", "decoding": "async", **_attributes(given)}
    return format_html("<img{}>", flatatt(_kept(attributes)))


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in given.items()}


def _kept(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value not in (None, False)}
