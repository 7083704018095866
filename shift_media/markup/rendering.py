"""Rendering of empty fields and of errors, the same for all template engines."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings as django_settings
from django.utils.safestring import SafeString

from shift_media.core.errors import MediaError
from shift_media.markup.elements import Renderer
from shift_media.markup.fallback import fallback_url, render_fallback
from shift_media.markup.files import as_file
from shift_media.markup.options import pop_flag, unknown_option_error
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize

logger = logging.getLogger("shift_media")


def render_picture(
    file: Any, renderer: Renderer, size: object, argument: Any, options: Mapping[str, Any]
) -> SafeString:
    """Return the markup of a picture; that of the fallback for an empty field, or if it fails.

    Args:
        file: the file of a field, or a key.
        renderer: takes the file, ``argument`` and the options.
        size: of the picture, as the tag says it; None where it gives a ratio or nothing.
        argument: the size or the widths, as the renderer takes them.
        options: of the tag.
    """
    if shown := render_element("resize", file, renderer, argument, options):
        return shown
    try:
        return render_fallback(size, options)
    except MediaError as error:
        report_error(error, "fallback picture")
        return SafeString("")


def render_element(kind: str, file: Any, renderer: Renderer, *arguments: Any) -> SafeString:
    """Return the markup of a file; nothing for an empty field, or if it fails."""
    if not file:
        return SafeString("")
    try:
        return renderer(as_file(file), *arguments)
    except MediaError as error:
        report_error(error, kind)
        return SafeString("")


def render_url(file: Any, size: str, options: Mapping[str, Any]) -> str:
    """Return the URL of a resize; that of the fallback for an empty field, or if it fails."""
    options = dict(options)
    try:
        absolute = pop_flag(options, "absolute")
        resize = build_resize(file, size, options)
        if resize is None:
            return fallback_url(absolute)
        return make_absolute(resize.url) if absolute else resize.url
    except MediaError as error:
        report_error(error, "resize")
        return ""


def build_resize(file: Any, size: str, options: Mapping[str, Any]) -> Resize | None:
    """Return the resize of a file; None for an empty field, or if it fails."""
    if not file:
        return None
    try:
        for name in options:
            if name not in OPTIONS:
                raise unknown_option_error(name)
        resize: Resize = as_file(file).resize(size, **options)
        resize.url  # noqa: B018  # raises here what it would raise in the page
    except MediaError as error:
        report_error(error, "resize")
        return None
    return resize


def report_error(error: MediaError, kind: str) -> None:
    """Raise an error when ``DEBUG``, and log it in production."""
    if django_settings.DEBUG:
        raise error
    logger.warning("A %s in a template failed: %s: %s", kind, error.code, error)
