"""Damaged, false, huge and unusual files, saved through the field."""

from __future__ import annotations

import base64
import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from shift_media.validators import InvalidMedia
from tests.fields.material import HTML, PDF, SVG, gif_header, picture, png_header, turned, upload
from tests.imaging import images
from tests.imaging.processes import Measuring
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Attachment, MetaFirst, Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 5
"""The most CPU time for one file."""

Stored = Callable[[], list[str]]


def index(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "hostile" / "INDEX.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def save(content: bytes, name: str) -> Photo | InvalidMedia:
    """Save a file and return its row, or the `InvalidMedia` that was raised."""
    started = time.process_time()
    photo = Photo()
    try:
        photo.image.save(name, ContentFile(content))
    except InvalidMedia as error:
        return error
    finally:
        assert time.process_time() - started < SECONDS, name
    return photo


IMAGES = {"jpeg", "png", "gif", "webp", "avif"}


@pytest.mark.acceptance(22, 29, 30)
@pytest.mark.parametrize("expected", ["reject-type", "reject-content", "reject-limit"])
def test_bad_file_of_the_corpus_is_refused_and_not_stored(
    expected: str, corpus: Path, stored: Stored, media: CountingStorage
) -> None:
    rows = [row for row in index(corpus) if row["expected"] == expected]
    assert rows
    accepted = []
    for row in rows:
        content = (corpus / "hostile" / row["file"]).read_bytes()
        for name in (Path(row["file"]).name, "photo.jpg"):
            outcome = save(content, name)
            if not isinstance(outcome, InvalidMedia):
                accepted.append(row["file"])
                continue
            assert outcome.code in {
                "empty",
                "unsupported_type",
                "unknown_type",
                "undecodable",
                "too_many_pixels",
                "too_many_frames",
            }
            assert str(media.location) not in outcome.sentence
    assert not accepted
    assert not stored()
    assert not Photo.objects.exists()


@pytest.mark.slow
@pytest.mark.acceptance(31, 32, 33, 35)
def test_good_file_of_the_corpus_is_stored_with_its_upright_size(corpus: Path) -> None:
    rows = [
        row for row in index(corpus) if row["expected"] == "ok" and row["kind_by_magic"] in IMAGES
    ]
    assert len(rows) > 50
    refused, sizes = {}, {}
    for row in rows:
        outcome = save((corpus / "hostile" / row["file"]).read_bytes(), "x")
        if isinstance(outcome, InvalidMedia):
            refused[row["file"]] = str(outcome)
            continue
        meta = outcome.image.metadata
        if row["size_after_orientation"] not in ("", f"{meta.width}x{meta.height}"):
            sizes[row["file"]] = (row["size_after_orientation"], meta.width, meta.height)
        assert len(meta.placeholder) <= 400
    assert not refused
    assert not sizes


@pytest.mark.acceptance(27, 28, 30)
def test_other_file_of_the_corpus_is_refused_or_stored_with_sides(corpus: Path) -> None:
    for row in index(corpus):
        if row["expected"] in ("either", "ok-if-enabled") or row["kind_by_magic"] not in IMAGES:
            content = (corpus / "hostile" / row["file"]).read_bytes()
            outcome = save(content, Path(row["file"]).name)
            if isinstance(outcome, Photo):
                assert outcome.image.width
                assert outcome.image.height


@pytest.mark.slow
@pytest.mark.acceptance(22)
def test_file_of_the_corpus_is_stored_unchanged_if_all_types_are_accepted(
    corpus: Path, stored: Stored
) -> None:
    for row in index(corpus)[::7]:
        content = (corpus / "hostile" / row["file"]).read_bytes()
        file = Attachment()
        try:
            file.file.save(Path(row["file"]).name, ContentFile(content))
        except InvalidMedia:
            continue
        with file.file.storage.open(file.file.name) as kept:
            assert kept.read() == content
        assert file.file.name.rpartition(".")[2] != "html" or content.lstrip().startswith(b"<")
    assert stored()


BOMBS = {
    "gif": gif_header(65_535, 65_535),
    "png": png_header(16_384, 16_384),
    "wide png": png_header(2_000_000_000, 1),
    "bmp": b"BM" + b"\0" * 12 + b"\x28\0\0\0\xff\xff\0\0\xff\xff\0\0\x01\0\x20\0" + b"\0" * 24,
    "ico": b"\0\0\x01\0\x01\0\0\0\0\0\x01\0\x20\0\x30\0\0\0\x16\0\0\0"
    + png_header(65_535, 65_535),
}

MEASURE = """
import base64, time
import django
django.setup()
from django.core.files.base import ContentFile
from shift_media.validators import InvalidMedia
from shift_media.workers.pool import current_pool
from tests.fields.material import picture
from tests.testapp.models import Photo
field = Photo._meta.get_field("image")
def peak():  # ru_maxrss would be that of the tests' own process, where that is larger
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
field.inspect(ContentFile(picture(), "warm.jpg"))
def measure(encoded):
    content = base64.b64decode(encoded)
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    before, started = peak(), time.process_time()
    try:
        field.inspect(ContentFile(content, "bomb.jpg"))
    except InvalidMedia as error:
        code = error.code
    used = [time.process_time() - started, peak() - before]
    return [code, *used, len(current_pool().pids)]
"""


@pytest.fixture(scope="module")
def measure() -> Iterator[Measuring]:
    with Measuring(MEASURE) as measure:
        yield measure


@pytest.mark.slow
@pytest.mark.acceptance(25)
@pytest.mark.parametrize("name", BOMBS)
def test_header_bomb_is_refused_in_a_second_with_little_memory(
    name: str, stored: Stored, measure: Measuring
) -> None:
    assert isinstance(save(BOMBS[name], "photo.jpg"), InvalidMedia)
    assert not stored()
    code, seconds, megabytes, workers = measure(base64.b64encode(BOMBS[name]).decode())
    assert code in ("too_many_pixels", "unsupported_type", "unknown_type", "undecodable")
    assert seconds < 1
    assert megabytes <= 64
    assert workers == 0  # No decoder has seen it.


@pytest.mark.acceptance(25)
@pytest.mark.parametrize("name", ["gif", "png"])
def test_bomb_of_a_known_type_is_refused_for_its_pixels(name: str) -> None:
    outcome = save(BOMBS[name], "photo.jpg")
    assert isinstance(outcome, InvalidMedia)
    assert outcome.code == "too_many_pixels"


@pytest.mark.acceptance(24)
@pytest.mark.parametrize("tail", [HTML, PDF, b"PK\x03\x04zip"])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF"])
def test_image_with_appended_bytes_is_accepted_as_an_image(format: str, tail: bytes) -> None:
    photo = save(picture(format) + tail, "x.html")
    assert isinstance(photo, Photo)
    assert photo.image.metadata.content_type.startswith("image/")
    assert photo.image.name.rpartition(".")[2] in ("jpg", "png", "gif")


@pytest.mark.acceptance(23)
@pytest.mark.parametrize("content", [SVG, HTML, PDF], ids=["svg", "html", "pdf"])
def test_active_document_is_refused_or_stored_as_an_attachment(content: bytes) -> None:
    assert isinstance(save(content, "photo.jpg"), InvalidMedia)
    row = Attachment.objects.create(file=upload(content, "photo.jpg"))
    assert row.file.metadata.content_type == "application/octet-stream"


@pytest.mark.acceptance(30)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_truncated_image_is_refused_or_has_the_sides_in_its_header(format: str) -> None:
    whole = picture(format, (120, 90))
    for length in range(0, len(whole), max(1, len(whole) // 25)):
        outcome = save(whole[:length], "x.jpg")
        if isinstance(outcome, Photo):
            assert (outcome.image.width, outcome.image.height) == (120, 90)


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sides_are_those_of_the_upright_image(format: str, orientation: int) -> None:
    row = MetaFirst.objects.create(image=upload(turned(orientation, format)))
    upright = (60, 40) if orientation < 5 else (40, 60)
    assert (row.width, row.height) == upright
    assert (row.image.width, row.image.height) == upright
    made = row.image.resize("20x20")
    assert (made.width, made.height) == ((20, 13) if orientation < 5 else (13, 20))


@pytest.mark.acceptance(31)
def test_image_with_broken_exif_is_accepted() -> None:
    for exif in (b"Exif\0\0" + b"\xff" * 200, b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"nonsense"):
        photo = save(picture(exif=exif), "x.jpg")
        assert isinstance(photo, Photo), exif
        assert photo.image.width == 64


@pytest.mark.acceptance(34)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (940, 2), (39, 39)])
def test_tiny_and_thin_images_have_complete_metadata(size: tuple[int, int]) -> None:
    photo = save(picture("PNG", size), "x.png")
    assert isinstance(photo, Photo)
    assert (photo.image.width, photo.image.height) == size
    assert photo.image.placeholder
    made = photo.image.resize("1x1", mode="fill")
    assert (made.width, made.height) == (1, 1)


def test_photograph_of_the_corpus_is_stored_with_its_upright_sides(
    corpus: Path, media: CountingStorage
) -> None:
    content = (corpus / "photos" / "seeding_16mp_base.jpg").read_bytes()
    photo = save(content, "seeding.jpg")
    assert isinstance(photo, Photo)
    assert (photo.image.width, photo.image.height) == (5312, 2988)
    assert media.calls == {"put": 1}


@pytest.mark.slow
def test_picture_of_high_dynamic_range_is_refused_as_a_kind_that_is_not_supported() -> None:
    content = images.with_chunks(picture("PNG"), (b"cICP", b"\x09\x10\0\1"))
    error = save(content, "x.png")
    assert isinstance(error, InvalidMedia)
    assert error.code == "unsupported_type"
    assert "a kind of PNG that cannot be resized" in error.sentence
