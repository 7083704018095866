"""Refused originals: broken, truncated, lying and too large ones, each by its error."""

from __future__ import annotations

import struct
import sys
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shift_media.core.errors import (
    LimitExceeded,
    MediaError,
    StorageError,
    TooManyPixels,
    Undecodable,
)
from shift_media.core.spec import Limits, Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import SourceLimits
from tests.imaging import images
from tests.imaging.making import made

OUTPUTS = ["jpg", "png", "webp", "avif", "gif"]
SAMPLES = {
    format: images.oriented(format, 6, images.quadrants(53, 17))
    for format in ("jpg", "png", "webp", "avif")
}


def test_lossless_jpeg_is_refused_or_made() -> None:
    content = bytearray(images.encoded(images.quadrants(640, 480), "jpg"))
    at = content.index(b"\xff\xc0")
    content[at + 1] = 0xC3
    with pytest.raises(Undecodable):
        engine.make(BytesIO(bytes(content)), Spec.make("20x20", format="jpg"))


@pytest.mark.acceptance(30)
@pytest.mark.parametrize("format", OUTPUTS)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_file_is_undecodable(format: str, share: float) -> None:
    picture = images.photograph(160, 120)
    content = images.encoded(picture.quantize(64) if format == "gif" else picture, format)
    source = BytesIO(content[: int(len(content) * share)])
    for _ in range(2):
        with pytest.raises(Undecodable) as error:
            engine.make(source, Spec.make("40x40", format="png"))
        assert error.value.code == "undecodable"
    with pytest.raises(Undecodable):
        engine.preview(source)


@pytest.mark.acceptance(30)
def test_png_with_too_few_rows_is_undecodable() -> None:
    rows = b"".join(b"\0" + b"\xff\0\0" * 50 for _ in range(50))
    whole = images.png(50, 50, (b"IDAT", zlib.compress(rows)))
    assert made(whole, "20x20").size == (20, 20)
    black = images.png(50, 50, (b"IDAT", zlib.compress(bytes(len(rows)))))
    assert images.mean(made(black, "20x20")) == (0, 0, 0)
    half = images.png(50, 50, (b"IDAT", zlib.compress(rows[: len(rows) // 2])))
    with pytest.raises(Undecodable):
        engine.make(BytesIO(half), Spec.make("20x20", format="png"))


@pytest.mark.slow
@pytest.mark.acceptance(30)
@settings(max_examples=200)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_file_raises_media_errors_alone(format: str, data: st.DataObject) -> None:
    content = bytearray(SAMPLES[format])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    limits = SourceLimits(pixels=1_000_000)
    for output in ("jpg", "png"):
        try:
            engine.make(BytesIO(bytes(content)), Spec.make("9x9", format=output), limits=limits)
            look = engine.preview(BytesIO(bytes(content)), limits=limits)
        except MediaError:
            continue
        assert len(look.placeholder) <= 400


@pytest.mark.acceptance(8)
def test_too_large_resize_is_refused_before_decoding() -> None:
    wide = images.png(5, 4000, (b"IDAT", b"never decoded"))
    spec = Spec.make("100x", format="png", upscale=True)
    with pytest.raises(LimitExceeded):
        engine.make(BytesIO(wide), spec, output=Limits(side=5000, area=10**8))


@pytest.mark.acceptance(25)
def test_original_over_the_limit_is_refused_before_decoding() -> None:
    content = images.png(400, 400, (b"IDAT", b"never decoded"))
    with pytest.raises(TooManyPixels):
        engine.make(
            BytesIO(content), Spec.make("10x10", format="png"), limits=SourceLimits(pixels=10_000)
        )


def test_unreadable_source_raises_storage_error() -> None:
    class Failing(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if size and size > 5000:
                raise OSError("connection reset")
            return super().read(size)

    content = images.encoded(images.photograph(300, 200), "jpg")
    with pytest.raises(StorageError):
        engine.make(Failing(content), Spec.make("50x50", format="jpg"))


def test_jpeg_with_two_frame_headers_is_refused() -> None:
    frame = (0xC0, struct.pack(">BHHB", 8, 8, 8, 3) + bytes(9))
    content = images.with_segments(images.encoded(images.quadrants(), "jpg"), frame)
    with pytest.raises(Undecodable):
        engine.make(BytesIO(content), Spec.make("8x8", format="jpg"))


@pytest.mark.parametrize("format", ["webp", "avif"])
def test_pillow_without_a_codec_is_an_error_with_a_code(
    format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = SAMPLES[format]
    monkeypatch.setitem(sys.modules, f"PIL._{format}", None)
    for source, output in ((content, "jpg"), (SAMPLES["jpg"], format)):
        with pytest.raises(Undecodable, match=f"built without {format.upper()}"):
            engine.make(BytesIO(source), Spec.make("9x9", format=output))
