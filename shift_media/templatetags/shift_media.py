"""``{% load shift_media %}``: resizes and videos in templates.

A tag of an empty field renders nothing. One that fails renders nothing and logs the error, and
raises it when ``DEBUG``.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.utils.safestring import SafeString

from shift_media.core.errors import MediaError
from shift_media.templatetags import markup
from shift_media.templatetags.nodes import ResizeNode, ResizeUrlNode, report

register = template.Library()


@register.tag
def resize_url(parser: Parser, token: Token) -> template.Node:
    """Give the URL of a resize: ``{% resize_url photo.image "400x300" mode="fill" %}``."""
    return ResizeUrlNode.parse(parser, token)


@register.tag
def resize(parser: Parser, token: Token) -> template.Node:
    """Give a resize: ``{% resize photo.image "400x300" as img %}{{ img.url }}``."""
    return ResizeNode.parse(parser, token)


@register.simple_tag
def resize_img(file: Any, size: str, **options: Any) -> SafeString:
    """Write an ``<img>``: ``{% resize_img photo.image "400x300" alt="…" class="…" %}``.

    It has its width and height, loads lazily, and offers a second resize for screens of double
    density. What is no option of a resize becomes an attribute; ``_`` becomes ``-``.
    """
    return _written("resize", file, markup.image, size, options)


@register.simple_tag
def resize_picture(file: Any, widths: Any, **options: Any) -> SafeString:
    """Write a ``<picture>`` that offers several widths and formats, never wider than the original.

    ``{% resize_picture photo.image widths="320 640 1280" formats="avif webp" sizes="100vw" %}``:
    the formats in this order, the first that the browser knows being taken, and an ``<img>`` in
    the original's format, or in that of ``format=``, for all others. ``size="4x3"`` gives the
    ratio for the modes that need both sides. What is no option of a resize becomes an attribute
    of the ``<img>``, as for ``resize_img``.
    """
    return _written("resize", file, markup.picture, widths, options)


@register.simple_tag
def media_video(file: Any, *, captions: Any = "", **options: Any) -> SafeString:
    """Write a ``<video>``: ``{% media_video clip.video controls=True captions=clip.vtt.url %}``.

    HLS stands first, for browsers that play it, then the MP4s, largest first. As long as there is
    nothing to play it renders nothing. ``captions`` is a URL of WebVTT, with ``srclang`` and
    ``label``; what else is given becomes an attribute, ``_`` in its name a ``-``.
    """
    return _written("video", file, markup.video, str(captions), options)


def _written(what: str, file: Any, write: markup.Writer, *arguments: Any) -> SafeString:
    """Write the markup of a file; nothing where there is none, or where it fails."""
    if not file:
        return SafeString("")
    try:
        return write(file, *arguments)
    except MediaError as error:
        report(error, what)
        return SafeString("")
