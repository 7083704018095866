"""Arguments of the tags: options of a resize, attributes in HTML, and misspelled options."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final

from shift_media.core.errors import InvalidSpec
from shift_media.resizes.builder import OPTIONS

ATTRIBUTES: Final = frozenset(
    "accesskey align alt autocapitalize autofocus autoplay border class contenteditable controls "
    "controlslist crossorigin decoding dir disablepictureinpicture disableremoteplayback "
    "draggable elementtiming enterkeyhint exportparts fetchpriority height hidden hspace id inert "
    "inputmode is ismap itemid itemprop itemref itemscope itemtype lang loading longdesc loop "
    "muted name nonce part playsinline popover poster preload referrerpolicy role sizes slot "
    "spellcheck src srcset style tabindex title translate usemap vspace width".split()
)
"""Attributes of ``<img>`` and ``<video>`` in HTML, which are never taken for an option."""

PREFIXES: Final = ("data", "aria", "hx", "on", "x", "v", "ng", "up")
"""The beginnings of attributes that pages and scripts define, before a dash or underscore."""

_CUTOFF = 0.65  # "fmt" resembles "format"; "title" does not resemble "size"


def split_options(
    options: Mapping[str, Any], names: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of these names, and the others, which are attributes in HTML.

    Raises `InvalidSpec` for a name that is no attribute and resembles an option.
    """
    given = {name: value for name, value in options.items() if name in names}
    others = {name: value for name, value in options.items() if name not in names}
    for name in others:
        if near := _find_similar(name, names):
            raise InvalidSpec(
                f'{name!r} is not an option of this tag: did you mean "{near}"? An attribute of '
                f"your own is written data_{name}."
            )
    return given, {name.replace("_", "-"): value for name, value in others.items()}


def _find_similar(name: str, names: Collection[str]) -> str:
    """Return the option that an unknown name resembles; ``""`` if it is an attribute."""
    plain = name.lower().replace("-", "_")
    prefix, separator, _ = plain.partition("_")
    if plain in ATTRIBUTES or (separator and prefix in PREFIXES):
        return ""
    similar = difflib.get_close_matches(plain.replace("_", ""), names, n=1, cutoff=_CUTOFF)
    return similar[0] if similar else ""


def pop_flag(options: dict[str, Any], name: str) -> bool:
    """Remove an option that is True or False, by default False, and return its value."""
    value = options.pop(name, False)
    if not isinstance(value, bool):
        raise InvalidSpec(f"{name} is {value!r}: write {name}=True or leave it out.")
    return value


def unknown_option_error(name: str) -> InvalidSpec:
    """Return the error for an option that a resize does not have."""
    near = _find_similar(name, OPTIONS)
    meant = f'did you mean "{near}"?' if near else f"use one of {', '.join(OPTIONS)}."
    return InvalidSpec(f"{name!r} is not an option of a resize: {meant}")
