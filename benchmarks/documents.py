"""A page of a PDF and a drawing as pictures, beside pypdfium2 and resvg-py called by hand.

``shift_media`` is all the work of a resize but its storage: a process with limits, the picture in
it, the resize. By hand the library draws in this process, with no limit on what a file may cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median

from PIL import Image

from benchmarks.report import Report
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.resizes.drawings import draw_pictures
from tests.sandbox.pdf import pdf

WIDTHS = (400, 1600)
MAX_MORE_SECONDS = 0.5
"""The most CPU time that a process of its own may add to a resize."""

LINES = b"".join(
    b"BT /F1 11 Tf 60 %d Td (Line %d of the page, with as many words as a letter has.) Tj ET\n"
    % (780 - 16 * number, number)
    for number in range(45)
)
FONT = b"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"
PAPER = pdf(20, (0, 0, 595, 842), content=LINES, page=FONT)
DRAWING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300">'
    + b"".join(
        b'<circle cx="%d" cy="%d" r="20" fill="#%02x80c0"/>' % (x * 20, y * 20, x * 12)
        for x in range(20)
        for y in range(15)
    )
    + b"</svg>"
)


def measure(report: Report, rounds: int) -> None:
    """Make two widths of each."""
    for width in WIDTHS:
        for name, content, extension, by_hand in (
            ("20 pages of PDF", PAPER, "pdf", _pypdfium2),
            ("SVG of 300 circles", DRAWING, "svg", _resvg),
        ):
            calls: dict[str, Callable[[], bytes]] = {
                "shift_media": partial(_shift_media, content, extension, width),
                by_hand.__name__.strip("_") + " by hand": partial(by_hand, content, width),
            }
            rows = in_turns(calls, rounds)
            report.table(f"{name} -> {width}x", rows)
            ours, theirs = (row["CPU ms"] for row in rows.values())
            more = (ours - theirs) / 1000
            title = f"{name} -> {width}x: more CPU seconds than by hand"
            report.target(title, more, MAX_MORE_SECONDS, at_least=False)


def in_turns(calls: Mapping[str, Callable[[], bytes]], rounds: int) -> dict[str, dict[str, float]]:
    """Run all calls in turns; return medians of the time, with that of ended child processes."""
    clock: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds + 1):
        for name, call in calls.items():
            began, used = time.perf_counter(), _cpu_seconds()
            call()
            clock[name].append((time.perf_counter() - began) * 1000)
            cpu[name].append((_cpu_seconds() - used) * 1000)
    # The first round, in which libraries are loaded, does not count.
    return {
        name: {"ms": median(clock[name][1:]), "CPU ms": median(cpu[name][1:])} for name in calls
    }


def _cpu_seconds() -> float:
    uses = (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _shift_media(content: bytes, extension: str, width: int) -> bytes:
    spec = Spec.make(f"{width}x", format="jpg", quality=80)
    for picture, specs in draw_pictures(BytesIO(content), extension, {"it": spec}):
        assert not isinstance(picture, Exception)
        return engine.make(picture, specs["it"]).content
    raise AssertionError("No picture was drawn.")


def _pypdfium2(content: bytes, width: int) -> bytes:
    import pypdfium2

    page = pypdfium2.PdfDocument(content)[0]
    return encoded(page.render(scale=width / page.get_width()).to_pil())


def _resvg(content: bytes, width: int) -> bytes:
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=content.decode(), width=width, background="white")
    return encoded(Image.open(BytesIO(png)))


def encoded(image: Image.Image) -> bytes:
    """Encode as all of them do."""
    output = BytesIO()
    image.convert("RGB").save(output, "JPEG", quality=80)
    return output.getvalue()
