"""Originals without their metadata: what is removed, what stays, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import struct
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence
from PIL.PngImagePlugin import PngInfo

from shift_media.core.errors import MediaError, NotStrippable, Undecodable, UnsupportedType
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.imaging import images

FORMATS = ("jpg", "png", "webp", "avif", "gif")
ORIENTED = ("jpg", "png", "webp", "avif")

CAMERA, SERIAL, AUTHOR, PLACE = (
    b"Camera X100",
    b"SN-4711-0815",
    b"Jane Q. Author",
    b"Greenwich Park",
)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><photoshop:City>' + PLACE + b"</photoshop:City>"
COMMENT = b"GEHEIM51.4778"
APPENDED = b"PK\x03\x04<script>" + COMMENT
MARKS = (
    *(CAMERA, SERIAL, AUTHOR, PLACE, COMMENT),
    *(b"GPS", b"2024:05:06", b"xmpmeta", b"Photoshop", b"tEXt", b"zTXt", b"iTXt"),
)


def exif(orientation: int) -> bytes:
    """Return an EXIF block like a camera's, with its name, its owner, time and place."""
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x0110], block[0x013B] = CAMERA.decode(), AUTHOR.decode()
    block[0x0132] = "2024:05:06 07:08:09"
    block.get_ifd(0x8769)[0xA431] = SERIAL.decode()
    block.get_ifd(0x8825)[29] = "2024:05:06"
    block.get_ifd(0x8825)[0x001B] = b"ASCII\0\0\0GPS"
    return block.tobytes()


def annotated(format: str, orientation: int = 6) -> bytes:
    """Return a picture with all metadata that its format can hold, and bytes after its end."""
    picture = images.stored(images.photograph(90, 60), orientation)
    profile = images.srgb_profile()
    known: dict[str, Any] = {"exif": exif(orientation), "icc_profile": profile}
    if format == "jpg":
        content = images.encoded(picture, "jpg", comment=COMMENT, xmp=XMP, **known)
        iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x10\x1c\x02\x5a\0\x0e" + PLACE
        return images.with_segments(content, (0xED, iptc), (0xE2, b"FPXR\0" + COMMENT)) + APPENDED
    if format == "png":
        text = PngInfo()
        text.add_text("Author", AUTHOR.decode())
        text.add_text("Comment", COMMENT.decode(), zip=True)
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        content = images.encoded(picture, "png", pnginfo=text, **known)
        return images.with_chunks(content, (b"tIME", b"\x07\xe8\5\6\7\x08\x09")) + APPENDED
    if format == "gif":
        frames = [picture, picture.rotate(180)]
        content = images.animated("gif", frames, [50, 70], loop=3)
        note = b"!\xfe" + bytes((len(COMMENT),)) + COMMENT + b"\0"
        other = b"!\xff\x0bXMP DataXMP" + bytes((len(XMP),)) + XMP + b"\0"
        start = content.index(b"!\xff\x0bNETSCAPE")
        return content[:start] + note + other + content[start:] + APPENDED
    content = images.encoded(picture, format, xmp=XMP, **known)
    return content + APPENDED if format == "webp" else content + box(b"uuid", APPENDED) + APPENDED


