"""The corpus of hostile, odd and good files."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

from shift_media.core.errors import MediaError, TooManyFrames, TooManyPixels, UnsupportedType
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders
from shift_media.imaging.probe import probe, read_header
from tests.imaging import images
from tests.imaging.processes import run

IMAGES = ("jpeg", "png", "gif", "webp", "avif")
PNG = Spec.make("100x100", format="png")
JPEG = Spec.make("100x100", format="jpg", quality=95)


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

    @property
    def is_usual(self) -> bool:
        """False for formats that only fields which name them accept: the index refuses all."""
        return detect(self.content[:HEAD_BYTES]).in_wildcard


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


@pytest.mark.slow
@pytest.mark.acceptance(31, 32, 33)
def test_good_image_is_resized_upright_in_its_colours(cases: list[Case]) -> None:
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
    look = engine.preview(source)
    assert len(look.placeholder) <= 400
    seen = {
        "look": tuple(bytes.fromhex(look.color[1:])),
        "png": images.mean(images.opened(engine.make(source, PNG).content)),
        "jpg": images.mean(images.opened(engine.make(source, JPEG).content)),
    }
    # The index has the coded colours; test_color_spaces.py compares converted ones with Chromium.
    if read_header(source).color_space is not None:
        return
    for name, color in seen.items():
        if case.mean is not None and not images.near(color, case.mean):
            yield name, color, case.mean


@pytest.mark.acceptance(22, 23, 25, 29, 30)
def test_file_to_be_refused_raises_a_media_error(cases: list[Case]) -> None:
    refused = [each for each in cases if each.expected.startswith("reject") and each.is_usual]
    assert len(refused) > 60
    for case in refused:
        with pytest.raises(MediaError) as error:
            engine.make(BytesIO(case.content), PNG)
        if case.expected == "reject-type":
            assert isinstance(error.value, UnsupportedType), case
        with pytest.raises(MediaError):
            engine.preview(BytesIO(case.content))


@pytest.mark.slow
@pytest.mark.acceptance(27, 28, 30)
def test_odd_file_is_made_or_raises_a_media_error(cases: list[Case]) -> None:
    for case in cases:
        for spec in (PNG, JPEG, Spec.make("30x30", format="gif", mode="fill")):
            with contextlib.suppress(MediaError):
                result = engine.make(BytesIO(case.content), spec)
                assert images.opened(result.content).size == (result.width, result.height)


@pytest.mark.slow
@pytest.mark.acceptance(29)
def test_only_the_five_decoders_are_loaded(cases: list[Case]) -> None:
    """A new process reads every file; afterwards only the five decoders are imported."""
    code = """
import sys, subprocess, os
from io import BytesIO
from shift_media.imaging import engine
from shift_media.core.errors import MediaError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.spec import Spec
def never(*arguments, **options): raise AssertionError(arguments)
subprocess.Popen = os.system = os.posix_spawn = never
for path in sys.stdin.read().splitlines():
    with open(path, "rb") as file:
        try: engine.make(file, Spec.make("20x20", format="png"))
        except MediaError: pass
print(*(name for name in sys.modules if name.startswith("PIL.") and name.endswith("ImagePlugin")))
"""
    refused = [each for each in cases if each.expected.startswith("reject") and each.is_usual]
    paths = "\n".join(str(case.path) for case in refused)
    done = run(code, stdin=paths)
    seen = {name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in done.split()}
    # Pillow imports BMP and PPM by itself whenever it saves.
    assert seen - {"Bmp", "Ppm"} == {"Jpeg", "Png", "Gif", "WebP", "Avif"}


MEASURE = """
import json, sys, time
from io import BytesIO
from PIL import Image
from shift_media.imaging import engine
from shift_media.core.errors import MediaError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.spec import Spec
from shift_media.imaging.strip import strip
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
warm = BytesIO()
Image.new("RGB", (64, 64)).save(warm, "JPEG")
for format in ("jpg", "webp", "avif", "png", "gif"):
    engine.make(warm, Spec.make("32x32", format=format))
engine.preview(warm)
idle = peak()
for path in sys.stdin.read().splitlines():
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    cpu, outcome = time.process_time(), "made"
    with open(path, "rb") as file:
        try:
            engine.preview(file)
            engine.make(file, Spec.make("400x400", format="webp"))
            strip(file).read()
        except MediaError as error:
            outcome = type(error).__name__
    print(json.dumps([path, peak() - idle, time.process_time() - cpu, outcome]))
"""


@pytest.mark.slow
@pytest.mark.acceptance(25, 26, 27, 28)
def test_every_file_stays_within_the_bounds_of_memory_and_time(
    cases: list[Case],
) -> None:
    """256 MB and 5 s, for bombs 64 MB and 1 s; one process, whose peak is reset for each file."""
    expected = {str(case.path): case.expected for case in cases}
    for case in cases:
        if case.expected == "reject-type" and not case.is_usual:
            expected[str(case.path)] = "either"  # made where a field names the format
    rows = [json.loads(line) for line in run(MEASURE, stdin="\n".join(expected)).splitlines()]
    assert len(rows) == len(cases)
    for path, megabytes, *spent, outcome in rows:
        bomb = expected[path] == "reject-limit"
        most = 1 if bomb else 5
        if spent[0] > most:  # Other work of the machine makes it longer, never shorter.
            spent += [json.loads(run(MEASURE, stdin=path))[2] for _ in range(2)]
        assert megabytes <= (64 if bomb else 256), (path, megabytes)
        assert min(spent) <= most, (path, spent)
        assert outcome != "made" or not expected[path].startswith("reject"), path


@pytest.mark.acceptance(25, 30)
def test_file_over_a_limit_or_of_another_type_never_reaches_a_decoder(cases: list[Case]) -> None:
    """Without any decoder the refusal is the same."""
    expected = ("reject-limit", "reject-type")
    refused = [case for case in cases if case.expected in expected and case.is_usual]
    assert len(refused) > 20
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoders, "load", None)
        for case in refused:
            with pytest.raises((TooManyPixels, TooManyFrames, UnsupportedType)):
                engine.make(BytesIO(case.content), PNG)


@pytest.mark.acceptance(25, 27)
def test_probing_refuses_files_over_a_limit(cases: list[Case]) -> None:
    for case in cases:
        if case.expected == "reject-limit" and case.kind in IMAGES:
            with pytest.raises((TooManyPixels, TooManyFrames)):
                probe(BytesIO(case.content))
