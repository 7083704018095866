"""Originals without their metadata: what is removed, what stays, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import random
import struct
import tracemalloc
import zlib
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
from shift_media.imaging.engine import decode
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.counting import counted
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


@pytest.mark.slow
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


def test_exif_and_profile_that_a_webp_does_not_announce_are_ignored() -> None:
    """Decoders look at the flags of the extended format (RFC 9649, 2.7)."""
    content = images.encoded(
        images.quadrants(), "webp", exif=exif(6), icc_profile=images.srgb_profile()
    )
    silent = content[:20] + b"\0" + content[21:]
    assert content[20]
    assert probe(BytesIO(silent)).orientation == 1
    simple = content[:12] + content[30:]
    for each in (silent, simple[:4] + (len(simple) - 8).to_bytes(4, "little") + simple[8:]):
        clean = stripped(each)
        assert probe(BytesIO(clean)) == probe(BytesIO(each))
        assert b"ICCP" not in clean
        assert b"EXIF" not in clean


def test_alpha_behind_the_picture_of_a_webp_is_ignored() -> None:
    content = WEBPS["alpha"]()
    alpha, picture = content.index(b"ALPH"), content.index(b"VP8 ")
    swapped = content[:alpha] + content[picture:] + content[alpha:picture]
    swapped = swapped[:20] + b"\0" + swapped[21:]  # The flags announce no alpha.
    clean = stripped(swapped)
    assert b"ALPH" not in clean
    assert probe(BytesIO(clean)) == probe(BytesIO(swapped))
    assert same_pixels(clean, swapped)


def test_gif_that_ends_in_its_colour_table_is_refused() -> None:
    content = images.gif((9, 9), [(0, 0, 9, 9)])
    at = content.index(b",")
    with pytest.raises(Undecodable, match="ends early"):
        probe(BytesIO(content[: at + 9] + b"\x87" + content[at + 10 : at + 13]))


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


@pytest.mark.slow
@pytest.mark.needs("corpus")
def test_stripped_picture_gives_the_same_resizes(corpus: Path) -> None:
    spec = Spec.make("50x50", format="png")
    for name, content in good(corpus):
        clean = stripped(content)
        assert engine.make(BytesIO(clean), spec) == engine.make(BytesIO(content), spec), name
        assert stripped(clean) == clean, name


@pytest.mark.slow
@pytest.mark.needs("corpus")
def test_large_photograph_is_not_read_into_memory(corpus: Path) -> None:
    """A stripped file is read in pieces, and only those that are requested."""
    with (corpus / "photos" / "seeding_16mp_base.jpg").open("rb") as source:
        tracemalloc.start()
        clean = strip(source)
        while clean.read(65_536):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.acceptance(36)
@pytest.mark.needs("corpus")
@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_bytes_behind_the_data_of_a_photograph_are_removed(corpus: Path, name: str) -> None:
    content = (corpus / "photos" / name).read_bytes()
    clean = stripped(content)
    assert stripped(content[:-2] + COMMENT * 9 + content[-2:]) == clean
    assert images.opened(clean).tobytes() == images.opened(content).tobytes()


@settings(max_examples=30, deadline=None)
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


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
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


@pytest.mark.slow
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
        lambda: jpeg(restart_marker_blocks=3).replace(b"\xff\xd1", b"\xff\1\xff\xd1"),
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


# What stands behind the data, where the container counts it as data.

JUNK = (b"\x12\x34GPS", COMMENT * 5, b"\0" * 100, bytes(range(255)) * 40)
"""Bytes without a marker of JPEG."""

JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "restarts of a progressive": {"progressive": True, "restart_marker_rows": 1},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
}


def jpeg(mode: str = "RGB", size: tuple[int, int] = (90, 61), **options: Any) -> bytes:
    return images.encoded(images.photograph(*size).convert(mode), "jpg", **options)


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("junk", JUNK, ids=["short", "note", "zeros", "long"])
@pytest.mark.parametrize(
    "end",
    [b"\xff\xd9", b"", b"\xff\xff\xd9", b"\xff\xd9" + APPENDED],
    ids=["end", "no end", "fill byte", "appended"],
)
def test_bytes_behind_the_data_of_a_jpeg_are_removed(kind: str, junk: bytes, end: bytes) -> None:
    content = jpeg(**JPEGS[kind])
    clean = stripped(content[:-2] + junk + end)
    assert clean == content


@pytest.mark.slow
@pytest.mark.parametrize("kind", JPEGS)
def test_megabytes_behind_the_data_of_a_jpeg_are_removed_with_few_decodes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each decode of a large photograph takes a second."""
    decoded = counted(monkeypatch, decode, "open_image")
    content = jpeg(**JPEGS[kind])
    assert stripped(content) == content
    assert len(decoded) <= 10
    decoded.clear()
    assert (
        stripped(
            content[:-2] + random.Random(1).randbytes(500_000).replace(b"\xff", b"") + content[-2:]
        )
        == content
    )
    assert len(decoded) <= 12


