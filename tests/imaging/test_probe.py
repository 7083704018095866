"""Headers: facts, tolerance and limits, before any decoder is called."""

from __future__ import annotations

import contextlib
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shift_media.core.errors import (
    MediaError,
    TooManyFrames,
    TooManyPixels,
    Undecodable,
    UnsupportedType,
)
from shift_media.imaging.formats import exif
from shift_media.imaging.formats.base import ByteReader, Span
from shift_media.imaging.probe import ImageFacts, SourceLimits, probe
from tests.fuzz import seeds
from tests.fuzz.targets import PICTURES
from tests.imaging import images
from tests.imaging.making import made

FORMATS = ("jpg", "png", "gif", "webp", "avif")
ORIENTED = ("jpg", "png", "webp", "avif")


def facts(content: bytes, limits: SourceLimits | None = None) -> ImageFacts:
    return probe(BytesIO(content), limits or SourceLimits())


@pytest.mark.parametrize("format", FORMATS)
def test_size_and_format_are_read_in_every_format(format: str) -> None:
    seen = facts(images.encoded(images.quadrants(63, 41), format))
    assert (seen.format.extension, seen.width, seen.height) == (format, 63, 41)
    assert (seen.orientation, seen.frames, seen.has_alpha) == (1, 1, False)


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ORIENTED)
def test_sizes_are_upright_in_all_eight_orientations(format: str, orientation: int) -> None:
    seen = facts(images.oriented(format, orientation, images.quadrants(60, 32)))
    assert (seen.width, seen.height, seen.orientation) == (60, 32, orientation)


@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_alpha_channel_is_detected(format: str) -> None:
    image = images.quadrants()
    image.putalpha(100)
    assert facts(images.encoded(image, format)).has_alpha


def test_transparent_palette_entry_is_detected() -> None:
    image = images.quadrants().quantize(8)
    assert facts(images.encoded(image, "png", transparency=1)).has_alpha
    assert facts(images.encoded(image, "gif", transparency=1)).has_alpha


@pytest.mark.parametrize("format", ["gif", "webp", "png", "avif"])
def test_frames_are_counted(format: str) -> None:
    frames = [Image.new("RGB", (16, 16), (40 * n, 0, 0)) for n in range(5)]
    assert facts(images.animated(format, frames, [50] * 5)).frames == 5


@pytest.mark.acceptance(31)
@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40,
        images.exif(6)[:20],
        images.exif(6).replace(b"\x01\x12\0\x03", b"\x01\x12\0\x07"),
    ],
)
def test_broken_exif_counts_as_upright(block: bytes) -> None:
    jpeg = images.with_segments(images.encoded(images.quadrants(), "jpg"), (0xE1, block))
    assert facts(jpeg).orientation == 1


@given(st.binary(max_size=200))
def test_arbitrary_exif_gives_an_orientation(block: bytes) -> None:
    tiff = b"II*\0\x08\0\0\0" + block
    assert 1 <= exif.read_orientation(ByteReader(BytesIO(tiff)), Span(0, len(tiff))) <= 8


@pytest.mark.acceptance(25)
@pytest.mark.parametrize(
    "content",
    [
        images.png(16384, 16384, (b"IDAT", zlib.compress(b""))),
        images.gif((65535, 65535), [(0, 0, 1, 1)]),
        images.with_segments(b"\xff\xd8", (0xC0, struct.pack(">BHHB", 8, 65535, 65535, 3))),
        b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0" + b"\0" * 4 + b"\xff" * 6,
    ],
)
def test_header_bomb_is_refused_by_its_header(content: bytes) -> None:
    with pytest.raises(TooManyPixels):
        facts(content)


@pytest.mark.acceptance(27)
def test_gif_with_a_huge_second_frame_is_refused() -> None:
    with pytest.raises(TooManyPixels):
        facts(images.gif((100, 100), [(0, 0, 10, 10), (0, 0, 65535, 65535)]))


@pytest.mark.acceptance(27)
@pytest.mark.parametrize("format", ["gif", "webp", "png", "avif"])
def test_pixels_and_frames_are_counted_over_the_whole_animation(format: str) -> None:
    frames = [Image.new("RGB", (20, 20), (20 * n, 0, 0)) for n in range(10)]
    content = images.animated(format, frames, [50] * 10)
    assert facts(content, SourceLimits(pixels=8000, frames=10)).frames == 10
    with pytest.raises(TooManyFrames) as frame_error:
        facts(content, SourceLimits(frames=9))
    with pytest.raises(TooManyPixels) as pixel_error:
        facts(content, SourceLimits(pixels=1999 if format == "gif" else 3999))
    assert (frame_error.value.code, pixel_error.value.code) == (
        "too_many_frames",
        "too_many_pixels",
    )


@pytest.mark.acceptance(27)
def test_ten_thousand_frames_are_refused() -> None:
    with pytest.raises(TooManyFrames):
        facts(images.gif((1, 1), [(0, 0, 1, 1)] * 10_000))


def test_gif_is_as_large_as_its_canvas_or_its_first_frame() -> None:
    assert facts(images.gif((10, 10), [(2, 2, 20, 4)])).width == 22
    later = facts(images.gif((10, 10), [(0, 0, 5, 5), (2, 2, 20, 4)]))
    assert (later.width, later.height) == (10, 10)


def test_pixel_limit_is_lower_for_formats_with_costly_decoders() -> None:
    limits = SourceLimits(pixels=4000)
    image = images.quadrants(60, 60)
    assert facts(images.encoded(image, "png"), limits).width == 60
    with pytest.raises(TooManyPixels):
        facts(images.encoded(image, "webp"), limits)


