"""``{% load shift_media %}``: resizes and videos in templates.

A tag of an empty field renders nothing. A tag that fails raises the error when ``DEBUG``; else it
renders nothing and logs the error.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.template.base import Parser, Token
from django.utils.safestring import SafeString

from shift_media.markup import elements, image_set, picture, players
from shift_media.markup.rendering import render_element, render_picture
from shift_media.markup.widths import AUTO
from shift_media.templatetags.nodes import ResizeNode, ResizeUrlNode

register = template.Library()


@register.tag
def resize_url(parser: Parser, token: Token) -> template.Node:
    """Render the URL of a resize: ``{% resize_url photo.image "400x300" mode="fill" %}``."""
    return ResizeUrlNode.parse(parser, token)


@register.tag
def resize(parser: Parser, token: Token) -> template.Node:
    """Return a resize: ``{% resize photo.image "400x300" as img %}{{ img.url }}``."""
    return ResizeNode.parse(parser, token)


@register.simple_tag
def resize_img(file: Any, size: str, **options: Any) -> SafeString:
    """Render an ``<img>``: ``{% resize_img photo.image "400x300" alt="…" class="…" %}``.

    It has its width and height, loads lazily, and offers a second resize for screens of double
    density. Other options than those of a resize become attributes, with ``-`` for ``_``.
    """
    return render_picture(file, elements.render_image, size, size, options)


@register.simple_tag
def resize_video(file: Any, size: str, **options: Any) -> SafeString:
    """Render a ``<video>`` that loops, of a GIF: ``{% resize_video photo.image "640x" %}``.

    It plays the renditions of the field's profile, such as ``transcode="animation"``, silently.
    Its poster is the first frame, as a resize. A file without renditions is shown as by
    ``resize_img``, whose options it takes.
    """
    return render_picture(file, players.render_loop, size, size, options)


@register.simple_tag
def resize_picture(file: Any, widths: Any = AUTO, **options: Any) -> SafeString:
    """Render a ``<picture>`` of several widths and formats, never wider than the original.

    ``{% resize_picture photo.image widths="320 640 1280" formats="avif webp" sizes="100vw" %}``:
    browsers take the first of the formats that they know, or else the ``<img>``, which is in the
    original's format or in that of ``format=``. Without ``widths`` they follow from ``sizes``.
    ``size="4x3 lg:16x9"`` gives the ratio for the modes that need both sides, and another one for
    pages from a breakpoint on, and ``file_lg=photo.wide`` another file. Other options than those
    of a resize become attributes of the ``<img>``, as for ``resize_img``.
    """
    return render_picture(file, picture.render_picture, None, widths, options)


@register.simple_tag
def resize_preload(file: Any, widths: Any = AUTO, **options: Any) -> SafeString:
    """Render a ``<link rel="preload">`` for the ``<head>``, of what a picture would load.

    Its options are those of ``resize_picture``.
    """
    return render_element("preload", file, picture.render_preload, widths, options)


@register.simple_tag
def resize_image_set(file: Any, size: str, **options: Any) -> SafeString:
    """Render ``image-set(…)`` for CSS: ``{% resize_image_set p.image "800x" formats="avif" %}``.

    It offers the resize in each format and in the original's, for plain and dense screens.
    """
    return render_element("image-set", file, image_set.render_image_set, size, options)


@register.simple_tag
def media_video(file: Any, *, captions: Any = "", **options: Any) -> SafeString:
    """Render a ``<video>``: ``{% media_video clip.video controls=True captions=clip.vtt.url %}``.

    HLS comes first, for browsers that play it, then the MP4s by codec and size, best first. As
    long as there is nothing to play it renders nothing. ``captions`` is a URL of WebVTT, with
    ``srclang`` and ``label``. Other options become attributes, with ``-`` for ``_``.
    """
    return render_element("video", file, players.render_video, str(captions), options)


@register.simple_tag
def media_player(**options: Any) -> SafeString:
    """Render the ``<script>`` that plays HLS in all browsers: ``{% media_player %}``, once a page.

    It loads ``hls.js`` where a video needs it, from where ``SHIFT_MEDIA["HLS_JS"]`` says. Options
    become attributes, such as ``nonce``.
    """
    return players.render_player(options)


@register.simple_tag
def media_audio(file: Any, **options: Any) -> SafeString:
    """Render an ``<audio>``: ``{% media_audio song.sound controls=True %}``.

    Its sources are the sounds of the profile, in its order. As long as there is nothing to play it
    renders nothing. Options become attributes, with ``-`` for ``_``.
    """
    return render_element("audio", file, players.render_audio, options)
