"""The tags of django-pictures: ``{% picture profile.cover ratio="16/9" m=6 l=4 %}``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from shift_media.markup.translation import options as o
from shift_media.markup.translation.options import Known, Tag, Unsure


def translate(tag: Tag, known: Known) -> str:
    """Return the tag of this app; raise `Unsure` if it may look different."""
    if not tag.arguments:
        raise Unsure("The tag has no file.")
    file = o.file_of(tag.arguments[0])
    ratio = _ratio(tag.options.get("ratio", ""))
    if tag.name == "img_url":
        return _url(file, ratio, tag)
    if len(tag.arguments) > 2:
        raise Unsure("Name the arguments behind img_alt.")
    attributes = {"alt": tag.arguments[1]} if len(tag.arguments) == 2 else {}
    columns: dict[str, int] = {}
    for name, value in tag.options.items():
        if name in known.breakpoints:
            columns[name] = _number(name, value)
        elif name.startswith("img_"):
            attributes[name.removeprefix("img_")] = value
        elif name.startswith("picture_"):
            raise Unsure("A <picture> of this app has no attributes: give them to the <img>.")
        elif name not in ("ratio", "container"):
            raise Unsure(f"There is no option that does what {name} does.")
    given = {"size": f'"{ratio[0]}x{ratio[1]}"', "mode": '"fill"'} if ratio else {}
    given["sizes"] = f'"{", ".join(_sizes(columns, known, _container(tag, known)))}"'
    given["formats"] = f'"{" ".join(map(_format, known.file_types))}"'
    return o.write("resize_picture", file, "", {**given, **attributes}, tag.variable)


def _container(tag: Tag, known: Known) -> int | None:
    given = tag.options.get("container")
    return known.container if given is None else _number("container", given)


def _format(file_type: str) -> str:
    """Return a format of that package, which has AVIF too."""
    text = file_type.lower()
    return text if text == "avif" else o.format_of(f'"{text}"').strip('"')


def _url(file: str, ratio: tuple[int, int] | None, tag: Tag) -> str:
    values = dict(zip(("file_type", "width"), tag.arguments[1:], strict=False)) | tag.options
    if "width" not in values or "file_type" not in values:
        raise Unsure("The tag has no width or no file_type.")
    width = _number("width", values["width"])
    options = {"mode": '"fill"'} if ratio else {}
    options["format"] = f'"{_format(o.text_of("file_type", values["file_type"]))}"'
    height = math.floor(width * ratio[1] / ratio[0] + 0.5) if ratio else None
    return o.write("resize_url", file, o.size_text(width, height), options, tag.variable)


def _ratio(word: str) -> tuple[int, int] | None:
    if not word or word == "None":
        return None
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", o.text_of("ratio", word))
    if not found or not int(found[1]) or not int(found[2]):
        raise Unsure("The ratio is not of the form 16/9.")
    return int(found[1]), int(found[2])


def _number(name: str, word: str) -> int:
    text = o.text_of(name, word)
    if not text.isdigit() or not int(text):
        raise Unsure(f"{name} is not a number above 0.")
    return int(text)


def _sizes(columns: Mapping[str, int], known: Known, container: int | None) -> Iterator[str]:
    """Yield the parts of ``sizes`` as that package writes them, for its grid."""
    share, ratio, begin = known.columns, 0.0, 0
    for name, end in known.breakpoints.items():
        share = columns.get(name, share)
        now = share / known.columns
        if container and end >= container:
            between = f"(min-width: {begin}px) and (max-width: {container - 1}px)"
            yield f"{between} {math.floor(now * 100)}vw"
            break  # The share of the breakpoint before, also in that package.
        if ratio and ratio != now:
            between = f"(min-width: {begin}px) and (max-width: {end - 1}px)"
            yield f"{between} {math.floor(ratio * 100)}vw"
            begin = end
        ratio = now
    yield f"{math.floor(ratio * container)}px" if container else f"{math.floor(ratio * 100)}vw"
