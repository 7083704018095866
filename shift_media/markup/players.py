"""The HTML of ``<video>``, ``<audio>``, and of the script that plays HLS where browsers do not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.conf import settings as django_settings
from django.forms.utils import flatatt
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from shift_media.conf import settings
from shift_media.core.formats import BY_EXTENSION, UNKNOWN
from shift_media.markup.decoration import FLAGS, Decoration
from shift_media.markup.elements import drop_unset, render_image
from shift_media.markup.options import pop_flag, split_options
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.legacy import shown_size
from shift_media.resizes.resize import Resize

_WAITING = (
    "<p>This file is not transcoded yet, and no worker ran for an hour. Run: "
    "<code>python manage.py media_transcode</code></p>"
)

PLAYABLE: Final = "hls", "mp4", "webm", "audio"
"""The kinds of renditions that a ``<video>`` offers, of which browsers take the first."""

_PLACES: Final = {"hls": 0, "audio": 2}
"""The places of kinds among the sources; files with a picture stand between them."""

_BEST_FIRST: Final = "av01", "hvc1", "hev1", "vp09", "vp9", "avc1"
"""The codecs of files in this order: those that show more for the same bit rate come first, and
browsers that do not know them take a later one."""

_ADDRESS = re.compile(r"/|https?://")
PLAYER: Final = "shift_media/player.js"
"""The static file of the player."""


def render_video(file: Any, captions: str, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<video>`` with its sources, poster and tracks; nothing without sources.

    When ``DEBUG``, a paragraph says instead that no worker runs the job of the video.
    """
    given, others = split_options(options, ("captions", "srclang", "label"))
    renditions = file.renditions
    playable = order_sources(renditions)
    if not playable and not file.is_legacy:
        return _explain_waiting(file)
    found = {each.kind: each.url for each in reversed(renditions)}
    attributes: dict[str, Any] = {
        "preload": "metadata",
        "playsinline": True,
        **_sides(file, playable),
        "poster": found.get("poster"),
        "data-preview": found.get("sprite"),
        **others,
    }
    content = _render_sources(file, playable)
    if captions:
        track = {"srclang": given.get("srclang", "en"), "label": given.get("label")}
        track = {"kind": "captions", "src": captions, **track}
        content += format_html("<track{}>", flatatt(drop_unset(track)))
    else:
        content += format_html_join(
            "",
            '<track kind="captions" src="{}" srclang="{}">',
            ((each.url, each.language) for each in file.list_captions(renditions)),
        )
    if sprite := found.get("sprite"):
        content += format_html('<track kind="metadata" label="thumbnails" src="{}">', sprite)
    return format_html("<video{}>{}</video>", flatatt(drop_unset(attributes)), content)


def render_loop(file: Any, size: str, options: Mapping[str, Any]) -> SafeString:
    """Render a ``<video>`` that loops without sound; the ``<img>`` of a resize without sources.

    An ``alt`` becomes its label, because a ``<video>`` has no such attribute.
    """
    format = BY_EXTENSION.get(str(getattr(file, "name", "")).rpartition(".")[2], UNKNOWN)
    # Other pictures have no renditions to ask the database for.
    may_move = format.transcoded and not file.is_legacy
    playable = order_sources(file.renditions) if may_move else []
    if not playable:
        return render_image(file, size, options)
    spec, attributes = split_options(options, (*OPTIONS, *FLAGS, "absolute"))
    to_url = make_absolute if pop_flag(spec, "absolute") else str
    decoration = Decoration.pop(spec)
    poster: Resize = file.resize(size, **{"format": "jpg", **spec})
    width, height = shown_size(poster)
    for name in ("loading", "decoding", "fetchpriority"):
        attributes.pop(name, None)  # of an <img>
    label = attributes.pop("alt", None)
    shown: dict[str, Any] = {
        "width": width,
        "height": height,
        "poster": to_url(poster.url),
        "preload": "metadata",
        **dict.fromkeys(("autoplay", "muted", "loop", "playsinline"), True),
        **({"role": "img", "aria-label": label} if label else {}),
        **decoration.attributes(attributes),
    }
    sources = _render_sources(file, playable)
    return format_html("<video{}>{}</video>", flatatt(drop_unset(shown)), sources)


def order_sources(renditions: Iterable[Any]) -> list[Any]:
    """Return what a ``<video>`` offers, best first.

    HLS comes first, because it adapts. MP4s and WebMs are ordered by their codecs and then by
    their size. What does not differ in these stays in the order of the profile.
    """
    playable = [each for each in renditions if each.kind in PLAYABLE]
    return sorted(playable, key=_quality)


def _quality(rendition: Any) -> tuple[int, int, int]:
    codec = rendition.codecs.partition(",")[0].partition(".")[0]
    rank = _BEST_FIRST.index(codec) if codec in _BEST_FIRST else len(_BEST_FIRST)
    area = (rendition.width or 0) * (rendition.height or 0)
    return _PLACES.get(rendition.kind, 1), rank, -area


def _sides(file: Any, playable: Iterable[Any]) -> dict[str, int]:
    """Return the attributes by which a page keeps room for a video before it is loaded."""
    sized = [each for each in playable if each.width and each.height]
    largest: Any = max(sized, key=lambda each: each.width * each.height, default=None)
    largest = largest or file.known_metadata
    if largest is None or not (largest.width and largest.height):
        return {}
    return {"width": largest.width, "height": largest.height}


def render_audio(file: Any, options: Mapping[str, Any]) -> SafeString:
    """Render an ``<audio>`` with its sources; nothing without sources.

    When ``DEBUG``, a paragraph says instead that no worker runs the job of the sound.
    """
    _, others = split_options(options, ())
    playable = [rendition for rendition in file.renditions if rendition.kind == "audio"]
    if not playable and not file.is_legacy:
        return _explain_waiting(file)
    attributes = {"preload": "metadata", **others}
    content = _render_sources(file, playable)
    return format_html("<audio{}>{}</audio>", flatatt(drop_unset(attributes)), content)


def _explain_waiting(file: Any) -> SafeString:
    return SafeString(_WAITING if django_settings.DEBUG and file.waits_for_worker else "")


def _render_sources(file: Any, playable: Iterable[Any]) -> SafeString:
    """Render a ``<source>`` for each rendition; of a legacy name for the file itself."""
    if file.is_legacy:
        return format_html('<source src="{}">', file.url)
    pairs = ((rendition.url, _type_of(rendition)) for rendition in playable)
    return format_html_join("", '<source src="{}" type="{}">', pairs)


def _type_of(rendition: Any) -> str:
    """Return the content type with the codecs (RFC 6381), if they are known."""
    codecs = f'; codecs="{rendition.codecs}"' if rendition.codecs else ""
    return f"{rendition.content_type}{codecs}"


def player_attributes() -> dict[str, Any]:
    """Return the attributes of the player's ``<script>`` beside its source; see ``HLS_JS``."""
    attributes: dict[str, Any] = {"defer": True}
    if hls := settings.HLS_JS:
        source = hls["src"]
        attributes["data-hls"] = source if _ADDRESS.match(source) else static(source)
        attributes["data-integrity"] = hls.get("integrity")
    attributes["data-error"] = gettext("This video cannot be played in this browser.")
    attributes["data-download"] = gettext("Download it")
    return drop_unset(attributes)


def render_player(options: Mapping[str, Any]) -> SafeString:
    """Render the ``<script>`` of the player, without inline code."""
    _, others = split_options(options, ())
    attributes = {"src": static(PLAYER), **player_attributes(), **others}
    return format_html("<script{}></script>", flatatt(drop_unset(attributes)))
