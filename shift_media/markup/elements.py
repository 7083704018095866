"""The HTML of the template tags: ``<img>``, ``<picture>`` and ``<video>``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from shift_media.core.errors import InvalidSpec, MediaError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.metadata import Metadata
from shift_media.markup.options import pop_flag, split_options
from shift_media.markup.sizes import format_sizes
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.legacy import shown_size
from shift_media.resizes.resize import Resize
from shift_media.resizes.srcset import format_srcset

Renderer = Callable[..., SafeString]

_OBJECT_FIT = {"fill": "cover", "pad": "contain"}
"""How browsers fit a picture into a box of another ratio, by the mode of the resize."""

_WAITING = (
    "<p>This video is not transcoded yet, and no worker ran for an hour. Run: "
    "<code>python manage.py media_transcode</code></p>"
)

PLAYABLE = "hls", "mp4", "webm", "audio"
"""The kinds of renditions that a ``<video>`` offers, in this order: browsers take the first."""


def render_image(file: Any, size: str, options: Mapping[str, Any]) -> SafeString:
    """Render an ``<img>`` of a resize, and of one of double the sides for dense screens."""
    spec, attributes = split_options(options, (*OPTIONS, "absolute"))
    to_url = make_absolute if pop_flag(spec, "absolute") else str
    resize: Resize = file.resize(size, **spec)
    sources: dict[str, Any] = {"src": to_url(resize.url)}
    double = _double(file, resize)
    if double is not None:
        sources["srcset"] = f"{to_url(resize.url)} 1x, {to_url(double.url)} 2x"
    return _img(resize, sources, attributes)


def _double(file: Any, resize: Resize) -> Resize | None:
    """Build the resize of twice the sides; None where the original has no more pixels to give."""
    if resize.is_legacy:
        return None
    spec = resize.spec
    size = f"{2 * spec.width if spec.width else ''}x{2 * spec.height if spec.height else ''}"
    try:
        double: Resize = file.resize(size, **{name: getattr(spec, name) for name in OPTIONS})
    except MediaError:
        return None  # Its sides are over a limit that the single resize keeps.
    is_same = double.width is not None and double.size == resize.size
    return None if is_same else double


def render_picture(file: Any, widths: object, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<picture>``: a ``<source>`` for each format, and an ``<img>`` as the fallback."""
    spec, attributes = split_options(options, (*OPTIONS, "size", "formats"))
    sizes = format_sizes(attributes.pop("sizes", None))
    formats = _split_words(spec.pop("formats", ""))
    numbers = _parse_widths(widths)
    fallback: dict[int, Resize] = file.ladder(numbers, **spec)
    largest = fallback[max(fallback)]
    sources = []
    if largest.is_legacy:
        formats = ()
    for format in _extra_formats(formats, largest.spec.format, file.known_metadata):
        srcset = format_srcset(file.ladder(numbers, **{**spec, "format": format}))
        content_type = RESIZE_FORMATS[format].content_type
        source = {"type": content_type, "srcset": srcset, "sizes": sizes}
        sources.append((flatatt(_drop_unset(source)),))
    return format_html(
        "<picture>{}{}</picture>",
        format_html_join("", "<source{}>", sources),
        _img(
            largest,
            {"src": largest.url, "srcset": format_srcset(fallback) or None, "sizes": sizes},
            attributes,
        ),
    )


def _extra_formats(formats: Sequence[str], fallback: str, known: Metadata | None) -> list[str]:
    """Leave out the format of the ``<img>``, and formats that would hold an animation still."""
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


def _parse_widths(given: object) -> list[int]:
    """Return the widths in ``"320 640 1280"``, a list of numbers or a single number."""
    try:
        words = [given] if isinstance(given, int) else _split_words(given)
        widths = [int(word) for word in words]
    except (TypeError, ValueError):
        widths = []
    if not widths or min(widths) < 1:
        raise InvalidSpec(f'widths is {given!r}: write whole numbers, such as "320 640 1280".')
    return widths


def _split_words(given: Any) -> Sequence[Any]:
    return given.split() if isinstance(given, str) else list(given)


def render_video(file: Any, captions: str, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<video>`` with its sources, poster and captions; nothing without sources.

    When ``DEBUG``, a paragraph says instead that no worker runs the job of the video.
    """
    given, others = split_options(options, ("captions", "srclang", "label"))
    renditions = file.renditions
    playable = [r for kind in PLAYABLE for r in renditions if r.kind == kind]
    if not playable and not file.is_legacy:
        return SafeString(_WAITING if django_settings.DEBUG and file.waits_for_worker else "")
    attributes: dict[str, Any] = {"preload": "metadata", "playsinline": True}
    largest = next((r for r in playable if r.width), None)
    if largest is not None:
        attributes |= {"width": largest.width, "height": largest.height}
    for name, kind in (("poster", "poster"), ("data-preview", "sprite")):
        extra = next((r for r in renditions if r.kind == kind), None)
        attributes |= {name: extra.url} if extra else {}
    track = {"srclang": given.get("srclang", "en"), "label": given.get("label")}
    attributes |= others
    sources = format_html_join(
        "", '<source src="{}" type="{}">', ((r.url, r.content_type) for r in playable)
    )
    if file.is_legacy:
        sources = format_html('<source src="{}">', file.url)
    if captions:
        track = {"kind": "captions", "src": captions, **track}
        sources += format_html("<track{}>", flatatt(_drop_unset(track)))
    return format_html("<video{}>{}</video>", flatatt(_drop_unset(attributes)), sources)


def _img(resize: Resize, sources: dict[str, Any], attributes: Mapping[str, Any]) -> SafeString:
    """Render an ``<img>`` with its size, so that the page does not move when it is loaded."""
    defaults = {"alt": "", "loading": "lazy", "decoding": "async"}
    sources["width"], sources["height"] = shown_size(resize)
    if attributes.get("fetchpriority") == "high":
        del defaults["loading"]  # Browsers delay a lazy picture until they know where it is shown.
    if resize.is_legacy and resize.spec.mode in _OBJECT_FIT:
        # The file has another ratio than the resize would have.
        defaults["style"] = f"object-fit: {_OBJECT_FIT[resize.spec.mode]}"
    return format_html("<img{}>", flatatt(_drop_unset({**sources, **defaults, **attributes})))


def _drop_unset(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value not in (None, False)}
