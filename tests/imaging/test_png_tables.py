"""Palettes and transparency of PNG: what browsers ignore changes neither facts nor pixels."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest

from shift_media.core.errors import Undecodable
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.imaging import images
from tests.imaging.images import png_chunk, with_chunks

SIDE = 8
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PALETTE = (b"PLTE", bytes(range(12)))
TRANSPARENT = (b"tRNS", b"\0\x80")


def png(color: int, *chunks: tuple[bytes, bytes], depth: int = 8, after: bool = False) -> bytes:
    """Return a picture of zeros with some chunks before its data, or behind them."""
    header = SIDE.to_bytes(4, "big") * 2 + bytes([depth, color, 0, 0, 0])
    rows = bytes(1 + SIDE * CHANNELS[color] * depth // 8) * SIDE
    data = [(b"IDAT", zlib.compress(rows))]
    ordered = [*data, *chunks] if after else [*chunks, *data]
    parts = [png_chunk(*chunk) for chunk in [(b"IHDR", header), *ordered, (b"IEND", b"")]]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


IGNORED = {
    "longer than the palette": png(3, PALETTE, (b"tRNS", bytes(5))),
    "longer than any palette": png(3, PALETTE, (b"tRNS", bytes(293))),
    "longer than the depth": png(3, PALETTE, (b"tRNS", bytes(3)), depth=1),
    "before the palette": png(3, TRANSPARENT, PALETTE),
    "behind the data": png(0, TRANSPARENT, after=True),
    "empty": png(3, PALETTE, (b"tRNS", b"")),
    "grey, too long": png(0, (b"tRNS", bytes(6))),
    "grey, too short": png(0, (b"tRNS", bytes(1))),
    "colour, too long": png(2, (b"tRNS", bytes(7))),
}


@pytest.mark.acceptance(30, 36)
@pytest.mark.parametrize("name", IGNORED)
def test_transparency_that_browsers_ignore_makes_nothing_transparent(name: str) -> None:
    content = IGNORED[name]
    facts = probe(BytesIO(content))
    assert not facts.has_alpha
    made = engine.make(BytesIO(content), Spec.make("4x", format="png"))
    assert images.opened(made.content).convert("RGBA").getextrema()[3] == (255, 255)
    clean = strip(BytesIO(content)).read()
    assert probe(BytesIO(clean)) == facts
    assert b"tRNS" not in clean


@pytest.mark.acceptance(33, 36)
@pytest.mark.parametrize(
    "content",
    [
        png(3, PALETTE, TRANSPARENT),
        png(3, PALETTE, (b"tRNS", bytes(9)), TRANSPARENT),
        png(3, PALETTE, TRANSPARENT, (b"tRNS", b"\xff")),
        png(0, (b"tRNS", bytes(2))),
        png(2, (b"tRNS", bytes(6)), (b"tRNS", b"\xff" * 6)),
    ],
)
def test_first_valid_transparency_counts_and_is_kept(content: bytes) -> None:
    assert probe(BytesIO(content)).has_alpha
    clean = strip(BytesIO(content)).read()
    assert clean.count(b"tRNS") == 1
    specs = Spec.make("4x", format="png")
    made = engine.make(BytesIO(content), specs)
    assert made == engine.make(BytesIO(clean), specs)
    assert images.opened(made.content).convert("RGBA").getextrema()[3][0] < 255


@pytest.mark.acceptance(30)
@pytest.mark.parametrize(
    "content",
    [
        png(3),
        png(3, PALETTE, after=True),
        png(3, PALETTE, (b"PLTE", bytes(6))),
        png(3, (b"PLTE", bytes(5))),
        png(3, (b"PLTE", b"")),
    ],
    ids=["none", "behind the data", "two", "half an entry", "empty"],
)
def test_picture_whose_palette_no_browser_reads_is_undecodable(content: bytes) -> None:
    with pytest.raises(Undecodable, match="palette"):
        probe(BytesIO(content))


@pytest.mark.parametrize("color", [0, 2, 4, 6])
def test_palette_that_only_suggests_colours_is_no_error(color: int) -> None:
    content = png(color, PALETTE, (b"PLTE", bytes(5)))
    facts = probe(BytesIO(content))
    clean = strip(BytesIO(content)).read()
    assert clean.count(b"PLTE") == (color in (2, 6))
    assert probe(BytesIO(clean)) == facts


GAMMA, OTHER_GAMMA = (100_000).to_bytes(4, "big"), (20_000).to_bytes(4, "big")
PROFILE = zlib.compress(images.srgb_profile())
PICTURE = images.encoded(images.quadrants(16, 12), "png")


@pytest.mark.acceptance(36)
@pytest.mark.parametrize(
    "chunks",
    [
        png_chunk(b"gAMA", GAMMA + b"x") + png_chunk(b"gAMA", GAMMA),
        png_chunk(b"gAMA", OTHER_GAMMA)[:-1] + b"x" + png_chunk(b"gAMA", GAMMA),
        png_chunk(b"gAMA", GAMMA) + png_chunk(b"gAMA", OTHER_GAMMA),
    ],
    ids=["length", "checksum", "second"],
)
def test_first_valid_gamma_counts_and_is_kept(chunks: bytes) -> None:
    content = PICTURE[:33] + chunks + PICTURE[33:]
    spec = Spec.make("8x", format="png")
    made = engine.make(BytesIO(content), spec)
    clean = strip(BytesIO(content)).read()
    assert clean.count(b"gAMA") == 1
    assert made == engine.make(BytesIO(clean), spec)
    assert made == engine.make(BytesIO(with_chunks(PICTURE, (b"gAMA", GAMMA))), spec)
    assert made != engine.make(BytesIO(PICTURE), spec)


@pytest.mark.acceptance(36)
def test_first_profile_counts_and_is_kept() -> None:
    first, second = (b"iCCP", b"a\0\0" + PROFILE), (b"iCCP", b"b\0\1not deflated")
    content = with_chunks(PICTURE, first, second)
    spec = Spec.make("8x", format="png")
    made = engine.make(BytesIO(content), spec)
    assert strip(BytesIO(content)).read() == with_chunks(PICTURE, first)
    assert made == engine.make(BytesIO(with_chunks(PICTURE, first)), spec)