def box(type: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + type + content


def stripped(content: bytes) -> bytes:
    return strip(BytesIO(content)).read()


def frames(content: bytes) -> list[Any]:
    """Decode every frame to stored pixels, as Pillow sees them, with their times."""
    with Image.open(BytesIO(content)) as image:
        return [
            (np.asarray(frame.convert("RGBA")), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(image)
        ]


def same_pixels(one: bytes, two: bytes) -> bool:
    seen, expected = frames(one), frames(two)
    return len(seen) == len(expected) and all(
        np.array_equal(a, b) and times == other
        for (a, times), (b, other) in zip(seen, expected, strict=True)
    )


def metadata_in(content: bytes) -> set[str]:
    """Return the metadata that Pillow finds, beside an orientation and a profile."""
    image = images.opened(content)
    found = {"xmp", "comment", "photoshop", "mp", "mpoffset", "XML:com.adobe.xmp"} & set(
        image.info
    )
    tags = image.getexif()
    ifds = {f"IFD {ifd:#x}" for ifd in (0x8769, 0x8825) if tags.get_ifd(ifd)}
    return found | ifds | {f"tag {tag:#x}" for tag in set(tags) - {0x0112}}


# What is removed.


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("format", FORMATS)
def test_metadata_of_cameras_and_editors_is_removed(format: str) -> None:
    content = annotated(format)
    assert sum(mark in content for mark in MARKS) >= {"gif": 2}.get(format, 5)
    clean = stripped(content)
    assert [mark for mark in MARKS if mark in clean] == []
    assert metadata_in(clean) == set()


@pytest.mark.acceptance(36)
@pytest.mark.needs("corpus")
@pytest.mark.filterwarnings("ignore:.*EXIF data:UserWarning")
def test_metadata_of_real_photographs_is_removed(corpus: Path) -> None:
    told = 0
    for name, content in good(corpus):
        before = images.opened(content).getexif()
        values = [
            *before.values(),
            *before.get_ifd(0x8769).values(),
            *before.get_ifd(0x8825).values(),
        ]
        marks = [v.strip("\0 ").encode() for v in values if isinstance(v, str) and v.isascii()]
        marks = [mark for mark in marks if len(mark) > 5 and mark in content]
        clean = stripped(content)
        assert [mark for mark in marks if mark in clean] == [], name
        assert metadata_in(clean) == set(), name
        for mark in (b"http://ns.adobe.com", b"8BIM", b"tEXt", b"xmpmeta"):
            assert mark not in clean, name
        told += bool(marks)
    assert told > 5


@pytest.mark.acceptance(36)
def test_thumbnail_in_exif_or_jfif_is_removed() -> None:
    picture = images.quadrants()
    thumbnail = images.encoded(picture.resize((16, 12)), "jpg")
    jfif = (0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + COMMENT[:12])
    jfxx = (0xE0, b"JFXX\0\x10" + thumbnail)
    content = images.encoded(picture, "jpg")
    content = images.with_segments(content[:2] + content[20:], jfif, jfxx)
    clean = stripped(content)
    assert COMMENT[:12] not in clean
    assert thumbnail not in clean
    assert clean.startswith(b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\2\0\0\1\0\1\0\0")
    assert same_pixels(clean, content)


@pytest.mark.acceptance(35, 36)
def test_second_picture_of_a_phone_is_removed() -> None:
    output = BytesIO()
    picture = images.photograph(200, 120)
    picture.save(output, "MPO", save_all=True, append_images=[picture.rotate(180)])
    clean = stripped(output.getvalue())
    assert clean.count(b"\xff\xd8\xff") == 1
    assert np.array_equal(images.opened(clean), images.opened(output.getvalue()))


def test_comment_between_the_scans_of_a_progressive_jpeg_is_removed() -> None:
    content = images.encoded(images.photograph(90, 60), "jpg", progressive=True)
    scan = content.rindex(b"\xff\xda")
    note = b"\xff\xfe" + (len(COMMENT) + 2).to_bytes(2, "big") + COMMENT
    clean = stripped(content[:scan] + note + content[scan:])
    assert clean == content


def test_xmp_of_a_gif_as_adobe_writes_it_is_removed() -> None:
    """Adobe uses no sub-blocks: raw text, and a trailer that leads every reader to its end."""
    content = images.encoded(images.quadrants().quantize(8), "gif")
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    note = b"!\xff\x0bXMP DataXMP" + XMP * 9 + trailer
    at = content.index(b",\0\0\0\0")
    clean = stripped(content[:at] + note + content[at:])
    assert PLACE not in clean
    assert same_pixels(clean, content)


def test_stripped_avif_keeps_its_length_and_unused_data_is_blanked() -> None:
    content = annotated("avif")
    free = content.index(b"mdat") - 4
    clean = stripped(content)
    assert len(clean) == len(content) - len(APPENDED)
    assert b"uuid" not in clean
    assert clean[:free].count(b"free") == clean.count(b"free") - 1


# What stays.


@pytest.mark.acceptance(32, 36)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ORIENTED)
def test_pixels_orientation_and_profile_stay(format: str, orientation: int) -> None:
    content = annotated(format, orientation)
    clean = stripped(content)
    assert probe(BytesIO(clean)) == probe(BytesIO(content))
    profile = images.opened(content).info["icc_profile"]
    assert profile
    assert images.opened(clean).info["icc_profile"] == profile
    assert same_pixels(clean, content)
    kept = images.opened(clean).getexif()
    if format != "avif":  # whose orientation is a property, not EXIF
        assert dict(kept) == ({0x0112: orientation} if orientation > 1 else {})


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_animation_stays_with_its_times_and_loop(format: str) -> None:
    pictures = [images.quadrants().rotate(angle) for angle in (0, 90, 180)]
    content = images.animated(format, pictures, [40, 60, 80], loop=3)
    clean = stripped(content)
    assert same_pixels(clean, content)
    assert len(frames(clean)) == 3
    assert images.opened(clean).info["loop"] == images.opened(content).info["loop"] == 3


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_colours_of_a_jpeg_stay(mode: str) -> None:
    content = images.encoded(images.photograph(60, 40).convert(mode), "jpg", comment=COMMENT)
    clean = stripped(content)
    assert images.opened(clean).mode == mode
    assert np.array_equal(images.opened(clean), images.opened(content))


@pytest.mark.needs("corpus")
def test_stripped_picture_gives_the_same_resizes(corpus: Path) -> None:
    spec = Spec.make("50x50", format="png")
    for name, content in good(corpus):
        clean = stripped(content)
        assert engine.make(BytesIO(clean), spec) == engine.make(BytesIO(content), spec), name
        assert stripped(clean) == clean, name


@pytest.mark.needs("corpus")
def test_large_photograph_is_not_read_into_memory(corpus: Path) -> None:
    """A stripped file is read in pieces, and only those that are requested."""
    for name in ("seeding_16mp_base.jpg", "sunset_12mp_prog.jpg"):
        with (corpus / "photos" / name).open("rb") as source:
            tracemalloc.start()
            clean = strip(source)
            while clean.read(65_536):
                pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 2_000_000


@settings(max_examples=60, deadline=None)
@given(
    format=st.sampled_from(FORMATS),
    orientation=st.integers(1, 8),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    note=st.binary(min_size=1, max_size=200),
)
def test_stripping_twice_gives_the_same_as_once(
    format: str, orientation: int, size: tuple[int, int], note: bytes
) -> None:
    turned = 1 if format == "gif" else orientation
    picture = images.quadrants(*size)
    content = (images.encoded if turned == 1 else encoded_turned)(picture, format) + (
        note if format != "avif" else box(b"free", note)
    )
    clean = stripped(content)
    assert stripped(clean) == clean
    assert same_pixels(clean, content)
    assert probe(BytesIO(clean)) == probe(BytesIO(content))


def encoded_turned(picture: Image.Image, format: str) -> bytes:
    return images.encoded(picture, format, exif=exif(6))


# What is refused.


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_picture_raises_media_errors_alone(format: str, data: st.DataObject) -> None:
    content = bytearray(ANNOTATED[format])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))] or content
    with contextlib.suppress(MediaError):
        clean = stripped(bytes(content))
        assert stripped(clean) == clean