@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_without_anything_behind_its_data_stays_as_it_is(kind: str) -> None:
    content = jpeg(**JPEGS[kind])
    assert stripped(content) == content


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(12, 40), st.integers(12, 40), st.binary(max_size=400))
def test_pixels_stay_whatever_stands_behind_them(width: int, height: int, junk: bytes) -> None:
    content = jpeg(size=(width, height))
    junk = junk.replace(b"\xff", b"\xff\0")
    clean = stripped(content[:-2] + junk + b"\xff\xd9")
    assert len(clean) <= len(content)
    assert same_pixels(clean, content)


def test_only_byte_of_the_data_of_a_tall_jpeg_stays() -> None:
    """The rows that it is decoded to are the first ones, far above the last."""
    content = bytes.fromhex(
        f"ffd8 ffdb004300 {'08' * 64} ffc0001108 0fa0 0018 03521100471100421100"
        "ffda000c03520047004200003f00 49 ffd9"
    )
    assert same_pixels(stripped(content), content)
    assert stripped(content) == content


@pytest.mark.parametrize("marker", [0xDB, 0xEE, 0xFE])
def test_segment_between_the_last_scan_and_the_end_is_removed(marker: int) -> None:
    content = jpeg()
    text = bytes(65) if marker == 0xDB else COMMENT
    note = bytes((0xFF, marker)) + (len(text) + 2).to_bytes(2, "big") + text
    assert stripped(content[:-2] + note + content[-2:]) == content


