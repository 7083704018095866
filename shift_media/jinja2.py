"""The template tags as functions for Jinja2.

Add the extension to the environment, in Django's ``TEMPLATES`` or elsewhere:
``"extensions": ["shift_media.jinja2.MediaExtension"]``. Its functions have the names and the
arguments of the tags: ``{{ resize_img(photo.image, "400x300", alt="A lake") }}``.
"""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from shift_media.core.errors import MissingExtra
from shift_media.markup import elements, image_set, picture, players
from shift_media.markup.rendering import build_resize, render_element, render_picture, render_url
from shift_media.markup.widths import AUTO
from shift_media.resizes.resize import Resize

try:
    from jinja2 import Environment
    from jinja2.ext import Extension
except ImportError as error:
    raise MissingExtra("Jinja2", "jinja2") from error


def resize_url(file: Any, size: str, **options: Any) -> str:
    """Return the URL of a resize, as the tag ``resize_url`` does; ``""`` for an empty field."""
    return render_url(file, size, options)


def resize(file: Any, size: str, **options: Any) -> Resize | str:
    """Return a resize, as the tag ``resize`` does; ``""`` for an empty field."""
    return build_resize(file, size, options) or ""


def resize_img(file: Any, size: str, **options: Any) -> SafeString:
    """Return an ``<img>``, as the tag ``resize_img`` does."""
    return render_picture(file, elements.render_image, size, size, options)


def resize_video(file: Any, size: str, **options: Any) -> SafeString:
    """Return a ``<video>`` that loops, as the tag ``resize_video`` does."""
    return render_picture(file, players.render_loop, size, size, options)


def resize_picture(file: Any, widths: Any = AUTO, **options: Any) -> SafeString:
    """Return a ``<picture>``, as the tag ``resize_picture`` does."""
    return render_picture(file, picture.render_picture, None, widths, options)


def resize_preload(file: Any, widths: Any = AUTO, **options: Any) -> SafeString:
    """Return a ``<link rel="preload">``, as the tag ``resize_preload`` does."""
    return render_element("preload", file, picture.render_preload, widths, options)


def resize_image_set(file: Any, size: str, **options: Any) -> SafeString:
    """Return ``image-set(…)`` for CSS, as the tag ``resize_image_set`` does."""
    return render_element("image-set", file, image_set.render_image_set, size, options)


def media_video(file: Any, *, captions: Any = "", **options: Any) -> SafeString:
    """Return a ``<video>``, as the tag ``media_video`` does."""
    return render_element("video", file, players.render_video, str(captions), options)


def media_player(**options: Any) -> SafeString:
    """Return the ``<script>`` of the player, as the tag ``media_player`` does."""
    return players.render_player(options)


def media_audio(file: Any, **options: Any) -> SafeString:
    """Return an ``<audio>``, as the tag ``media_audio`` does."""
    return render_element("audio", file, players.render_audio, options)


FUNCTIONS = (
    resize_url,
    resize,
    resize_img,
    resize_video,
    resize_picture,
    resize_preload,
    resize_image_set,
    media_video,
    media_audio,
    media_player,
)
"""The functions that templates call, one for each tag."""


class MediaExtension(Extension):
    """Adds `FUNCTIONS` to the globals of an environment."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update({function.__name__: function for function in FUNCTIONS})
