"""Drawings and pages: sanitized, measured and drawn in a process of its own with limits.

Extra ``svg``: py-svg-hush and resvg-py. Extra ``pdf``: pypdfium2.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, Final

from shift_media.core.errors import (
    BY_CODE,
    MissingExtra,
    TooComplex,
    TranscodeError,
    Undecodable,
)
from shift_media.sandbox.failures import explain
from shift_media.sandbox.process import Bounds, Program, python

PAGE_BOUNDS: Final = Bounds(20, 8, file_bytes=128 << 20, memory_bytes=1 << 30)
"""For one file: a page of 4096 × 4096 pixels takes half a second, and 300 MB of address space."""

MAX_DRAWING_BYTES: Final = 10_000_000
"""The largest drawing: the tree of its elements takes 30 times as much memory."""

PREVIEW_SIDE: Final = 256
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class DrawingScript:
    """The script for files of one format.

    Attributes:
        script: its path.
        packages: the packages that it imports, with their names on PyPI.
        extra: the extra that installs them.
    """

    script: str
    packages: dict[str, str]
    extra: str

    def missing(self) -> str:
        """Return the name of a package that is not installed; ``""`` if all are."""
        for module, package in self.packages.items():
            if find_spec(module) is None:
                return package
        return ""


_FOLDER = Path(__file__).parent
WORKERS: Final = {
    "svg": DrawingScript(
        str(_FOLDER / "svg_worker.py"),
        {"py_svg_hush": "py-svg-hush", "resvg_py": "resvg-py"},
        "svg",
    ),
    "pdf": DrawingScript(str(_FOLDER / "pdf_worker.py"), {"pypdfium2": "pypdfium2"}, "pdf"),
}
"""By the extension of the original."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The outcome of one run of a worker.

    Attributes:
        width, height: CSS pixels of the drawing or the page.
        pages: of the document; None for a drawing.
        picture: a PNG; empty if none was asked for.
        clean: what is left of a drawing once it is sanitized; empty for a document.
    """

    width: int
    height: int
    pages: int | None
    picture: bytes
    clean: bytes


def missing(extension: str) -> str:
    """Return the name of a package for a format that is not installed; ``""`` if none is."""
    return WORKERS[extension].missing()


def is_available(extension: str) -> bool:
    """Return True if the packages for files of a format are installed."""
    return not missing(extension)


def has_pages(extension: str) -> bool:
    """Return True for a format whose files have pages."""
    return extension == "pdf"


def draw(file: BinaryIO, extension: str, *, side: int, page: int = 1) -> Drawn:
    """Return the facts of a drawing or of a page, and a picture of it.

    ``side`` is the longer side of the picture in pixels, or 0 for none.

    Raises `Undecodable`, `Encrypted`, `NoSuchPage`, `TooComplex`, `OutOfResources`, and
    `MissingExtra` if a package is not installed.
    """
    worker = WORKERS[extension]
    if package := worker.missing():
        raise MissingExtra(package, worker.extra)
    with tempfile.TemporaryDirectory(prefix="shift_media-draw-") as folder:
        source, picture, clean = (Path(folder) / name for name in ("source", "picture", "clean"))
        _copy(file, source, MAX_DRAWING_BYTES if extension == "svg" else None)
        names = [source.name, str(page), str(side), picture.name, clean.name]
        facts = _run(worker, Path(folder), names)
        return Drawn(
            facts["width"],
            facts["height"],
            facts.get("pages"),
            picture.read_bytes() if side else b"",
            clean.read_bytes() if clean.exists() else b"",
        )


def _copy(file: BinaryIO, target: Path, limit: int | None) -> None:
    """Write all bytes of a file, which may be a stream of the storage."""
    file.seek(0)
    with target.open("wb") as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
            if limit is not None and copy.tell() > limit:
                raise TooComplex(f"A drawing may have at most {limit} bytes.")


def _run(worker: DrawingScript, folder: Path, arguments: list[str]) -> dict[str, Any]:
    command = [python(), "-P", worker.script, *arguments]
    try:
        with Program(command, folder, PAGE_BOUNDS) as program:
            lines = [line for line in program.lines() if line]
        facts: dict[str, Any] = json.loads(lines[-1])
    except TranscodeError as error:
        raise explain(error, "It was not drawn") from error
    except (IndexError, ValueError) as error:
        raise Undecodable("The process ended without a result.") from error
    if "refused" in facts:
        raise BY_CODE[facts["refused"]](facts["detail"])
    return facts
