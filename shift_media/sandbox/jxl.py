"""JPEG XL decoded by ffmpeg and its libjxl, in a process of its own with limits.

A file can ask for reference frames and further channels that its header does not count, so that
only limits on the process bound its memory and its time.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from shift_media.core.errors import TranscodeError, Undecodable
from shift_media.sandbox.failures import explain
from shift_media.sandbox.ffmpeg import find_program_with_decoder
from shift_media.sandbox.process import Bounds, Program

BOUNDS: Final = Bounds(20, 5, file_bytes=1 << 28, memory_bytes=1 << 30)
"""For one file: 25 megapixels take 1.6 to 2.4 seconds, and use up to 240 MB."""
DECODER: Final = "libjxl"
EXTRA: Final = "jxl"

_QUIET: Final = "-hide_banner -nostdin -y -loglevel error -nostats -xerror".split()
_ONE_THREAD: Final = "-threads 1 -filter_threads 1".split()
_INPUT: Final = f"-protocol_whitelist file -f jpegxl_pipe -c:v {DECODER}".split()
_FIRST: Final = "-map 0:v:0 -frames:v 1".split()
_CHUNK: Final = 1 << 20


class DecodedFiles(NamedTuple):
    """The files that ffmpeg writes: all pixels row by row, and a PNG of one pixel.

    The PNG has the profile or the colour space of the pixels.
    """

    pixels: Path
    colors: Path


def find_program() -> str:
    """Return the path of an ffmpeg that decodes JPEG XL.

    Raises `MissingExtra` without one, and `OutOfResources` if the machine cannot run it.
    """
    return find_program_with_decoder(DECODER, EXTRA)


@contextlib.contextmanager
def decoded(source: BinaryIO, pixel_format: str) -> Iterator[DecodedFiles]:
    """Yield the first frame of a codestream, upright, in a pixel format of ffmpeg.

    Raises `Undecodable`, `OutOfResources` and `MissingExtra`.
    """
    program = find_program()
    with tempfile.TemporaryDirectory(prefix="shift_media-jxl-") as name:
        folder = Path(name)
        with (folder / "source.jxl").open("wb") as copy:
            source.seek(0)
            shutil.copyfileobj(source, copy, _CHUNK)
        files = DecodedFiles(folder / "pixels", folder / "colors.png")
        _run(program, folder, files, pixel_format)
        yield files


def _run(program: str, folder: Path, files: DecodedFiles, pixel_format: str) -> None:
    command = [
        *(program, *_QUIET, *_ONE_THREAD, *_INPUT, "-i", "source.jxl"),
        *(*_FIRST, "-pix_fmt", pixel_format, "-f", "rawvideo", files.pixels.name),
        *(*_FIRST, "-vf", "crop=1:1:0:0", "-c:v", "png", "-f", "image2", files.colors.name),
    ]
    try:
        with Program(command, folder, BOUNDS) as running:
            for _ in running.lines():
                pass
    except TranscodeError as error:
        raise explain(error, "The JPEG XL was not decoded") from error
    if not (files.pixels.exists() and files.colors.exists()):
        raise Undecodable("The JPEG XL has no frame.")
