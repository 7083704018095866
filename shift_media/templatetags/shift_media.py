"""``{% load shift_media %}``: resizes in templates.

A tag of an empty field renders nothing. One that fails renders nothing and logs the error, and
raises it when ``DEBUG``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django import template
from django.conf import settings as django_settings
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from shift_media.core.errors import InvalidSpec, MediaError
from shift_media.resizes import Resize

logger = logging.getLogger("shift_media")

register = template.Library()

SPEC_OPTIONS = ("mode", "quality", "upscale", "format", "focal", "crop", "background")


@register.simple_tag
def resize_url(file: Any, size: str, **options: Any) -> str:
    """Give the URL of a resize: ``{% resize_url photo.image "400x300" mode="fill" %}``."""
    made = _resize(file, size, options)
    return "" if made is None else made.url


@register.simple_tag
def resize(file: Any, size: str, **options: Any) -> Resize | str:
    """Give a resize: ``{% resize photo.image "400x300" as img %}{{ img.url }}``."""
    made = _resize(file, size, options)
    return "" if made is None else made


@register.simple_tag
def resize_img(file: Any, size: str, **options: Any) -> SafeString:
    """Write an ``<img>``: ``{% resize_img photo.image "400x300" alt="…" class="…" %}``.

    It has its width and height, loads lazily, and offers a second resize for screens of double
    density. What is no option of a resize becomes an attribute; ``_`` becomes ``-``.
    """
    spec = {name: options.pop(name) for name in SPEC_OPTIONS if name in options}
    made = _resize(file, size, spec)
    if made is None:
        return mark_safe("")
    attributes: dict[str, Any] = {"src": made.url}
    double = _double(file, made)
    if double is not None:
        attributes["srcset"] = f"{made.url} 1x, {double.url} 2x"
    if made.width and made.height:
        attributes |= {"width": made.width, "height": made.height}
    attributes |= {"alt": "", "loading": "lazy", "decoding": "async"}
    attributes |= {name.replace("_", "-"): value for name, value in options.items()}
    kept = {name: value for name, value in attributes.items() if value not in (None, False)}
    return format_html("<img{}>", flatatt(kept))


def _double(file: Any, made: Resize) -> Resize | None:
    """Build the resize of twice the sides; None where the original has no more pixels to give."""
    asked = made.spec
    size = f"{2 * asked.width if asked.width else ''}x{2 * asked.height if asked.height else ''}"
    try:
        double: Resize = file.resize(size, **{name: getattr(asked, name) for name in SPEC_OPTIONS})
    except MediaError:
        return None  # Its sides are over a limit that those of the single one keep.
    same = double.width is not None and (double.width, double.height) == (made.width, made.height)
    return None if same else double


def _resize(file: Any, size: str, options: dict[str, Any]) -> Resize | None:
    if not file:
        return None
    return _guarded(lambda: _built(file, size, options))


def _built(file: Any, size: str, options: dict[str, Any]) -> Resize:
    unknown = options.keys() - set(SPEC_OPTIONS)
    if unknown:
        raise InvalidSpec(
            f"{min(unknown)!r} is not an option of a resize: use one of {', '.join(SPEC_OPTIONS)}."
        )
    resize: Resize = file.resize(size, **options)
    return resize


def _guarded(build: Callable[[], Resize]) -> Resize | None:
    try:
        made = build()
        made.url  # noqa: B018 (a missing signing key must fail here, not in the template)
    except MediaError as error:
        if django_settings.DEBUG:
            raise
        logger.warning("A resize in a template failed: %s: %s", error.code, error)
        return None
    return made


@register.simple_tag
def media_video(file: Any, *, captions: Any = "", **options: Any) -> SafeString:
    """Write a ``<video>``: ``{% media_video clip.video controls=True captions=clip.vtt.url %}``.

    HLS stands first, for browsers that play it, then the MP4s, largest first. As long as there is
    nothing to play it renders nothing. ``captions`` is a URL of WebVTT, with ``srclang`` and
    ``label``; what else is given becomes an attribute, ``_`` in its name a ``-``.
    """
    if not file:
        return mark_safe("")
    try:
        return _video(file.renditions, str(captions), options)
    except MediaError as error:
        if django_settings.DEBUG:
            raise
        logger.warning("A video in a template failed: %s: %s", error.code, error)
        return mark_safe("")


def _video(renditions: list[Any], captions: str, options: dict[str, Any]) -> SafeString:
    playable = [r for kind in ("hls", "mp4", "audio") for r in renditions if r.kind == kind]
    if not playable:
        return mark_safe("")
    attributes: dict[str, Any] = {"preload": "metadata", "playsinline": True}
    largest = next((r for r in playable if r.width), None)
    if largest is not None:
        attributes |= {"width": largest.width, "height": largest.height}
    extras = {"poster": "poster", "data-preview": "sprite"}
    for name, kind in extras.items():
        found = next((r for r in renditions if r.kind == kind), None)
        attributes |= {name: found.url} if found else {}
    track = {"srclang": options.pop("srclang", "en"), "label": options.pop("label", None)}
    attributes |= {name.replace("_", "-"): value for name, value in options.items()}
    sources = format_html_join(
        "", '<source src="{}" type="{}">', ((r.url, r.content_type) for r in playable)
    )
    if captions:
        named = {"kind": "captions", "src": captions, **track}
        sources += format_html("<track{}>", flatatt(_given(named)))
    return format_html("<video{}>{}</video>", flatatt(_given(attributes)), sources)


def _given(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value not in (None, False)}
