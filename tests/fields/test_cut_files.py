"""Files that were cut short: what is accepted can be made at every size."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.files.base import ContentFile

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.storages.streams import SeekableStream
from shift_media.validators import InvalidMedia
from tests.imaging import images
from tests.testapp.models import Photo, Portrait

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PICTURE = images.photograph(160, 120)
FRAMES = [images.photograph(80, 60, seed) for seed in range(4)]


def in_three_scans() -> bytes:
    """Write a sequential JPEG whose components come one after the other."""
    grey = [images.encoded(band, "jpg") for band in PICTURE.convert("YCbCr").split()]
    frame, scan, start = (grey[0].index(mark) for mark in (b"\xff\xc0", b"\xff\xda", b"\xff\xdb"))
    sides = grey[0][frame + 5 : frame + 9]
    head = b"\xff\xc0\0\x11\x08" + sides + b"\x03" + b"".join(b"%c\x11\0" % id for id in (1, 2, 3))
    scans = (
        b"\xff\xda\0\x08\x01%c\0\0\x3f\0" % id + content[content.index(b"\xff\xda") + 10 : -2]
        for id, content in enumerate(grey, 1)
    )
    tables = grey[0][start:frame] + grey[0][frame + 13 : scan]
    return b"\xff\xd8" + tables + head + b"".join(scans) + b"\xff\xd9"


JPEGS = {
    "baseline": images.encoded(PICTURE, "jpg"),
    "in three scans": in_three_scans(),
    "progressive": images.encoded(PICTURE, "jpg", progressive=True),
    "progressive 4:2:0": images.encoded(PICTURE, "jpg", progressive=True, subsampling="4:2:0"),
    "progressive grey": images.encoded(PICTURE.convert("L"), "jpg", progressive=True),
}
FILES = {
    **JPEGS,
    "png": images.encoded(PICTURE, "png"),
    "gif": images.encoded(PICTURE.quantize(64), "gif"),
    "webp": images.encoded(PICTURE, "webp"),
    "lossless webp": images.encoded(PICTURE, "webp", lossless=True),
    "avif": images.encoded(PICTURE, "avif"),
    "animated gif": images.animated("gif", [f.quantize(32) for f in FRAMES], [50] * 4),
    "animated webp": images.animated("webp", FRAMES, [50] * 4),
}
SPECS = [
    Spec.make(size, format=format)
    for size in ("16x16", "60x", "160x120")
    for format in ("jpg", "gif", "webp")
]
"""Small and large enough that a progressive JPEG is read in part and whole, still and animated."""


def is_accepted(content: bytes) -> bool:
    try:
        Photo().image.save("x.jpg", ContentFile(content))
    except InvalidMedia as error:
        assert error.code in ("undecodable", "unknown_type"), error  # noqa: PT017
        return False
    return True


def check_all_sizes(content: bytes) -> None:
    """Make resizes from a file and from a stream; each raises if it cannot be made."""
    with SeekableStream(BytesIO(content), len(content)) as stream:
        for spec in SPECS:
            assert engine.make(stream, spec).content == engine.make(BytesIO(content), spec).content
    assert len(list(engine.make_many(BytesIO(content), SPECS))) == len(SPECS)


@pytest.mark.slow
@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", FILES)
def test_cut_file_is_refused_or_can_be_made_at_every_size(name: str) -> None:
    whole = FILES[name]
    accepted = [
        cut
        for cut in sorted({*(len(whole) * share // 100 for share in range(1, 100))})
        if is_accepted(whole[:cut])
    ]
    for cut in [*accepted, len(whole)]:
        check_all_sizes(whole[:cut])
    assert len(accepted) <= 1


@pytest.mark.slow
@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", FILES)
def test_file_without_its_last_bytes_is_refused_or_can_be_made(name: str) -> None:
    whole = FILES[name]
    for missing in (1, 2, 3, 4, 8, 12, 13, 20):
        if is_accepted(whole[:-missing]):
            check_all_sizes(whole[:-missing])


@pytest.mark.slow
@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_without_end_marker_has_the_resizes_of_the_whole(name: str) -> None:
    content = JPEGS[name][:-2]
    row = Portrait.objects.create(image=ContentFile(content, "x.jpg"))
    with row.image.open() as file:
        stripped = file.read()
    for spec in SPECS:
        whole = engine.make(BytesIO(JPEGS[name]), spec).content
        assert engine.make(BytesIO(content), spec).content == whole
        assert engine.make(BytesIO(stripped), spec).content == whole


@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", JPEGS)
def test_jpeg_without_its_last_byte_of_data_is_refused(name: str) -> None:
    assert not is_accepted(JPEGS[name][:-3])


@pytest.mark.acceptance(71)
def test_animation_with_a_broken_later_frame_is_refused() -> None:
    content = bytearray(FILES["animated gif"])
    last = content.rindex(b"!\xf9\x04")
    content[last + 200 :] = b"\x01\0\0;"
    assert not is_accepted(bytes(content))
