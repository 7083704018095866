"""The photographs of ``make bench``: their names say what is measured."""

from __future__ import annotations

import json
import os
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import photographs, sharp
from benchmarks.__main__ import parse_arguments
from benchmarks.measure import milliseconds
from benchmarks.photographs import collect, without_metadata
from benchmarks.report import Report
from tests.imaging import images
from tests.parts import ROOT


@pytest.fixture(autouse=True)
def small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photographs, "DRAWN_SIZE", (2000, 900))
    for area in ("LARGE_AREA", "PNG_AREA", "WEBP_AREA"):
        monkeypatch.setattr(photographs, area, 100_000)


@pytest.fixture
def without_corpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHIFT_MEDIA_CORPUS", str(tmp_path / "none"))


def write_jpeg(path: Path, size: tuple[int, int], **options: object) -> None:
    path.write_bytes(images.encoded(images.photograph(*size), "jpg", **options))


@pytest.mark.slow
def test_images_without_corpus_are_named_drawn(without_corpus: None) -> None:
    collection = collect()
    names = [photograph.name for photograph in collection.photographs]
    assert len(set(names)) == 4
    for name in (*names, collection.large.name, *collection.pngs_and_webps()):
        assert name.startswith("drawn ")
    assert str(collection).startswith("drawn images ")


@pytest.mark.slow
def test_report_says_what_was_measured(
    without_corpus: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report()
    report.describe(str(collect()))
    report.finish(tmp_path / "report.json")
    printed = capsys.readouterr().out
    assert "Measured: drawn images" in printed
    assert "Targets, measured on drawn images" in printed
    assert json.loads((tmp_path / "report.json").read_text())["measured"].startswith("drawn")


@pytest.mark.slow
def test_photographs_of_a_folder_are_named_by_their_files(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "beach.JPG", (1600, 1200))
    write_jpeg(tmp_path / "cat.jpeg", (1200, 1600), progressive=True)
    collection = collect(tmp_path)
    names = [photograph.name for photograph in collection.photographs]
    assert names == ["beach.JPG, 2 MP baseline", "cat.jpeg, 2 MP progressive"]
    assert [photograph.is_progressive for photograph in collection.photographs] == [False, True]
    derived = (collection.large.name, *collection.pngs_and_webps())
    assert all(name.startswith("beach.JPG as ") for name in derived)
    assert str(collection) == f"photographs in {tmp_path}"


def test_unusable_files_of_a_folder_are_left_out_with_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jpeg(tmp_path / "large.jpg", (1600, 900))
    write_jpeg(tmp_path / "small.jpg", (640, 480))
    (tmp_path / "text.jpg").write_text("not an image")
    assert len(collect(tmp_path).photographs) == 1
    errors = capsys.readouterr().err
    assert "small.jpg is left out, because it has 640 × 480 pixels, RGB." in errors
    assert "text.jpg is left out: it is not a JPEG" in errors


def test_folder_without_photographs_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="put JPEG files with a side of at least 1600 pixels"):
        collect(tmp_path)


@pytest.mark.parametrize("progressive", [False, True])
def test_metadata_is_removed_and_pixels_stay(progressive: bool) -> None:
    image = images.photograph(320, 200)
    content = images.encoded(image, "jpg", exif=images.exif(6), progressive=progressive)
    with_profile = images.encoded(
        image, "jpg", exif=images.exif(6), icc_profile=b"x" * 70_000, progressive=progressive
    )
    plain = Image.open(BytesIO(without_metadata(with_profile)))
    assert "exif" not in plain.info
    assert "icc_profile" not in plain.info
    assert plain.tobytes() == Image.open(BytesIO(content)).tobytes()


def test_photos_option_must_name_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert parse_arguments(["--photos", str(tmp_path)]).photos == tmp_path
    with pytest.raises(SystemExit) as refused:
        parse_arguments(["--photos", str(tmp_path / "none")])
    assert refused.value.code == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variable", "option"), [("PHOTOS=my photos", ' --photos "my photos"'), ("PHOTOS=", "")]
)
def test_make_bench_passes_photos(variable: str, option: str) -> None:
    last = dry_run("bench", variable).splitlines()[-1]
    assert last.rstrip().endswith(f"-m benchmarks{option}")


def test_make_bench_installs_all_extras_by_one_command(tmp_path: Path) -> None:
    shown = dry_run(f"{tmp_path}/.bench", f"VENV_BENCH={tmp_path}")
    packages = '-e ".[ffmpeg,heic,pdf,svg]" -r benchmarks/requirements.txt'
    assert shown.count(packages) == 2  # by uv, or else by pip


def dry_run(*words: str) -> str:
    """Return the commands that make would run."""
    command = ["make", "--no-print-directory", "--dry-run", *words]
    # The variables of the make that runs these tests are not those of this one.
    outer = ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    shown = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


class CallOfAnotherProcess:
    """A call whose time another process counts, as that of sharp."""

    seconds = 0.0

    def __call__(self) -> None:
        self.seconds += 0.25

    def clock(self) -> int:
        return int(self.seconds * 1e9)


@pytest.mark.slow
def test_call_with_a_clock_is_measured_by_it() -> None:
    times = milliseconds({"ours": lambda: None, "theirs": CallOfAnotherProcess()}, 3)
    assert times["theirs"] == 250
    assert times["ours"] < 50


def test_sharp_is_left_out_with_a_line_where_it_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sharp, "PACKAGE", tmp_path / "none")
    with sharp.started() as process:
        assert process is None
    assert "sharp is left out: it is installed by npm" in capsys.readouterr().err
    assert sharp.find_version() == "not installed"
