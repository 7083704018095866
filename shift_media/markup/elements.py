"""The HTML of an ``<img>``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms.utils import flatatt
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shift_media.core.errors import MediaError
from shift_media.markup.decoration import FLAGS, Decoration
from shift_media.markup.options import pop_flag, split_options
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS, build_scaled
from shift_media.resizes.legacy import shown_size
from shift_media.resizes.resize import Resize

Renderer = Callable[..., SafeString]

_OBJECT_FIT = {"fill": "cover", "pad": "contain"}
"""How browsers fit a picture into a box of another ratio, by the mode of the resize."""


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