@pytest.mark.acceptance(22, 23, 29)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><script>1</script>",
        b"%PDF-1.7",
        b"%!PS-Adobe",
        b"8BPS\0\1" + b"\0" * 40,
        b"BLP2" + b"\0" * 40,
        b"DDS " + b"\0" * 140,
        b"BM" + b"\0" * 60,
        b"\0\0\0\x18ftypisom" + b"\0" * 40,
        b'{"a": 1}',
    ],
)
def test_file_that_is_not_an_image_of_the_table_is_unsupported(content: bytes) -> None:
    with pytest.raises(UnsupportedType):
        facts(content)


def test_jpeg_that_the_decoder_cannot_read_is_unsupported() -> None:
    twelve_bits = images.with_segments(b"\xff\xd8", (0xC1, struct.pack(">BHHB", 12, 8, 8, 3)))
    with pytest.raises(UnsupportedType):
        facts(twelve_bits)


@pytest.mark.acceptance(30)
@pytest.mark.parametrize("format", FORMATS)
def test_file_truncated_anywhere_gives_facts_or_a_media_error(format: str) -> None:
    content = images.oriented(format, 6) if format != "gif" else images.gif((9, 9), [(0, 0, 9, 9)])
    for length in range(0, len(content), max(1, len(content) // 150)):
        try:
            seen = facts(content[:length])
        except MediaError:
            continue
        assert seen.width > 0


@pytest.mark.acceptance(30)
@pytest.mark.parametrize("length", range(12, 24))
def test_jpeg_that_ends_in_the_head_of_its_profile_is_undecodable(length: int) -> None:
    content = images.with_segments(b"\xff\xd8", (0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(9)))
    with pytest.raises(Undecodable):
        facts(content[:length])


@pytest.mark.slow
@pytest.mark.acceptance(30)
@pytest.mark.parametrize("name", PICTURES)
def test_file_cut_at_any_byte_of_its_header_raises_media_errors_alone(name: str) -> None:
    for content in seeds.pictures(name):
        for length in range(min(len(content), 600)):
            with contextlib.suppress(MediaError):
                assert facts(content[:length]).width > 0


@pytest.mark.slow
@pytest.mark.acceptance(30)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_file_raises_media_errors_alone(format: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[format])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(content) - 1, 400)))
        content[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MediaError):
        facts(bytes(content))


SAMPLES = {
    **{format: images.oriented(format, 5, images.quadrants(12, 8)) for format in ORIENTED},
    "gif": images.animated(
        "gif", [images.quadrants(12, 8), images.quadrants(12, 8).rotate(90)], [20, 30]
    ),
}


@pytest.mark.acceptance(35)
def test_phone_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    image = images.quadrants()
    output = BytesIO()
    image.save(output, "MPO", save_all=True, append_images=[image.rotate(180)])
    seen = facts(output.getvalue())
    assert (seen.format.extension, seen.width, seen.frames) == ("jpg", 64, 1)


@pytest.mark.slow
@pytest.mark.acceptance(28)
def test_metadata_bomb_is_skipped() -> None:
    """60 MB of EXIF are a thousand segments, after which the header of the picture comes."""
    segments = [(0xE1, b"Exif\0\0" + b"\0" * 65_000)] * 900
    jpeg = images.with_segments(images.encoded(images.quadrants(), "jpg"), *segments)
    assert facts(jpeg).width == 64
    text = (b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 5_000_000))
    assert facts(images.with_chunks(images.encoded(images.quadrants(), "png"), text)).width == 64


@pytest.mark.parametrize(
    "content",
    [
        images.png(10, 0, (b"IDAT", b"x")),
        images.png(10, 10),
        images.png(10, 10, (b"IDAT", b"x"), color=9),
        b"GIF89a\x05\0\0\0\0\0\0;",
        images.gif((5, 5), []),
        images.gif((5, 5), [(0, 0, 0, 5)]),
        images.with_segments(b"\xff\xd8", (0xDA, b"\0" * 10)),
        images.with_segments(b"\xff\xd8", (0xC0, struct.pack(">BHHB", 8, 0, 8, 3))),
        b"\xff\xd8\xff\xd9",
        b"\0\0\0\x10ftypavif\0\0\0\0",
    ],
)
@pytest.mark.acceptance(30)
def test_header_that_breaks_its_format_is_undecodable(content: bytes) -> None:
    with pytest.raises(Undecodable):
        facts(content)


@pytest.mark.acceptance(25)
def test_avif_with_data_larger_than_its_boxes_say_is_refused() -> None:
    content = images.encoded(images.quadrants(400, 300), "avif")
    size = struct.pack(">II", 400, 300)
    assert content.count(size) == 1
    lying = content.replace(size, struct.pack(">II", 8, 8))
    assert facts(lying).width == 8
    with pytest.raises(TooManyPixels):
        facts(lying, SourceLimits(pixels=100_000))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "note", [b"PK\3\4<script>", b"\0\0\0\x20", bytes(5000), b"\0\0\0\1free\0\0\0\0"]
)
def test_bytes_behind_the_end_change_no_facts(format: str, note: bytes) -> None:
    content = images.encoded(images.photograph(60, 40), format)
    assert facts(content + note) == facts(content)
    made(content + note, "30x30")


def test_avif_without_all_of_its_data_is_refused_whatever_follows() -> None:
    content = images.encoded(images.photograph(60, 40), "avif")
    for cut in (1, 30, len(content) - content.index(b"mdat") - 4):
        with pytest.raises(Undecodable):
            facts(content[:-cut])
