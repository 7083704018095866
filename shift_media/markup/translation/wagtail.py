"""The tags of Wagtail: ``{% image page.photo fill-80x80 class="round" %}``.

They work with an image model whose ``file`` is a `MediaField`, so nothing has to be replaced.
"""

from __future__ import annotations

import re
from typing import Final

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Tag, Unsure

_REASON: Final = (
    "Wagtail's own tag works if the file of its image model is a MediaField, and stores a "
    "rendition with a row. This one stores no row."
)
_RULES: Final = {
    r"width-(\d+)": ("{}x", ""),
    r"height-(\d+)": ("x{}", ""),
    r"max-(\d+x\d+)": ("{}", ""),
    r"fill-(\d+x\d+)": ("{}", "fill"),
    r"fill-(\d+x\d+)-c0": ("{}", "fill"),
}


def translate(tag: Tag) -> str:
    """Raise `Unsure` with a suggestion, because Wagtail's tags can stay."""
    if not tag.arguments:
        raise Unsure(_REASON)
    file = f"{o.file_of(tag.arguments[0])}.file"
    given: dict[str, str] = {}
    size = ""
    for word in tag.arguments[1:]:
        rule = word.strip("\"'")
        if rule.startswith("format-") and "{" not in rule:
            given["format"] = o.format_of(f'"{rule.removeprefix("format-")}"')
        elif re.fullmatch(r"(jpeg|webp|avif)quality-\d+", rule):
            given["quality"] = o.quality_of(rule.rpartition("-")[2])
        elif size or not (found := _size(rule)):
            raise Unsure(f"{_REASON} There is no resize like {rule!r}.")
        else:
            size, mode = found
            given |= {"mode": f'"{mode}"'} if mode else {}
    if not size:
        raise Unsure(_REASON)
    name = "resize_url" if tag.name == "image_url" else "resize_img"
    name = "resize" if tag.variable and tag.name == "image" else name
    raise Unsure(_REASON, o.write(name, file, size, {**given, **tag.options}, tag.variable))


def _size(rule: str) -> tuple[str, str] | None:
    for pattern, (size, mode) in _RULES.items():
        if found := re.fullmatch(pattern, rule):
            return size.format(found[1]), mode
    return None
