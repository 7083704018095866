"""Bombs, and the largest originals within the limits, with their memory and time."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from shift_media.core.errors import LimitExceeded, TooManyPixels
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.imaging import images
from tests.imaging.conftest import Measured
from tests.imaging.limits import CPU_SECONDS, HEADER, LARGEST, USUAL
from tests.kept import kept

MEGABYTE = 1_000_000


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


@pytest.mark.slow
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
def test_header_bomb_costs_little_memory_and_time(
    bomb: Callable[[], bytes], measured: Measured
) -> None:
    megabytes, seconds, outcome = measured(bomb(), most=1)
    assert set(outcome) <= {"TooManyPixels", "UnsupportedType"}
    assert megabytes <= HEADER
    assert seconds < 1


def phone_photograph(width: int, height: int) -> bytes:
    """Write a baseline JPEG as large as those of the largest cameras in phones."""
    return images.tall_jpeg(images.photograph(800, 16).resize((width, 16)), height // 16)


def as_progressive(content: bytes) -> bytes:
    """Change the frame header of a baseline JPEG to that of a progressive one."""
    return content.replace(b"\xff\xc0", b"\xff\xc2", 1)


def as_scans(content: bytes) -> bytes:
    """Change the first scan of a JPEG to one of the first component alone."""
    at = content.index(b"\xff\xda")
    return content[:at] + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + content[at + 14 :]


@pytest.mark.slow
@pytest.mark.acceptance(26)
def test_photograph_of_a_phone_of_200_megapixels_is_resized(measured: Measured) -> None:
    megabytes, seconds, outcome = measured(phone_photograph(16_320, 12_240))
    assert outcome == ["made"] * 2
    assert megabytes <= HEADER
    assert seconds <= CPU_SECONDS


@pytest.mark.acceptance(26)
@pytest.mark.parametrize("change", [as_progressive, as_scans])
def test_jpeg_of_200_megapixels_that_must_be_held_is_refused(
    change: Callable[[bytes], bytes], measured: Measured
) -> None:
    content = change(phone_photograph(16_320, 12_240))
    megabytes, seconds, outcome = measured(content, most=1)
    assert outcome == ["TooManyPixels"] * 2
    assert megabytes <= HEADER
    assert seconds < 1


@pytest.mark.acceptance(26)
def test_jpeg_over_200_megapixels_is_refused() -> None:
    with pytest.raises(TooManyPixels, match="limit for such JPEG is 200000000") as refused:
        probe(BytesIO(phone_photograph(16_320, 12_304)))
    assert refused.value.limit == 200_000_000


@pytest.mark.slow
def test_work_on_all_pixels_of_a_large_jpeg_is_refused() -> None:
    content = BytesIO(phone_photograph(8_000, 8_000))
    crop = Spec.make("900x900", format="jpg", crop=(0, 0, 1000, 1000))
    with pytest.raises(LimitExceeded, match="64000000 pixels of the original at once"):
        engine.make(content, crop)
    with pytest.raises(LimitExceeded):
        engine.make_many(content, [crop])
    with pytest.raises(TooManyPixels):
        engine.open_picture(content)
    with pytest.raises(TooManyPixels):
        strip(content)


@pytest.mark.acceptance(27)
def test_animation_with_too_many_pixels_over_all_frames_is_refused(measured: Measured) -> None:
    for frames, error in ((10_000, "TooManyFrames"), (501, "TooManyFrames")):
        megabytes, seconds, outcome = measured(animation_of(frames), format="gif", most=1)
        assert outcome == [error] * 2
        assert megabytes <= HEADER
        assert seconds < 1


@pytest.mark.slow
@pytest.mark.acceptance(27)
def test_animation_of_400_frames_of_a_usual_size_is_admitted() -> None:
    facts = probe(BytesIO(images.gif((480, 270), [(0, 0, 480, 270)] * 400)))
    assert facts.frames == 400
    with pytest.raises(TooManyPixels, match="limit for such GIF is 100000000"):
        probe(BytesIO(images.gif((800, 600), [(0, 0, 800, 600)] * 400)))
    with pytest.raises(TooManyPixels, match="limit for such GIF is 50000000"):
        probe(BytesIO(images.gif((6000, 5000), [(0, 0, 9, 9)] * 2)))


def animation_of_380() -> bytes:
    pictures = [Image.new("RGB", (220, 160), (n % 256, 80, 200 - n // 2)) for n in range(380)]
    return images.animated("gif", pictures, [40] * 380)


@pytest.mark.slow
@pytest.mark.acceptance(27)
@pytest.mark.parametrize("format", ["gif", "webp"])
def test_animation_of_380_frames_stays_within_the_bounds(format: str, measured: Measured) -> None:
    content = kept("380 frames", animation_of_380, __file__)
    megabytes, seconds, outcome = measured(content, "120x120", format, works=1)
    assert outcome == ["made"]
    assert megabytes <= USUAL
    assert seconds <= CPU_SECONDS


@pytest.mark.slow
@pytest.mark.acceptance(28)
@pytest.mark.parametrize("bomb", [exif_bomb, icc_bomb, png_text_bomb, webp_exif_bomb])
def test_metadata_bomb_is_ignored_within_the_bounds(
    bomb: Callable[[], bytes], measured: Measured
) -> None:
    megabytes, seconds, outcome = measured(bomb(), most=2)
    assert outcome == ["made"] * 2
    assert megabytes <= HEADER
    assert seconds < 2


LARGEST_ADMITTED: dict[str, Callable[[], bytes]] = {
    "baseline JPEG": lambda: flat("jpg", 8000, 6250),
    "progressive JPEG": lambda: flat("jpg", 8000, 6250, progressive=True),
    "progressive JPEG without its end": lambda: flat("jpg", 8000, 6250, progressive=True)[:-2],
    "progressive CMYK JPEG": lambda: images.encoded(
        Image.new("CMYK", (7500, 5000)), "jpg", progressive=True
    ),
    "RGBA PNG": lambda: png_of_zeros(8000, 6200, 6, 4),
    "WebP": lambda: flat("webp", 6200, 4000, method=0),
    "AVIF": lambda: flat("avif", 6200, 4000, speed=10, subsampling="4:4:4"),
}


@pytest.mark.slow
@pytest.mark.acceptance(26)
@pytest.mark.parametrize("name", LARGEST_ADMITTED)
def test_largest_original_stays_within_the_bound(name: str, measured: Measured) -> None:
    content = kept(name, LARGEST_ADMITTED[name], __file__)
    works = 2 if "without" in name else 1  # only the preview reads all of such a file
    megabytes, seconds, outcome = measured(content, works=works)
    assert outcome == ["made"] * works
    assert megabytes <= LARGEST
    assert seconds <= CPU_SECONDS


@pytest.mark.slow
@pytest.mark.acceptance(26)
@pytest.mark.parametrize("format", ["png", "webp"])
def test_largest_resizes_of_the_largest_original_stay_within_the_bound(
    format: str, measured: Measured
) -> None:
    content = kept("RGBA PNG", LARGEST_ADMITTED["RGBA PNG"], __file__)
    megabytes, seconds, outcome = measured(content, "4470x3464", format, works=1)
    assert outcome == ["made"]
    assert megabytes <= LARGEST
    assert seconds <= CPU_SECONDS
