"""Count the pages of a PDF, and make a picture of one: a script that runs within limits.

The arguments are ``SOURCE PAGE SIDE PICTURE CLEAN``. Pages are counted from 1, and ``CLEAN`` is
not used. ``PICTURE`` is written with a PNG whose longer side has ``SIDE`` pixels, unless that is
0. One line of JSON on the standard output has the size of the page in CSS pixels and the number of
pages, or why the file is refused. The script imports nothing of this package, so that it starts
fast and can reach neither settings nor secrets.

PDFium is built without JavaScript in the wheels of pypdfium2, and no form is initialised, so that
no action of the document runs. PDFium opens no network connection.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

PIXELS_PER_POINT: Final = 96 / 72
MAX_SIDE: Final = 100_000
PASSWORD: Final = 4  # FPDF_ERR_PASSWORD of fpdfview.h


class PageRefused(Exception):
    """A document or a page of which no picture can be made; the first argument is the code."""


def read(source: str, number: int, side: int, picture: str) -> dict[str, Any]:
    """Return the facts of a document and one page of it; write a picture of the page."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        is_locked = getattr(error, "err_code", None) == PASSWORD or "assword" in str(error)
        raise PageRefused("encrypted" if is_locked else "undecodable", str(error)) from error
    pages = len(document)
    if number > pages:
        raise PageRefused("no_such_page", f"Page {number} of {pages}.")
    page = document[number - 1]
    size = size_of(*page.get_size())
    if side:
        draw(page, scaled(size, side), picture)
    return {"pages": pages, "width": size[0], "height": size[1]}


def size_of(*points: float) -> tuple[int, int]:
    """Return the size of a page in CSS pixels: at least 1, and at most `MAX_SIDE`."""
    width, height = (max(1.0, min(each * PIXELS_PER_POINT, 1e9)) for each in points)
    shrink = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return a size whose longer side is ``side``: `shift_media.core.rasters.scaled_size`."""
    longer = max(size)
    width, height = ((each * side * 2 + longer) // (longer * 2) for each in size)
    return max(1, width), max(1, height)


def draw(page: Any, size: tuple[int, int], picture: str) -> None:
    """Write a PNG of a page, on white, of exactly a size."""
    points = page.get_size()
    # A page of which one side is thousands of times the other would be drawn too large.
    scale = min(each / max(least, 0.01) for each, least in zip(size, points, strict=True))
    bitmap = page.render(scale=scale, may_draw_forms=False, fill_color=(255, 255, 255, 255))
    image = bitmap.to_pil().convert("RGB")
    exact = image if image.size == size else image.resize(size)
    exact.save(picture, "PNG", compress_level=0)  # It is read once, by the next step.


def main() -> None:
    """Write the picture of the arguments, and one line about the document."""
    source, number, side, picture, _clean_copy = sys.argv[1:]
    try:
        facts = read(source, int(number), int(side), picture)
    except PageRefused as error:
        facts = {"refused": error.args[0], "detail": str(error.args[1])[:500]}
    except Exception as error:  # The library may raise anything for hostile bytes.
        facts = {"refused": "undecodable", "detail": f"{type(error).__name__}: {error}"[:500]}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
