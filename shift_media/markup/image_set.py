"""``image-set()`` for backgrounds in CSS.

Source: CSS Images Module Level 4, section "Resolution/Type Negotiation: the image-set() notation".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from django.utils.safestring import SafeString

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.markup.elements import build_double
from shift_media.markup.options import split_options, unknown_option_error
from shift_media.markup.picture import offered_formats
from shift_media.markup.widths import split_words
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize

_KEPT: Final = "%/:?#[]@!$&()*+,;=~"
"""Characters that stay in a URL between single quotes, in a ``<style>`` and in an attribute."""


def render_image_set(file: Any, size: str, options: Mapping[str, Any]) -> SafeString:
    """Return ``image-set(…)`` of a resize in several formats, each for two densities.

    The last format is the original's, or that of ``format=``, for browsers that know none of the
    others.
    """
    spec, others = split_options(options, (*OPTIONS, "formats"))
    for name in others:
        raise unknown_option_error(name)
    formats = split_words(spec.pop("formats", ""))
    fallback: Resize = file.resize(size, **spec)
    if fallback.is_legacy:
        return SafeString(f"image-set({_url(fallback)} 1x)")
    choices = []
    animated, known = bool(spec.get("animated")), file.known_metadata
    offered = offered_formats(formats, fallback, known, animated=animated)
    for format in [*offered, fallback.spec.format]:
        resize = file.resize(size, **{**spec, "format": format})
        content_type = f"type('{RESIZE_FORMATS[format].content_type}')"
        choices.append(f"{_url(resize)} {content_type} 1x")
        double = build_double(resize)
        if double is not None:
            choices.append(f"{_url(double)} {content_type} 2x")
    return SafeString(f"image-set({', '.join(choices)})")


def _url(resize: Resize) -> str:
    return f"url('{quote(resize.url, safe=_KEPT)}')"
