"""The picture of ``SHIFT_MEDIA["FALLBACK"]``, for empty fields and files that fail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.forms.utils import flatatt
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shift_media.conf import settings
from shift_media.markup.options import split_options
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS

_SIDES = re.compile(r"([1-9][0-9]*)x([1-9][0-9]*)")
_ADDRESS = re.compile(r"/|https?://|data:")
_OWN_OPTIONS = (*OPTIONS, "size", "formats", "absolute")


def fallback_url(absolute: object = False) -> str:
    """Return the URL of the fallback picture; ``""`` if there is none.

    Raises `ConfigurationError` if an absolute one cannot be built.
    """
    picture = settings.FALLBACK
    if picture is None:
        return ""
    url = picture if _ADDRESS.match(picture) else static(picture)
    return make_absolute(url) if absolute is True and not url.startswith("data:") else url


def render_fallback(size: object, options: Mapping[str, Any]) -> SafeString:
    """Render an ``<img>`` of the fallback picture; nothing if there is none.

    Args:
        size: of the resize that it stands for. Its sides are those of the picture, if both are
            given.
        options: those of the tag, of which the attributes are kept.
    """
    url = fallback_url(options.get("absolute"))
    if not url:
        return SafeString("")
    _, attributes = split_options(options, _OWN_OPTIONS)
    attributes.pop("sizes", None)
    preset = settings.PRESETS.get(size, {}) if isinstance(size, str) else {}
    sides = _SIDES.fullmatch(str(preset.get("size", size)))
    shown = {"width": sides[1], "height": sides[2]} if sides else {}
    defaults = {"src": url, **shown, "alt": "", "loading": "lazy", "decoding": "async"}
    found = {**defaults, **attributes}
    kept = {name: value for name, value in found.items() if value not in (None, False)}
    return format_html("<img{}>", flatatt(kept))
