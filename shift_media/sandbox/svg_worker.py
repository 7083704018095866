"""Sanitize a drawing, and make a picture of it: a script that runs within limits.

The arguments are ``SOURCE PAGE SIDE PICTURE CLEAN``. ``CLEAN`` is written with what is left of the
drawing, and ``PICTURE`` with a PNG whose longer side has ``SIDE`` pixels, unless that is 0. One
line of JSON on the standard output has its size, or why it is refused. The script imports nothing
of this package, so that it starts fast and can reach neither settings nor secrets.

py-svg-hush keeps a list of elements and attributes, and drops all others: scripts, event handlers,
HTML inside ``foreignObject``, animations of links, entities. It rewrites links to other hosts as
paths of this one, so these are removed here, with all else that is not part of the drawing.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.parsers import expat

MAX_DEPTH: Final = 200
MAX_ELEMENTS: Final = 100_000
"""Elements of the drawing, and those that are drawn once ``use`` has copied them."""

SVG: Final = "http://www.w3.org/2000/svg"
XLINK: Final = "http://www.w3.org/1999/xlink"
HREFS: Final = ("href", f"{{{XLINK}}}href", "src", f"{{{XLINK}}}src")

BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
"""The attribute that gives links their base."""

PIXELS: Final = {
    "": 1.0,
    "px": 1.0,
    "pt": 96 / 72,
    "pc": 16.0,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "in": 96.0,
}
"""CSS pixels of a unit (CSS Values and Units 4, 6.2)."""

DEFAULT_SIZE: Final = (300, 150)
"""The size that browsers give a drawing without one (CSS Images 3, 5.3)."""

MAX_SIDE: Final = 100_000

URL: Final = re.compile(r"url\(\s*(['\"]?)(?!\s*#|['\"])", re.IGNORECASE)
"""A reference of CSS to anything but an element of the drawing."""
LOADING: Final = re.compile(
    r"(?:image|image-set|cross-fade|src|expression|element)\s*\(", re.IGNORECASE
)
"""The functions of CSS that load something by a text; attributes such as ``mask`` have them."""
UNSAFE_CSS: Final = re.compile(
    rf"[\\@]|{LOADING.pattern}|-moz-binding|behavior\s*:|//", re.IGNORECASE
)
"""Escapes, imports and other ways of CSS to load something."""
LENGTH: Final = re.compile(r"\s*\+?([0-9]*\.?[0-9]+(?:e[+-]?[0-9]{1,2})?)\s*([a-z]*)\s*")
NUMBERS: Final = re.compile(r"[\s,]+")


class DrawingRefused(Exception):
    """A drawing that is not accepted; the first argument is the code."""


def sanitize(source: bytes) -> tuple[bytes, tuple[int, int]]:
    """Return what is left of a drawing, and its size in CSS pixels; raise `DrawingRefused`."""
    from py_svg_hush import filter_svg

    check_structure(source)
    try:
        root = ElementTree.fromstring(filter_svg(source))  # noqa: S314 (it has no entities left)
    except (ValueError, ElementTree.ParseError) as error:
        raise DrawingRefused("undecodable", str(error)) from error
    if root.tag != f"{{{SVG}}}svg":
        raise DrawingRefused("undecodable", "The root element is not an svg element.")
    for element in list(root.iter()):
        clean(element)
    check_copies(root)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), size_of(root)


def check_structure(source: bytes) -> None:
    """Raise `DrawingRefused` for too deep or too many elements, before a tree is made of them."""
    depth = count = 0

    def start(name: str, attributes: object) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise DrawingRefused("too_complex", f"{count} elements, {depth} of them nested.")

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parser.Parse(source, True)
    except expat.ExpatError as error:
        raise DrawingRefused("undecodable", str(error)) from error


def clean(element: Any) -> None:
    """Remove references to anything outside the drawing, and elements that would only load."""
    for child in list(element):
        name = local_name(child)
        # py-svg-hush drops the attribute that is animated, if it is a link or a handler.
        is_idle = name in ("set", "animate") and "attributeName" not in child.attrib
        if is_idle or name in ("image", "feImage", "script", "foreignObject", "a", "style"):
            replace_child(element, child)
    for name, value in list(element.attrib.items()):
        if not is_inside(name, value):
            del element.attrib[name]


def is_inside(name: str, value: str) -> bool:
    """Return True if the value of an attribute refers to nothing outside the drawing."""
    if name in HREFS:
        return value.strip().startswith("#")
    # An escape could hide a name of CSS, and what has two slashes is a URL of another host.
    if (
        name == BASE
        or "\\" in value
        or "//" in value
        or URL.search(value)
        or LOADING.search(value)
    ):
        return False
    return name != "style" or not UNSAFE_CSS.search(value)


def replace_child(parent: Any, child: Any) -> None:
    """Keep the contents of a link and a style sheet that loads nothing; drop all else."""
    name = local_name(child)
    if name == "style":
        text = "".join(child.itertext())
        if not URL.search(text) and not UNSAFE_CSS.search(text):
            return
    if name == "a":
        child.tag = f"{{{SVG}}}g"
        for attribute in (*HREFS, "target", "download", "ping"):
            child.attrib.pop(attribute, None)
        return
    parent.remove(child)


def local_name(element: Any) -> str:
    """Return the name of an element without its namespace; comments have none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def check_copies(root: Any) -> None:
    """Raise `DrawingRefused` if ``use`` elements, which may copy each other, draw too much.

    References in a circle are not drawn.
    """
    by_id: dict[str, Any] = {}
    for element in root.iter():
        by_id.setdefault(element.get("id", ""), element)  # Browsers take the first of several.
    drawn: dict[int, int] = {}
    # Each element is counted after what it refers to and its children, without recursion.
    stack: list[tuple[Any, bool]] = [(root, False)]
    open_elements: set[int] = set()
    while stack:
        element, is_done = stack.pop()
        key = id(element)
        if is_done:
            open_elements.discard(key)
            total = 1 + sum(drawn.get(id(part), 0) for part in parts_of(element, by_id))
            if total > MAX_ELEMENTS:
                detail = f"More than {MAX_ELEMENTS} elements are drawn."
                raise DrawingRefused("too_complex", detail)
            drawn[key] = total
        elif key not in drawn and key not in open_elements:
            open_elements.add(key)
            stack.append((element, True))
            stack += [(part, False) for part in parts_of(element, by_id)]


