"""The tags of easy-thumbnails and django-filer: ``{% thumbnail person.photo 50x50 crop %}``."""

from __future__ import annotations

from typing import Final

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Known, Tag, Unsure

_FLAGS: Final = frozenset(
    "autocrop bw crop detail HIGH_RESOLUTION sharpen upscale replace_alpha zoom".split()
)
_NO_EFFECT: Final = frozenset({"subsampling", "HIGH_RESOLUTION"})
_SMART: Final = (
    "It cuts at {!r}. This app cuts around the focal point of a picture, or its centre: set one."
)


def translate(tag: Tag, known: Known) -> str:
    """Return the tag of this app; raise `Unsure` if it may look different."""
    if len(tag.arguments) < 2:
        raise Unsure("The tag has no size.")
    file, flags = o.file_of(tag.arguments[0]), tag.arguments[2:]
    name = "resize" if tag.variable else "resize_url"
    size = tag.arguments[1]
    text = size if size[:1].isdigit() else o.literal(size)
    if text is None:
        raise Unsure("The size is a variable: pass one such as 100x100, 100x or x100.")
    if not text[:1].isdigit() and text[:1] != "x":
        return _alias(name, file, text, tag, known)
    width, height = o.parse_size(text)
    options = {flag: "True" for flag in flags if flag in _FLAGS} | tag.options
    if unknown := [flag for flag in flags if flag not in _FLAGS]:
        raise Unsure(f"{unknown[0]} is not an option of easy-thumbnails.")
    given: dict[str, str] = {}
    reason = ""
    if "crop" in options and width and height:
        crop = options["crop"].strip("\"'")
        if crop not in ("True", "", "50,50"):
            reason = _SMART.format(crop)
        if crop == "scale":
            raise Unsure("crop='scale' gives a picture that is larger than its box.")
        given["mode"] = '"fill"'
    for option, value in options.items():
        given |= _option(option, value)
    written = o.write(name, file, o.size_text(width, height), given, tag.variable)
    if reason:
        raise Unsure(reason, written)
    return written


def translate_alias_filter(file: str, alias: str, known: Known) -> str:
    """Return the tag for ``{{ person.photo|thumbnail_url:'avatar' }}``."""
    return _alias("resize_url", o.file_of(file), alias, Tag("", [], {}), known)


def _alias(name: str, file: str, alias: str, tag: Tag, known: Known) -> str:
    if tag.options:
        raise Unsure(f"Options that change the alias {alias!r} need a preset of their own.")
    written = o.write(name, file, alias, {}, tag.variable)
    if alias not in known.presets:
        raise Unsure(f'Make a preset of the alias: SHIFT_MEDIA["PRESETS"]["{alias}"].', written)
    return written


def _option(name: str, value: str) -> dict[str, str]:
    match name:
        case "crop":
            return {}
        case "quality":
            return {"quality": o.quality_of(value)}
        case "upscale":
            return {"upscale": "True"} if value.strip("\"'") != "False" else {}
        case "background":
            return {"mode": '"pad"', "background": o.color_of(name, value)}
        case "bw":
            return o.gray()
        case _ if name in _NO_EFFECT:
            return {}
    raise Unsure(f"There is no option that does what {name} does.")
