"""The HTML of the template tags ``<img>`` and ``<video>``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings as django_settings
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from shift_media.core.errors import MediaError
from shift_media.markup.decoration import FLAGS, Decoration
from shift_media.markup.options import pop_flag, split_options
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS, build_scaled
from shift_media.resizes.legacy import shown_size
from shift_media.resizes.resize import Resize
from shift_media.video.captions import language_of

Renderer = Callable[..., SafeString]

_OBJECT_FIT = {"fill": "cover", "pad": "contain"}
"""How browsers fit a picture into a box of another ratio, by the mode of the resize."""

_WAITING = (
    "<p>This file is not transcoded yet, and no worker ran for an hour. Run: "
    "<code>python manage.py media_transcode</code></p>"
)

PLAYABLE = "hls", "mp4", "webm", "audio"
"""The kinds of renditions that a ``<video>`` offers, in this order: browsers take the first."""


def render_image(file: Any, size: str, options: Mapping[str, Any]) -> SafeString:
    """Render an ``<img>`` of a resize, and of one of double the sides for dense screens."""
    spec, attributes = split_options(options, (*OPTIONS, *FLAGS, "absolute"))
    to_url = make_absolute if pop_flag(spec, "absolute") else str
    decoration = Decoration.pop(spec)
    resize: Resize = file.resize(size, **spec)
    sources: dict[str, Any] = {"src": to_url(resize.url)}
    double = build_double(resize)
    if double is not None:
        sources["srcset"] = f"{to_url(resize.url)} 1x, {to_url(double.url)} 2x"
    html = render_img(resize, sources, decoration.attributes(attributes))
    return decoration.surround(html, file)


def build_double(resize: Resize) -> Resize | None:
    """Build the resize of twice the sides; None where the original has no more pixels to give."""
    if resize.is_legacy:
        return None
    try:
        double = build_scaled(resize, 2)
    except MediaError:
        return None  # Its sides are over a limit that the single resize keeps.
    is_same = double.width is not None and double.size == resize.size
    return None if is_same else double


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
    sources = _render_sources(file, playable)
    if captions:
        track = {"kind": "captions", "src": captions, **track}
        sources += format_html("<track{}>", flatatt(drop_unset(track)))
    else:
        sources += format_html_join(
            "",
            '<track kind="captions" src="{}" srclang="{}">',
            ((r.url, language_of(r.key)) for r in renditions if r.kind == "captions"),
        )
    return format_html("<video{}>{}</video>", flatatt(drop_unset(attributes)), sources)


def render_audio(file: Any, options: Mapping[str, Any]) -> SafeString:
    """Render an ``<audio>`` with its sources; nothing without sources.

    When ``DEBUG``, a paragraph says instead that no worker runs the job of the sound.
    """
    _, others = split_options(options, ())
    playable = [rendition for rendition in file.renditions if rendition.kind == "audio"]
    if not playable and not file.is_legacy:
        return SafeString(_WAITING if django_settings.DEBUG and file.waits_for_worker else "")
    attributes = {"preload": "metadata", **others}
    sources = _render_sources(file, playable)
    return format_html("<audio{}>{}</audio>", flatatt(drop_unset(attributes)), sources)


def _render_sources(file: Any, playable: Sequence[Any]) -> SafeString:
    """Render a ``<source>`` for each rendition; of a legacy name for the file itself."""
    if file.is_legacy:
        return format_html('<source src="{}">', file.url)
    pairs = ((rendition.url, rendition.content_type) for rendition in playable)
    return format_html_join("", '<source src="{}" type="{}">', pairs)


def render_img(
    resize: Resize, sources: dict[str, Any], attributes: Mapping[str, Any]
) -> SafeString:
    """Render an ``<img>`` with its size, so that the page does not move when it is loaded."""
    defaults = {"alt": "", "loading": "lazy", "decoding": "async"}
    sources["width"], sources["height"] = shown_size(resize)
    if attributes.get("fetchpriority") == "high":
        del defaults["loading"]  # Browsers delay a lazy picture until they know where it is shown.
    if resize.is_legacy and resize.spec.mode in _OBJECT_FIT:
        # The file has another ratio than the resize would have.
        defaults["style"] = f"object-fit: {_OBJECT_FIT[resize.spec.mode]}"
    return format_html("<img{}>", flatatt(drop_unset({**sources, **defaults, **attributes})))


def drop_unset(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes without those that are None or False."""
    return {name: value for name, value in attributes.items() if value not in (None, False)}
