"""``{% load gallery %}``."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def decimal_size(size: int) -> str:
    """Format a number of bytes as shift_media's messages do: ``25 MB``, ``1.5 MB``, ``180 kB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"
