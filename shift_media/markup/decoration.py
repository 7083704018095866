"""A placeholder behind a picture while it loads, and pictures as wide as their container at most.

Both are done by the classes of ``shift_media/media.css``, because a strict Content Security Policy
forbids inline styles. The placeholder is a ``data:`` URL, which ``img-src`` must allow.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.utils.html import format_html
from django.utils.safestring import SafeString

from shift_media.markup.options import pop_flag

FLAGS: Final = ("placeholder", "fluid")
"""Options of ``resize_img`` and ``resize_picture``."""


class Decoration(NamedTuple):
    """The surroundings of a picture.

    Attributes:
        placeholder: True for the placeholder of the metadata behind the picture.
        fluid: True for a picture that is never wider than its container.
    """

    placeholder: bool
    fluid: bool

    @classmethod
    def pop(cls, options: dict[str, Any]) -> Decoration:
        """Remove the flags from the options of a tag. Raises `InvalidSpec` for other values."""
        return cls(*(pop_flag(options, name) for name in FLAGS))

    def attributes(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the attributes of the ``<img>``, with its class."""
        if not self.fluid:
            return given
        return {**given, "class": f"media-fluid {given.get('class', '')}".strip()}

    def surround(self, html: SafeString, file: Any) -> SafeString:
        """Return the HTML of a picture with its placeholder, if there is one to show.

        A picture with transparent parts has none, because it would shine through.
        """
        known = file.known_metadata
        if not self.placeholder or known is None or not known.placeholder or known.has_alpha:
            return html
        return format_html(
            '<span class="media-placeholder"><img src="{}" alt="" aria-hidden="true">{}</span>',
            known.placeholder,
            html,
        )
