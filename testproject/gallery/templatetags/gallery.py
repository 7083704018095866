"""``{% load gallery %}``."""

from __future__ import annotations

from typing import Any

from django import template

FIRST_ROWS = 6
"""Tiles that are in view on a wide page as soon as it is open."""

register = template.Library()


@register.filter
def decimal_size(size: int) -> str:
    """Format a number of bytes as shift_media's messages do: ``25 MB``, ``1.5 MB``, ``180 kB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"


@register.filter
def clock(seconds: float) -> str:
    """Format a duration as players do: ``0:06``, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def tile_sizes(facts: Any) -> str:
    """Return ``sizes`` of a tile, whose rows are 8.5rem high on phones and 15rem elsewhere.

    A row is stretched to the width of the page, by a quarter at most as a rule.
    """
    ratio = (facts.width or 16) / (facts.height or 9)
    phone, desktop = round(136 * ratio * 1.25), round(240 * ratio * 1.25)
    return f"(max-width: 34rem) {phone}px, {desktop}px"


@register.filter
def loading(place: int | None) -> str:
    """Return the value of ``loading`` for a tile: those of the first rows are not lazy."""
    return "eager" if place and place <= FIRST_ROWS else "lazy"


@register.filter
def priority(place: int | None) -> str:
    """Return the value of ``fetchpriority`` for a tile."""
    return "high" if place == 1 else "auto"