def test_truncated_jpeg_gets_no_end_marker() -> None:
    content = jpeg()
    with pytest.raises(Undecodable):
        stripped(content[: len(content) // 2])


def idats(content: bytes, *lengths: int) -> bytes:
    """Divide the data of a PNG into chunks of these lengths, and one for the rest."""
    at = content.index(b"IDAT") - 4
    length = int.from_bytes(content[at : at + 4], "big")
    data = content[at + 8 : at + 8 + length]
    pieces = []
    for each in lengths:
        pieces, data = [*pieces, data[:each]], data[each:]
    chunks = b"".join(images.png_chunk(b"IDAT", piece) for piece in [*pieces, data])
    return content[:at] + chunks + content[at + 12 + length :]


def longer_data(content: bytes, type: bytes, junk: bytes) -> bytes:
    """Append bytes to the content of the last chunk of a type."""
    at = content.rindex(type) - 4
    end = at + 8 + int.from_bytes(content[at : at + 4], "big")
    return content[:at] + images.png_chunk(type, content[at + 8 : end] + junk) + content[end + 4 :]


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("lengths", [(), (3,), (1, 1, 1, 5), (200, 300)])
@pytest.mark.parametrize("junk", JUNK, ids=["short", "note", "zeros", "long"])
def test_bytes_behind_the_data_of_a_png_are_removed(lengths: tuple[int, ...], junk: bytes) -> None:
    content = idats(images.encoded(images.photograph(40, 30), "png"), *lengths)
    assert stripped(content) == content
    assert stripped(longer_data(content, b"IDAT", junk)) == content
    more = content[:-12] + images.png_chunk(b"IDAT", junk) + content[-12:]
    assert stripped(more) == content


def test_checksum_of_the_data_of_a_png_stays_if_it_is_divided() -> None:
    content = images.encoded(images.quadrants(), "png")
    length = int.from_bytes(content[content.index(b"IDAT") - 4 :][:4], "big")
    for behind in range(1, 6):
        divided = idats(content, length - behind)
        assert stripped(longer_data(divided, b"IDAT", COMMENT)) == divided


@pytest.mark.acceptance(36)
def test_bytes_behind_the_frames_of_an_apng_are_removed() -> None:
    pictures = [images.photograph(60, 40, seed) for seed in range(3)]
    content = images.animated("png", pictures, [40] * 3)
    assert stripped(content) == content
    for type in (b"fdAT", b"IDAT"):
        assert stripped(longer_data(content, type, COMMENT * 9)) == content


def test_rows_behind_the_last_row_of_a_png_are_refused() -> None:
    content = images.encoded(images.quadrants(), "png")
    at = content.index(b"IDAT") - 4
    data = zlib.decompress(content[at + 8 : -16])
    hidden = images.png_chunk(b"IDAT", zlib.compress(data + COMMENT))
    with pytest.raises(NotStrippable, match="behind its last row"):
        stripped(content[:at] + hidden + content[-12:])


@pytest.mark.parametrize(
    "chunk",
    [
        (b"sBIT", COMMENT),
        (b"pHYs", bytes(9) + COMMENT),
        (b"gAMA", COMMENT),
        (b"bKGD", COMMENT),
        (b"acTL", b"\0\0\0\3" + bytes(4) + COMMENT),
        (b"iCCP", COMMENT),
        (b"iCCP", b"x\0\0" + zlib.compress(b"nonsense")[:-4] + COMMENT * 9),
    ],
)
def test_chunk_that_is_longer_than_its_values_is_removed(chunk: tuple[bytes, bytes]) -> None:
    content = images.with_chunks(images.encoded(images.quadrants(), "png"), chunk)
    clean = stripped(content)
    assert COMMENT not in clean
    assert probe(BytesIO(clean)) == probe(BytesIO(content))


def test_bytes_behind_a_profile_are_removed() -> None:
    content = images.encoded(images.quadrants(), "png", icc_profile=images.srgb_profile())
    assert stripped(content) == content
    assert stripped(longer_data(content, b"iCCP", COMMENT)) == content


def test_second_chunk_of_a_type_is_removed() -> None:
    content = images.with_chunks(images.encoded(images.quadrants(), "png"), (b"pHYs", bytes(9)))
    assert stripped(images.with_chunks(content, (b"pHYs", b"\1" * 9))).count(b"pHYs") == 1


def longer_frame(content: bytes, junk: bytes) -> bytes:
    """Put sub-blocks with other bytes behind the data of the last frame of a GIF."""
    assert content.endswith(b"\0;")
    pieces = [junk[at : at + 255] for at in range(0, len(junk), 255)]
    return content[:-2] + b"".join(bytes((len(each),)) + each for each in pieces) + b"\0;"


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("size", [(2, 3), (40, 30), (200, 100)])
@pytest.mark.parametrize("colors", [2, 16, 200])
def test_bytes_behind_the_data_of_a_gif_are_removed(size: tuple[int, int], colors: int) -> None:
    picture = images.photograph(200, 100).resize(size).quantize(colors)
    pictures = [picture, picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for content in (
        images.encoded(picture, "gif"),
        images.encoded(picture, "gif", interlace=True),
        images.animated("gif", pictures, [40, 60]),
    ):
        assert stripped(content) == content
        for junk in JUNK:
            clean = stripped(longer_frame(content, junk))
            assert len(clean) <= len(content) + 3
            assert same_pixels(clean, content)
            assert stripped(clean) == clean
            assert not any(mark in clean for mark in MARKS)


WEBPS: dict[str, Callable[[], bytes]] = {
    "lossy": lambda: images.encoded(images.photograph(90, 61), "webp"),
    "lossless": lambda: images.encoded(images.photograph(90, 61), "webp", lossless=True),
    "flat": lambda: images.encoded(images.quadrants(), "webp"),
    "alpha": lambda: images.encoded(translucent(), "webp"),
    "raw alpha": lambda: images.encoded(translucent(), "webp", alpha_quality=100, method=0),
    "animated": lambda: images.animated("webp", [photo(1), photo(2)], [9] * 2),
    "animated alpha": lambda: images.animated("webp", [translucent(), translucent(2)], [9] * 2),
}


def photo(seed: int) -> Image.Image:
    return images.photograph(60, 40, seed)


def translucent(seed: int = 1) -> Image.Image:
    picture = photo(seed)
    picture.putalpha(images.photograph(60, 40, seed + 9).convert("L"))
    return picture


def longer_webp(content: bytes, junk: bytes, type: bytes) -> bytes:
    """Append bytes to the first chunk of a type, within its length."""
    at = content.index(type)
    length = int.from_bytes(content[at + 4 : at + 8], "little")
    end = at + 8 + length
    longer = content[at + 8 : end] + junk
    padding = bytes(len(longer) % 2)
    whole = content[:at] + type + len(longer).to_bytes(4, "little") + longer + padding
    added = len(whole) - (end + length % 2)
    frame = content.find(b"ANMF")
    if 0 <= frame < at:
        size = int.from_bytes(content[frame + 4 : frame + 8], "little") + added
        whole = whole[: frame + 4] + size.to_bytes(4, "little") + whole[frame + 8 :]
    whole += content[end + length % 2 :]
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("kind", WEBPS)
def test_bytes_behind_the_data_of_a_webp_are_removed(kind: str) -> None:
    content = WEBPS[kind]()
    assert stripped(content) == content
    for type in (b"VP8 ", b"VP8L", b"ALPH"):
        for junk in JUNK:
            if type not in content:
                continue
            clean = stripped(longer_webp(content, junk, type))
            assert same_pixels(clean, content)
            assert not any(mark in clean for mark in MARKS)
            if junk.strip(b"\0"):
                assert len(clean) <= len(content) + 4
            assert stripped(clean) == clean


def test_webp_of_which_a_shorter_part_decodes_by_chance_stays_whole() -> None:
    # libwebp takes 77 bytes of its 88, and 85 and more, but none of the lengths between them.
    content = bytes.fromhex(
        "524946468600000057454250565038580a00000010000000060000000000414c50480800000000069669"
        "1e69b8875650382058000000f002009d012a0700010000c01225a80274b70066007f00ca00fd0005bb46"
        "960000feed2fefebf31fff0e6fd14ff689f6327e3fff2542dad49ffd9c0e05b19437ff6f5e7ffede0ea9"
        "37fff2c435fffb783aa4dfffcac40000"
    )
    clean = stripped(content)
    assert same_pixels(clean, content)
    assert stripped(clean) == clean


@pytest.mark.parametrize("kind", ["lossy", "lossless"])
def test_pixels_of_a_webp_are_compared_few_times(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = WEBPS[kind]()
    type = b"VP8 " if kind == "lossy" else b"VP8L"
    compared = counted(monkeypatch, decode, "pixel_digest")
    assert stripped(content) == content
    assert len(compared) <= 6
    compared.clear()
    clean = stripped(longer_webp(content, COMMENT * 999, type))
    assert same_pixels(clean, content)
    assert len(compared) <= 14


@pytest.mark.parametrize("kind", ["alpha", "lossless"])
def test_second_picture_in_a_webp_is_removed(kind: str) -> None:
    content = WEBPS[kind]()
    hidden = images.encoded(images.quadrants(60, 40), "webp")[12:]
    clean = stripped(content)
    if kind == "lossless":  # in the extended format, in which more chunks may follow
        canvas = b"VP8X\x0a\0\0\0\0\0\0\0" + struct.pack("<I", 89)[:3] + struct.pack("<I", 60)[:3]
        content = content[:12] + canvas + content[12:]
        clean = stripped(content)
    longer = content + hidden
    longer = longer[:4] + (len(longer) - 8).to_bytes(4, "little") + longer[8:]
    assert stripped(longer) == clean


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("type", [5, 15])
def test_metadata_and_padding_within_the_data_of_an_avif_are_removed(type: int) -> None:
    content = images.encoded(images.photograph(60, 40), "avif")
    unit = bytes((type << 3 | 2, len(COMMENT) + 1)) + COMMENT + b"\x80"
    longer = with_unit(content, unit)
    clean = stripped(longer)
    assert COMMENT in longer
    assert COMMENT not in clean
    assert len(clean) == len(longer)
    assert same_pixels(clean, content)
    assert stripped(clean) == clean


def with_unit(content: bytes, unit: bytes) -> bytes:
    """Append a unit to the AV1 data of an AVIF with one item, which ends with these data."""
    size = len(content) - content.index(b"mdat") - 4
    content = content.replace(struct.pack(">I", size), struct.pack(">I", size + len(unit)))
    whole = content.index(b"mdat") - 4
    box_size = struct.pack(">I", size + 8 + len(unit))
    return content[:whole] + box_size + content[whole + 4 :] + unit
