"""The attributes of django-versatileimagefield: ``{{ person.photo.crop.400x400 }}``."""

from __future__ import annotations

import re
from typing import Final

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Unsure

SIZED: Final = re.compile(
    r"(?P<file>[A-Za-z_][\w.]*?)\.(?P<kind>thumbnail|crop)\.(?P<size>\d+x\d+)(?P<url>\.url)?(?!\w)"
)
FILTERED: Final = re.compile(r"[A-Za-z_][\w.]*\.filters\.\w+")


def translate(expression: str) -> str:
    """Return the tag for the expression of a variable; raise `Unsure` if there is none."""
    if FILTERED.match(expression):
        raise Unsure("There are no filters: write an effect as a preset, if this app has it.")
    found = SIZED.fullmatch(expression)
    if not found:
        raise Unsure("The picture is an argument of a filter or of another tag.")
    options = {"mode": '"fill"'} if found["kind"] == "crop" else {}
    width, height = o.parse_size(found["size"])
    return o.write("resize_url", found["file"], o.size_text(width, height), options)