def parts_of(element: Any, by_id: dict[str, Any]) -> Iterator[Any]:
    """Yield the children of an element, and the elements that it refers to."""
    yield from element
    for name, value in element.attrib.items():
        names = [value[1:]] if name in HREFS else re.findall(r"url\(\s*['\"]?#([^'\")]+)", value)
        yield from (by_id[name] for name in names if name in by_id)


def size_of(root: Any) -> tuple[int, int]:
    """Return the width and height of a drawing in CSS pixels, at least 1."""
    box = [float(n) for n in NUMBERS.split(root.get("viewBox", "").strip()) if is_number(n)]
    viewed = (box[2], box[3]) if len(box) == 4 and min(box[2:]) > 0 else None
    width, height = length_of(root.get("width")), length_of(root.get("height"))
    if viewed and width and not height:
        height = width * viewed[1] / viewed[0]
    elif viewed and height and not width:
        width = height * viewed[0] / viewed[1]
    elif viewed and not width:
        width, height = viewed
    sides = (width or DEFAULT_SIZE[0], height or DEFAULT_SIZE[1])
    shrink = min(1.0, MAX_SIDE / max(sides))
    return max(1, round(sides[0] * shrink)), max(1, round(sides[1] * shrink))


def is_number(text: str) -> bool:
    """Return True for a number of a ``viewBox``."""
    return (
        re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+(e[+-]?[0-9]{1,2})?", text, re.IGNORECASE) is not None
    )


def length_of(text: str | None) -> float | None:
    """Return a length in CSS pixels; None without one, or for a relative one."""
    match = LENGTH.fullmatch((text or "").lower())
    if match is None or match[2] not in PIXELS:
        return None
    return float(match[1]) * PIXELS[match[2]] or None


def scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return a size whose longer side is ``side``: `shift_media.core.rasters.scaled_size`."""
    longer = max(size)
    width, height = ((each * side * 2 + longer) // (longer * 2) for each in size)
    return max(1, width), max(1, height)


def draw(drawing: bytes, size: tuple[int, int], target: Path) -> None:
    """Write a PNG of exactly a size."""
    import io

    import resvg_py
    from PIL import Image

    content = resvg_py.svg_to_bytes(svg_string=drawing.decode(), width=size[0], height=size[1])
    with Image.open(io.BytesIO(content)) as picture:
        if picture.size == size:
            target.write_bytes(content)
        else:
            picture.resize(size).save(target, "PNG", compress_level=0)


def main() -> None:
    """Write the files of the arguments, and one line about them."""
    source, _page, side, picture, clean_copy = sys.argv[1:]
    try:
        drawing, size = sanitize(Path(source).read_bytes())
        Path(clean_copy).write_bytes(drawing)
        if int(side):
            draw(drawing, scaled(size, int(side)), Path(picture))
        facts: dict[str, Any] = {"width": size[0], "height": size[1]}
    except DrawingRefused as error:
        facts = {"refused": error.args[0], "detail": str(error.args[1])[:500]}
    except (ValueError, MemoryError) as error:
        facts = {"refused": "undecodable", "detail": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
