"""The tags of django-imagekit: ``{% thumbnail '100x100' person.photo -- alt="" %}``."""

from __future__ import annotations

from typing import Final

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Tag, Unsure

_CENTRES: Final = frozenset({"c", "center"})
_FALSE: Final = frozenset({"0", "False"})


def translate(tag: Tag) -> str:
    """Return the tag of this app; raise `Unsure` if it may look different."""
    if tag.name == "generateimage":
        return _of_spec(tag)
    if len(tag.arguments) != 2:
        raise Unsure("The spec is in Python: make a preset of it.")
    size, file = o.literal(tag.arguments[0]), o.file_of(tag.arguments[1])
    if size is None:
        raise Unsure("The size is a variable: pass one such as 100x100, 100x or x100.")
    width, height = o.parse_size(size)
    given, reason = _crop(tag, is_box=bool(width and height))
    for name, value in tag.options.items():
        given |= _option(name, value)
    text = _write(file, o.size_text(width, height), given, tag)
    if reason:
        raise Unsure(reason, text)
    return text


def _crop(tag: Tag, *, is_box: bool) -> tuple[dict[str, str], str]:
    """Return the mode, and why it may cut another part of the picture."""
    crop = tag.options.get("crop")
    if not is_box or (crop is not None and o.text_of("crop", crop) in _FALSE):
        return {}, ""
    anchor = tag.options.get("anchor")
    if anchor is None:
        reason = (
            "It cuts out the part with most detail. This app cuts around the focal point of a "
            "picture, or its centre."
        )
        return {"mode": '"fill"'}, "" if crop is not None else reason
    where = o.text_of("anchor", anchor)
    reason = f"It cuts at {where!r}. Set the focal point of the picture there."
    return {"mode": '"fill"'}, "" if where in _CENTRES else reason


def _option(name: str, value: str) -> dict[str, str]:
    match name:
        case "crop" | "anchor" | "srcset":  # A resize has a second one for dense screens.
            return {}
        case "format":
            return {"format": o.format_of(value)}
        case "upscale":
            return {} if o.text_of(name, value) in _FALSE else {"upscale": "True"}
    raise Unsure(f"There is no option that does what {name} does.")


def _of_spec(tag: Tag) -> str:
    source = tag.options.get("source", "")
    spec = o.literal(tag.arguments[0]) if tag.arguments else None
    if spec is None or not source:
        raise Unsure("The spec is in Python: make a preset of it.")
    name = spec.rpartition(":")[2].replace("_", "-")
    suggestion = _write(o.file_of(source), name, {}, tag)
    raise Unsure(f"The spec {spec!r} is in Python: make a preset of it.", suggestion)


def _write(file: str, size: str, given: dict[str, str], tag: Tag) -> str:
    if tag.variable:
        return o.write("resize", file, size, given, tag.variable)
    return o.write("resize_img", file, size, {**given, **tag.attributes})
