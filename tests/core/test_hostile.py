"""The corpus of hostile, odd and good files, and bombs with their memory and time measured."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from shift_media.core import engine
from shift_media.core.errors import MediaError, TooManyFrames, TooManyPixels, UnsupportedType
from shift_media.core.probe import probe
from shift_media.core.spec import Spec
from tests.core import images
from tests.parts import ROOT

IMAGES = ("jpeg", "png", "gif", "webp", "avif")
PNG = Spec.make("100x100", format="png")
JPEG = Spec.make("100x100", format="jpg", quality=95)
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Case:
    """One row of the index."""

    path: Path
    kind: str
    expected: str
    size: tuple[int, int] | None
    mean: tuple[float, ...] | None

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="session")
def cases(corpus: Path) -> list[Case]:
    """Read the index of the hostile files."""
    with (corpus / "hostile" / "INDEX.tsv").open(newline="") as index:
        return [_case(corpus / "hostile", row) for row in csv.DictReader(index, delimiter="\t")]


def _case(folder: Path, row: dict[str, str]) -> Case:
    size = tuple(int(side) for side in row["size_after_orientation"].split("x") if side)
    mean = tuple(float(value) for value in row["ref_mean_rgb"].split(",") if value)
    path = folder / row["file"]
    pair = (size[0], size[1]) if size else None
    return Case(path, row["kind_by_magic"], row["expected"], pair, mean or None)


@pytest.mark.acceptance(31, 32, 33)
def test_every_good_image_is_resized_upright_in_its_colours(cases: list[Case]) -> None:
    wrong: list[tuple[object, ...]] = []
    good = [case for case in cases if case.expected == "ok" and case.kind in IMAGES]
    assert len(good) > 60
    for case in good:
        source = BytesIO(case.content)
        facts = probe(source)
        if case.size != (facts.width, facts.height):
            wrong.append((case.path.name, "size", facts, case.size))
        wrong += [(case.path.name, *problem) for problem in _colours(source, case)]
    assert not wrong


def _colours(source: BytesIO, case: Case) -> Iterator[tuple[object, ...]]:
    look = engine.look(source)
    assert len(look.placeholder) <= 400
    seen = {
        "look": tuple(bytes.fromhex(look.color[1:])),
        "png": images.mean(images.opened(engine.make(source, PNG).content)),
        "jpg": images.mean(images.opened(engine.make(source, JPEG).content)),
    }
    for name, color in seen.items():
        if case.mean is not None and not images.near(color, case.mean):
            yield name, color, case.mean


@pytest.mark.acceptance(22, 23, 25, 29, 30)
def test_everything_to_be_refused_is_refused_by_an_error_of_ours(cases: list[Case]) -> None:
    refused = [case for case in cases if case.expected.startswith("reject")]
    assert len(refused) > 60
    for case in refused:
        with pytest.raises(MediaError) as error:
            engine.make(BytesIO(case.content), PNG)
        if case.expected == "reject-type":
            assert isinstance(error.value, UnsupportedType), case
        with pytest.raises(MediaError):
            engine.look(BytesIO(case.content))


@pytest.mark.acceptance(27, 28, 30)
def test_whatever_is_neither_good_nor_bad_does_no_harm(cases: list[Case]) -> None:
    for case in cases:
        for spec in (PNG, JPEG, Spec.make("30x30", format="gif", mode="fill")):
            with contextlib.suppress(MediaError):
                result = engine.make(BytesIO(case.content), spec)
                assert images.opened(result.content).size == (result.width, result.height)


@pytest.mark.acceptance(29)
def test_no_other_decoder_is_ever_loaded(cases: list[Case]) -> None:
    """A fresh process that met every file knows only the five decoders, and started no other."""
    code = """
import sys, subprocess, os
from io import BytesIO
from shift_media.core import engine
from shift_media.core.errors import MediaError
from shift_media.core.spec import Spec
def never(*arguments, **options): raise AssertionError(arguments)
subprocess.Popen = os.system = os.posix_spawn = never
for path in sys.stdin.read().splitlines():
    with open(path, "rb") as file:
        try: engine.make(file, Spec.make("20x20", format="png"))
        except MediaError: pass
