"""The tags of sorl-thumbnail: ``{% thumbnail item.image "100x100" crop="center" as im %}``.

It enlarges small pictures unless ``upscale=False``, so the translation does.
"""

from __future__ import annotations

from typing import Final

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Tag, Unsure

_CENTRES: Final = {"center", "50%", "center center", "50% 50%", "center 50%", "50% center"}
_NO_EFFECT: Final = {"progressive", "preserve_format", "padding_color"}
_FOCAL: Final = (
    "It cuts at {!r}. This app cuts around the focal point of a picture, or its centre: set one."
)
ATTRIBUTES: Final = frozenset({"url", "width", "height"})
"""The attributes of a thumbnail that a resize has too."""


def translate(tag: Tag) -> str:
    """Return the tag of this app; raise `Unsure` if it may look different."""
    if len(tag.arguments) != 2:
        raise Unsure("The tag has other arguments than a source and a size.")
    file, size = o.file_of(tag.arguments[0]), o.literal(tag.arguments[1])
    if size is None:
        raise Unsure("The size is a variable: pass one such as 100x100, 100x or x100.")
    width, height = o.parse_size(size)
    given: dict[str, str] = {}
    reason = ""
    if "crop" in tag.options and width and height:
        given["mode"] = '"fill"'
        crop = o.text_of("crop", tag.options["crop"])
        reason = "" if crop in _CENTRES else _FOCAL.format(crop)
        if crop == "noop":
            raise Unsure("crop='noop' gives a picture that is larger than its box.")
    for name, value in tag.options.items():
        given |= _option(name, value, tag)
    name = "resize" if tag.variable else "resize_url"
    text = o.write(name, file, o.size_text(width, height), given, tag.variable)
    if reason:
        raise Unsure(reason, text)
    return text


def _option(name: str, value: str, tag: Tag) -> dict[str, str]:
    match name:
        case "crop":
            return {}
        case "quality":
            return {"quality": o.quality_of(value)}
        case "format":
            return {"format": o.format_of(value)}
        case "padding":
            color = tag.options.get("padding_color", '"#ffffff"')
            return {"mode": '"pad"', "background": o.color_of("padding_color", color)}
        case "colorspace":
            return o.gray() if o.text_of(name, value) == "GRAY" else {}
        case "upscale":
            return {"upscale": "True"} if o.text_of(name, value) == "True" else {}
        case "orientation" if o.text_of(name, value) == "True":
            return {}
        case _ if name in _NO_EFFECT:
            return {}
    raise Unsure(f"There is no option that does what {name} does.")


def with_defaults(tag: Tag) -> Tag:
    """Return the tag with the defaults of sorl-thumbnail that differ from those of this app."""
    options = {"upscale": "True", **tag.options}
    return Tag(tag.name, tag.arguments, options, tag.variable)
