"""BMP and ICO: the formats of Windows, decoded by Pillow's own classes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import BmpImagePlugin, Image

from shift_media.core.errors import (
    MediaError,
    NotStrippable,
    TooManyPixels,
    Undecodable,
    UnsupportedType,
)
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.imaging import images

UPRIGHT = images.quadrants(64, 48)
PNG = Spec.make("64x64", format="png")


def made(content: bytes, spec: Spec = PNG) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def bmp(
    size: tuple[int, int],
    pixels: bytes,
    *,
    bits: int = 24,
    compression: int = 0,
    palette: bytes = b"",
    masks: bytes = b"",
    length: int = 40,
    tail: bytes = b"",
    gap: bytes = b"",
) -> bytes:
    """Write a BMP by hand."""
    sides = struct.pack("<iiHH", *size, 1, bits)
    info = struct.pack("<I", length) + sides
    info += struct.pack("<IIiiII", compression, len(pixels), 0, 0, len(palette) // 4, 0) + masks
    info = info.ljust(length, b"\0")
    start = 14 + len(info) + len(palette) + len(gap)
    total = start + len(pixels)
    head = b"BM" + struct.pack("<IHHI", total, 0, 0, start)
    return head + info + palette + gap + pixels + tail


def rows(image: Image.Image, raw: str) -> bytes:
    """Return the rows of a picture from below, each of whole words."""
    flipped = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    width = len(flipped.crop((0, 0, image.width, 1)).tobytes("raw", raw))
    content = flipped.tobytes("raw", raw)
    lines = [content[at : at + width] for at in range(0, len(content), width)]
    return b"".join(line + bytes(-width % 4) for line in lines)


def run_lengths() -> bytes:
    """Write a BMP of 8 bits with two runs a row."""
    line = b"\x20\0\x20\1\0\0"
    palette = bytes((30, 30, 230, 0, 30, 200, 30, 0))
    return bmp((64, 48), line * 48 + b"\0\1", bits=8, compression=1, palette=palette)


def with_masks() -> bytes:
    picture = UPRIGHT.convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 32, 24))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    pixels = rows(picture, "BGRA")
    return bmp((64, 48), pixels, bits=32, compression=3, masks=masks, length=108)


def upside_down() -> bytes:
    picture = UPRIGHT.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return bmp((64, -48), rows(picture, "BGR"))


def old() -> bytes:
    """Write a BMP with the header of OS/2."""
    head = struct.pack("<IHHHH", 12, 64, 48, 1, 24)
    return b"BM" + bytes(8) + struct.pack("<I", 26) + head + rows(UPRIGHT, "BGR")


BMPS: dict[str, Callable[[], bytes]] = {
    "24 bits": lambda: images.encoded(UPRIGHT, "bmp"),
    "palette": lambda: images.encoded(UPRIGHT.quantize(16), "bmp"),
    "32 bits": lambda: bmp((64, 48), rows(UPRIGHT.convert("RGBA"), "BGRA"), bits=32),
    "masks": with_masks,
    "rows from the top": upside_down,
    "OS/2": old,
}


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("name", BMPS)
def test_bmp_is_resized_in_its_colours(name: str) -> None:
    content = BMPS[name]()
    facts = probe(BytesIO(content))
    assert (facts.format.name, facts.width, facts.height) == ("BMP", 64, 48)
    assert facts.has_alpha == (name == "masks")
    for size in ("64x48", "16x12"):
        image = made(content, Spec.make(size, format="png"))
        assert image.mode == ("RGBA" if facts.has_alpha else "RGB")
        for seen, color in list(zip(images.corners(image), images.CORNERS, strict=True))[1:]:
            assert images.near(seen, color, 3)


def test_run_lengths_are_decoded() -> None:
    image = made(run_lengths())
    assert images.near(images.corners(image)[0], images.RED)
    assert images.near(images.corners(image)[1], images.GREEN)


def test_run_lengths_that_take_long_are_refused() -> None:
    many = bmp((9000, 5000), bytes((1, 0)) * 100, bits=8, compression=1, palette=bytes(8))
    with pytest.raises(TooManyPixels):
        probe(BytesIO(many))
    long = bmp((2000, 2000), bytes((1, 0)) * 1_500_000, bits=8, compression=1, palette=bytes(8))
    with pytest.raises(UnsupportedType, match="slow"):
        probe(BytesIO(long))


@pytest.mark.acceptance(66)
def test_raw_alpha_of_pillow_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bmp((64, 48), rows(UPRIGHT.convert("RGBA"), "BGRA"), bits=32)
    before = engine.make(BytesIO(content), PNG)
    monkeypatch.setattr(BmpImagePlugin, "USE_RAW_ALPHA", True)
    assert engine.make(BytesIO(content), PNG) == before


@pytest.mark.acceptance(36)
def test_profile_stays_and_all_other_bytes_go() -> None:
    profile = images.srgb_profile()
    content = bytearray(
        bmp(
            (64, 48),
            rows(UPRIGHT, "BGR"),
            length=124,
            gap=b"secret gap ",
            tail=profile + b"secret",
        )
    )
    content[70:74] = b"DEBM"
    content[126:134] = struct.pack("<II", len(content) - 6 - len(profile) - 14, len(profile))
    stripped = strip(BytesIO(bytes(content))).read()
    assert b"secret" not in stripped
    assert profile in stripped
    assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(bytes(content)), PNG)
    assert strip(BytesIO(stripped)).read() == stripped
    linked = bytes(content).replace(b"DEBM", b"KNIL")
    assert profile not in strip(BytesIO(linked)).read()  # a path on the disk of its author


def broken_bmps() -> dict[str, tuple[bytes, type[MediaError]]]:
    pixels = rows(UPRIGHT, "BGR")
    return {
        "no width": (bmp((0, 48), pixels), Undecodable),
        "65,535 a side": (bmp((65_535, 65_535), pixels), TooManyPixels),
        "2 ** 31 a side": (bmp((-(2**31), -(2**31)), pixels), TooManyPixels),
        "more rows than it has": (bmp((64, 49), pixels), Undecodable),
        "more columns than it has": (bmp((6400, 48), pixels), Undecodable),
        "odd depth": (bmp((64, 48), pixels, bits=13), UnsupportedType),
        "JPEG inside": (bmp((64, 48), pixels, compression=4), UnsupportedType),
        "runs of 24 bits": (bmp((64, 48), pixels, compression=1), Undecodable),
        "large palette": (bmp((8, 8), pixels, bits=4, palette=bytes(4 * 999)), Undecodable),
        "runs that end": (
            bmp((64, 48), b"\x20\0", bits=8, compression=1, palette=bytes(8)),
            Undecodable,
        ),
    }


@pytest.mark.acceptance(25, 30, 73)
@pytest.mark.parametrize("name", broken_bmps())
def test_broken_bmp_is_refused(name: str) -> None:
    content, error = broken_bmps()[name]
    with pytest.raises(error):
        engine.preview(BytesIO(content))


# Icons


def icon(*pictures: tuple[int, int, bytes]) -> bytes:
    """Write an icon by hand, of pictures with a side and a depth."""
    head = struct.pack("<HHH", 0, 1, len(pictures))
    at = len(head) + 16 * len(pictures)
    for side, bits, content in pictures:
        entry = struct.pack("<BBBBHHII", side % 256, side % 256, 0, 0, 1, bits, len(content), at)
        head += entry
        at += len(content)
    return head + b"".join(content for _, _, content in pictures)


def masked(bits: int, *, alpha: int = 255) -> bytes:
    """Write a bitmap of 32 × 32 whose first quarter the mask makes transparent."""
    picture = images.quadrants(32, 32)
    if bits == 32:
        picture.putalpha(alpha)
        pixels = rows(picture, "BGRA")
    else:
        pixels = rows(picture, "BGR")
    mask = Image.new("1", (32, 32), 0)
    mask.paste(1, (0, 0, 16, 16))
    info = struct.pack("<IiiHHIIiiII", 40, 32, 64, 1, bits, 0, 0, 0, 0, 0, 0)
    return info + pixels + rows(mask, "1")


LARGE = images.encoded(images.quadrants(64, 64), "png")


@pytest.mark.acceptance(33)
@pytest.mark.parametrize(
    ("content", "hidden"),
    [
        (icon((32, 24, masked(24))), True),
        (icon((32, 32, masked(32))), False),
        (icon((32, 32, masked(32, alpha=0))), True),
        (icon((32, 32, masked(32)[:-128])), False),
        (
            icon((16, 8, b"x" * 50), (64, 32, images.encoded(images.quadrants(64, 64), "png"))),
            False,
        ),
    ],
)
def test_largest_picture_of_an_icon_is_resized(content: bytes, hidden: bool) -> None:
    facts = probe(BytesIO(content))
    assert facts.format.name == "ICO"
    image = made(content, Spec.make("32x32", format="png"))
    assert image.size == (32, 32)
    for seen, color in list(zip(images.corners(image), images.CORNERS, strict=True))[1:]:
        assert images.near(seen, color, 3)
    alpha = image.convert("RGBA").getpixel((8, 8))
    assert isinstance(alpha, tuple)
    assert (alpha[3] == 0) == hidden


def test_icons_of_pillow_are_resized() -> None:
    for options in ({}, {"bitmap_format": "bmp"}):
        output = BytesIO()
        images.quadrants(64, 64).convert("RGBA").save(
            output, "ICO", sizes=[(16, 16), (64, 64)], **options
        )
        assert probe(output).width == 64
        assert images.near(images.corners(made(output.getvalue()))[3], images.YELLOW, 3)


@pytest.mark.acceptance(36)
def test_text_of_a_picture_in_an_icon_is_stripped() -> None:
    picture = images.with_chunks(
        images.encoded(images.quadrants(64, 64), "png"), (b"tEXt", b"Author\0Ada")
    )
    content = icon((32, 24, masked(24)), (64, 32, picture)) + b"Ada"
    stripped = strip(BytesIO(content)).read()
    assert b"Ada" not in stripped
    assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(content), PNG)
    assert images.opened(stripped).size == (64, 64)
    assert strip(BytesIO(stripped)).read() == stripped


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("bits", [24, 32])
def test_bytes_behind_the_pixels_of_each_bitmap_in_an_icon_are_stripped(bits: int) -> None:
    whole = icon((32, 24, masked(bits)), (16, 24, masked(bits)))
    longer = icon((32, 24, masked(bits) + b"Ada" * 9), (16, 24, masked(bits) + b"Ada"))
    stripped = strip(BytesIO(longer)).read()
    assert stripped == strip(BytesIO(whole)).read() == whole
    assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(longer), PNG)


@pytest.mark.acceptance(73)
def test_icon_of_one_picture_in_many_entries_is_not_written_many_times() -> None:
    once = icon((32, 24, masked(24)))
    entry, picture = bytearray(once[6:22]), once[22:]
    entry[12:] = struct.pack("<I", 6 + 16 * 200)
    with pytest.raises(NotStrippable):
        strip(BytesIO(struct.pack("<HHH", 0, 1, 200) + bytes(entry) * 200 + picture))


@pytest.mark.acceptance(25, 30, 73)
@pytest.mark.parametrize(
    "content",
    [
        icon((64, 32, images.png(60_000, 60_000))),
        icon((64, 24, struct.pack("<IiiHHI", 40, 60_000, 120_000, 1, 24, 0) + bytes(20))),
        icon((64, 24, masked(24)[:-1])),
        icon((64, 24, masked(24)))[:-1],
        icon((64, 24, b"")),
        b"\0\0\1\0\xff\xff" + bytes(4) + b"\1\0\x20\0" + bytes(200),
        icon((64, 24, struct.pack("<IiiHHI", 40, 32, 64, 1, 24, 3) + bytes(4000))),
        icon(
            (64, 8, struct.pack("<IiiHHIIiiI", 40, 32, 64, 1, 8, 0, 0, 0, 0, 2**32 - 1) + bytes(9))
        ),
    ],
)
def test_broken_icon_is_refused(content: bytes) -> None:
    with pytest.raises((TooManyPixels, Undecodable, UnsupportedType)):
        engine.preview(BytesIO(content))


@pytest.mark.acceptance(71)
@pytest.mark.parametrize(
    "content",
    [*(write() for write in BMPS.values()), run_lengths(), icon((32, 24, masked(24)))],
)
def test_cut_file_is_refused(content: bytes) -> None:
    for percent in range(1, 100, 3):
        with pytest.raises((Undecodable, UnsupportedType)):
            engine.preview(BytesIO(content[: len(content) * percent // 100]))