print(*(name for name in sys.modules if name.startswith("PIL.") and name.endswith("ImagePlugin")))
"""
    paths = "\n".join(str(case.path) for case in cases if case.expected.startswith("reject"))
    done = _run(code, stdin=paths)
    seen = {name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in done.split()}
    # Pillow imports BMP and PPM by itself whenever it saves.
    assert seen - {"Bmp", "Ppm"} == {"Jpeg", "Png", "Gif", "WebP", "Avif"}


def _run(code: str, *arguments: str, stdin: str = "") -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Each bomb in a process of its own, whose peak and CPU time are taken from the kernel.

MEASURE = """
import json, sys, time
from io import BytesIO
from PIL import Image
from shift_media.core import engine
from shift_media.core.errors import MediaError
from shift_media.core.spec import Spec
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
warm = BytesIO()
Image.new("RGB", (64, 64)).save(warm, "JPEG")
for format in ("jpg", "webp", "avif", "png", "gif"):
    engine.make(warm, Spec.make("32x32", format=format))
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")
idle, cpu, outcome = peak(), time.process_time(), []
size, format = sys.argv[2:4]
with open(sys.argv[1], "rb") as file:
    spec = Spec.make(size, format=format)
    for work in (lambda: engine.make(file, spec), lambda: engine.look(file))[:int(sys.argv[4])]:
        try:
            work()
            outcome.append("made")
        except MediaError as error:
            outcome.append(type(error).__name__)