ANNOTATED = {format: annotated(format) for format in FORMATS}


@pytest.mark.needs("corpus")
def test_file_of_the_corpus_raises_media_errors_alone(corpus: Path) -> None:
    for path in sorted((corpus / "hostile").glob("*/*")):
        content = path.read_bytes()
        for part in (content, content[: len(content) // 2], content[:-1]):
            with contextlib.suppress(MediaError):
                clean = stripped(part)
                assert stripped(clean) == clean, path.name


@pytest.mark.parametrize(
    "cut",
    [
        lambda: annotated("jpg")[: annotated("jpg").index(b"\xff\xda") + 5],
        lambda: images.encoded(images.photograph(60, 60), "png")[:-30],
        lambda: images.encoded(images.photograph(60, 60), "webp")[:-30],
        lambda: images.encoded(images.photograph(60, 60).quantize(99), "gif")[:-30],
        lambda: images.encoded(images.photograph(60, 60), "avif")[:-30],
        lambda: images.encoded(images.quadrants(), "jpg")[:-2] + b"\xff\x02\0\0\xff\xd9",
    ],
)
def test_truncated_or_misplaced_part_is_refused(cut: Callable[[], bytes]) -> None:
    with pytest.raises(Undecodable):
        stripped(cut())


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"<svg xmlns='x'/>", b"\0\0\0\x18ftypisom", b""])
def test_file_that_is_not_an_image_is_refused(content: bytes) -> None:
    with pytest.raises(UnsupportedType):
        stripped(content)


def test_avif_sequence_is_refused() -> None:
    with pytest.raises(NotStrippable, match="sequence"):
        stripped(images.encoded(images.quadrants(), "avif") + box(b"moov", b""))


def test_avif_with_metadata_in_the_bytes_of_the_picture_is_refused() -> None:
    """Keeping the bytes would leak metadata, and blanking them would damage the picture."""
    content = images.encoded(images.quadrants(), "avif", exif=exif(1))
    locations = content.index(b"iloc")
    picture, note = (content.index(struct.pack(">HH", n, 0), locations) for n in (1, 2))
    shared = content[: note + 6] + content[picture + 6 : picture + 14] + content[note + 14 :]
    with pytest.raises(NotStrippable, match="share"):
        stripped(shared)


def good(corpus: Path) -> list[tuple[str, bytes]]:
    """Return the good images of the corpus."""
    with (corpus / "hostile" / "INDEX.tsv").open(newline="") as index:
        rows = [row for row in csv.DictReader(index, delimiter="\t") if row["expected"] == "ok"]
    names = [row["file"] for row in rows if row["kind_by_magic"] in ("jpeg", *FORMATS)]
    assert len(names) > 60
    return [(name, (corpus / "hostile" / name).read_bytes()) for name in names]