print(json.dumps([peak() - idle, time.process_time() - cpu, outcome]))
"""

USUAL, LARGEST, HEADER = 256, 512, 64
"""Megabytes over idle: for any file, for the largest that the limits admit, for header bombs."""
CPU_SECONDS = 5.0


def measured(
    content: bytes, folder: Path, size: str = "400x400", format: str = "jpg", works: int = 2
) -> tuple[float, float, list[str]]:
    """Make a resize, and take a look unless ``works`` is 1: megabytes, CPU seconds, outcomes."""
    path = folder / "source"
    path.write_bytes(content)
    megabytes, seconds, outcome = json.loads(_run(MEASURE, str(path), size, format, str(works)))
    return megabytes, seconds, outcome


def png_of_zeros(width: int, height: int, color: int, channels: int) -> bytes:
    """Write a PNG that inflates to zeros, in bounded memory."""
    deflater = zlib.compressobj(9)
    rows = bytes((1 + channels * width) * 100)
    data = b"".join(deflater.compress(rows) for _ in range(height // 100)) + deflater.flush()
    return images.png(width, height, (b"IDAT", data), color=color)


def flat(format: str, width: int, height: int, **options: object) -> bytes:
    return images.encoded(Image.new("RGB", (width, height), images.RED), format, **options)


def exif_bomb() -> bytes:
    segments = [(0xE1, b"Exif\0\0" + bytes(65_000))] * 920
    return images.with_segments(images.encoded(images.quadrants(), "jpg"), *segments)


def icc_bomb() -> bytes:
    segments = [
        (0xE2, b"ICC_PROFILE\0" + bytes((n % 256, 255)) + bytes(65_000)) for n in range(920)
    ]
    return images.with_segments(images.encoded(images.quadrants(), "jpg"), *segments)


def png_text_bomb() -> bytes:
    text = (b"zTXt", b"a\0\0" + zlib.compress(bytes(60 * MEGABYTE)))
    itxt = (b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(60 * MEGABYTE)))
    big = (b"eXIf", b"II*\0" + bytes(60 * MEGABYTE))
    return images.with_chunks(images.encoded(images.quadrants(), "png"), text, itxt, big)


def webp_exif_bomb() -> bytes:
    content = images.encoded(images.quadrants(), "webp", exif=images.exif(6))
    chunk = b"EXIF" + struct.pack("<I", 60 * MEGABYTE) + bytes(60 * MEGABYTE)
    size = len(content) - 8 + len(chunk)
    return b"RIFF" + struct.pack("<I", size) + content[8:] + chunk


def animation_of(frames: int) -> bytes:
    return images.gif((200, 200), [(0, 0, 200, 200)] * frames)


@pytest.mark.acceptance(25)
@pytest.mark.parametrize(
    "bomb",
    [
        lambda: images.png(16384, 16384, (b"IDAT", zlib.compress(b""))),
        lambda: images.gif((65535, 65535), [(0, 0, 65535, 65535)]),
        lambda: images.gif((100, 100), [(0, 0, 9, 9), (0, 0, 65535, 65535)]),
        lambda: images.with_segments(
            b"\xff\xd8", (0xC0, struct.pack(">BHHB", 8, 65535, 65535, 3))
        ),
        lambda: b"\0\0\1\0\1\0\0\0\0\0\1\0\x20\0" + bytes(200),
        lambda: b"BM" + bytes(16) + struct.pack("<ii", 65535, 65535) + bytes(30),
    ],
)
def test_header_bombs_cost_next_to_nothing(bomb: Callable[[], bytes], tmp_path: Path) -> None:
    megabytes, seconds, outcome = measured(bomb(), tmp_path)
    assert set(outcome) <= {"TooManyPixels", "UnsupportedType"}
    assert megabytes <= HEADER
    assert seconds < 1


@pytest.mark.acceptance(26)
def test_a_99_megapixel_jpeg_is_refused(tmp_path: Path) -> None:
    content = flat("jpg", 11_000, 9_000, quality=20)
    assert len(content) < 3 * MEGABYTE
    megabytes, seconds, outcome = measured(content, tmp_path)
    assert outcome == ["TooManyPixels"] * 2
    assert megabytes <= HEADER
    assert seconds < 1


@pytest.mark.acceptance(27)
def test_animations_whose_frames_multiply_are_refused(tmp_path: Path) -> None:
    for frames, error in ((10_000, "TooManyFrames"), (501, "TooManyFrames")):
        megabytes, seconds, outcome = measured(animation_of(frames), tmp_path, format="gif")
        assert outcome == [error] * 2
        assert megabytes <= HEADER
        assert seconds < 1


@pytest.mark.acceptance(27)
@pytest.mark.parametrize("format", ["gif", "webp"])
def test_an_animation_of_380_frames_is_made_within_the_bounds(format: str, tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (220, 160), (n % 256, 80, 200 - n // 2)) for n in range(380)]
    content = images.animated("gif", pictures, [40] * 380)
    megabytes, seconds, outcome = measured(content, tmp_path, "120x120", format, works=1)
    assert outcome == ["made"]
    assert megabytes <= USUAL
    assert seconds <= CPU_SECONDS


@pytest.mark.acceptance(28)
@pytest.mark.parametrize("bomb", [exif_bomb, icc_bomb, png_text_bomb, webp_exif_bomb])
def test_metadata_bombs_are_ignored_within_the_bounds(
    bomb: Callable[[], bytes], tmp_path: Path
) -> None:
    megabytes, seconds, outcome = measured(bomb(), tmp_path)
    assert outcome == ["made"] * 2
    assert megabytes <= HEADER
    assert seconds < 2


LARGEST_ADMITTED: dict[str, Callable[[], bytes]] = {
    "baseline JPEG": lambda: flat("jpg", 8000, 6250),
    "progressive JPEG": lambda: flat("jpg", 8000, 6250, progressive=True),
    "progressive CMYK JPEG": lambda: images.encoded(
        Image.new("CMYK", (7500, 5000)), "jpg", progressive=True
    ),
    "RGBA PNG": lambda: png_of_zeros(8000, 6200, 6, 4),
    "WebP": lambda: flat("webp", 6200, 4000, method=0),
    "AVIF": lambda: flat("avif", 6200, 4000, speed=10, subsampling="4:4:4"),
}


@pytest.mark.acceptance(26)
@pytest.mark.parametrize("name", LARGEST_ADMITTED)
def test_the_largest_originals_stay_within_the_bound(name: str, tmp_path: Path) -> None:
    megabytes, seconds, outcome = measured(LARGEST_ADMITTED[name](), tmp_path, works=1)
    assert outcome == ["made"]
    assert megabytes <= LARGEST
    assert seconds <= CPU_SECONDS


@pytest.mark.acceptance(25, 27)
def test_the_same_limits_hold_for_probing_alone(cases: list[Case]) -> None:
    for case in cases:
        if case.expected == "reject-limit" and case.kind in IMAGES:
            with pytest.raises((TooManyPixels, TooManyFrames)):
                probe(BytesIO(case.content))
