"""Colours given by numbers instead of a profile: resizes look like originals in Chromium."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from shift_media.core.errors import MediaError, Undecodable, UnsupportedType
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe, read_header
from tests.imaging import images
from tests.imaging.browser import Shown, show

COLORS = ((200, 80, 60), (20, 10, 5), (70, 90, 200), (128, 128, 128))
D65, E = (0.3127, 0.3290), (1 / 3, 1 / 3)
SRGB, P3 = ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06)), ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PRIMARIES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22)
TRANSFERS = (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 17)

Q = (0.25, 0.75)
"""Where `show` looks, as shares of the sides."""

Chunk = tuple[bytes, bytes]


def picture(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (64, 48))
    for index, color in enumerate(COLORS):
        left, top = index % 2 * 32, index // 2 * 24
        image.paste(color, (left, top, left + 32, top + 24))
    return image.convert(mode)


def gamma(value: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def primaries(white: tuple[float, float], *others: tuple[float, float]) -> Chunk:
    values = [round(value * 100_000) for point in (white, *others) for value in point]
    return b"cHRM", struct.pack(">8I", *values)


def cicp(*values: int) -> Chunk:
    return b"cICP", bytes((*values, 0, 1)[:4])


def profile(content: bytes) -> Chunk:
    return b"iCCP", b"x\0\0" + zlib.compress(content)


PNG_CHUNKS: dict[str, tuple[Chunk, ...]] = {
    **{f"gamma {value}": (gamma(value),) for value in (0.1, 0.43, 0.45455, 0.48, 0.5, 1, 3)},
    **{f"gamma {value}": (gamma(value),) for value in (0.00001, 0.00015, 6251, 42949.67295)},
    "gamma 0": (gamma(0),),
    "gamma twice": (gamma(1), gamma(0.5)),
    "gamma short": ((b"gAMA", b"\0\1"),),
    "primaries alone": (primaries(D65, *P3),),
    "primaries of sRGB": (primaries(D65, *SRGB), gamma(0.45455)),
    "primaries of P3": (primaries(D65, *P3), gamma(0.45455)),
    "primaries of Adobe RGB": (gamma(0.45455), primaries(D65, *ADOBE)),
    "primaries and another white": (primaries(E, *SRGB), gamma(1)),
    "primaries exchanged": (primaries(D65, *SRGB[::-1]), gamma(0.45455)),
    "primaries zero": ((b"cHRM", bytes(32)), gamma(1)),
    "primaries short": ((b"cHRM", bytes(16)), gamma(1)),
    "primaries on a line": (primaries(D65, (0.2, 0.2), (0.3, 0.3), (0.4, 0.4)), gamma(1)),
    "primaries outside": (primaries(D65, (1.2, 0.3), *SRGB[1:]), gamma(1)),
    "sRGB before gamma": ((b"sRGB", b"\0"), gamma(1)),
    "sRGB behind gamma": (gamma(1), (b"sRGB", b"\0")),
    "sRGB of an unknown intent": ((b"sRGB", b"\x09"), gamma(1)),
    "profile before gamma": (profile(images.srgb_profile()), gamma(1)),
    "profile behind gamma": (gamma(1), profile(images.srgb_profile())),
    "broken profile": (profile(b"nonsense" * 20), gamma(1)),
    "damaged profile": ((b"iCCP", b"x\0\0nonsense"), gamma(1)),
    "cICP before all": (cicp(12, 13), profile(images.srgb_profile()), (b"sRGB", b"\0")),
    "cICP behind all": (gamma(1), (b"sRGB", b"\0"), cicp(12, 13)),
    "cICP of a video range": ((b"cICP", b"\x0c\x0d\0\0"), gamma(1)),
    "cICP short": ((b"cICP", b"\x0c\x0d\0"), gamma(1)),
    "cICP long": ((b"cICP", b"\x0c\x0d\0\1\1"), gamma(1)),
    "cICP twice": (cicp(12, 13), cicp(9, 13)),
    "cICP unspecified": (cicp(1, 2), gamma(1)),
    "cICP of unknown primaries": (cicp(3, 8), gamma(0.5)),
    **{f"cICP primaries {value}": (cicp(value, 13),) for value in PRIMARIES},
    **{f"cICP transfer {value}": (cicp(1, value),) for value in TRANSFERS},
}


def nclx(content: bytes, primaries: int, transfer: int) -> bytes:
    """Replace the numbers of an AVIF."""
    at = content.index(b"colrnclx") + 8
    return content[:at] + struct.pack(">HH", primaries, transfer) + content[at + 4 :]


def originals() -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Yield the extension and the bytes of originals by their names."""
    plain = images.encoded(picture(), "png")
    for name, chunks in PNG_CHUNKS.items():
        yield f"PNG, {name}", ("png", images.with_chunks(plain, *chunks))
    for mode in ("L", "RGBA", "LA", "P"):
        other = images.encoded(picture(mode), "png")
        for chunks in ((gamma(1),), (cicp(12, 8),), (profile(images.srgb_profile()), gamma(1))):
            yield f"PNG {mode}, {chunks[0][0]!r}", ("png", images.with_chunks(other, *chunks))
    deep = images.encoded(Image.new("I;16", (64, 48), 128 * 257), "png")
    yield "PNG I;16", ("png", images.with_chunks(deep, gamma(1)))
    wrong = images.png_chunk(*gamma(1))[:-1] + b"?"
    yield "PNG, wrong checksum", ("png", plain[:33] + wrong + plain[33:])
    yield "PNG, behind the data", ("png", plain[:-12] + images.png_chunk(*gamma(1)) + plain[-12:])
    avif = images.encoded(picture(), "avif", quality=100)
    for value in PRIMARIES:
        yield f"AVIF primaries {value}", ("avif", nclx(avif, value, 13))
    for value in TRANSFERS:
        yield f"AVIF transfer {value}", ("avif", nclx(avif, 1, value))
    grey = images.encoded(picture("L").convert("RGB"), "avif", quality=100)
    yield "AVIF grey", ("avif", nclx(grey, 12, 8))
    yield "AVIF unspecified", ("avif", nclx(avif, 2, 2))
    yield "AVIF unspecified primaries", ("avif", nclx(avif, 2, 8))
    both = images.encoded(picture(), "avif", quality=100, icc_profile=images.srgb_profile())
    yield "AVIF with a profile", ("avif", nclx(both, 12, 8))


ORIGINALS = dict(originals())


@pytest.fixture(scope="module")
def shown(needs: Callable[[str], Path]) -> dict[str, Shown | None]:
    return show(str(needs("chromium")), ORIGINALS)


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("kind", ["PNG", "AVIF"])
def test_resize_has_the_colors_of_the_original_in_a_browser(
    kind: str, shown: dict[str, Shown | None]
) -> None:
    wrong = {}
    for name, (_, content) in ORIGINALS.items():
        seen = shown[name]
        if not name.startswith(kind) or seen is None:
            continue
        resize = engine.make(BytesIO(content), Spec.make("64x48", format="png"))
        made = images.corners(images.opened(resize.content))
        expected = [color[:3] for color in seen.colors]
        if not all(images.near(a, b, 2) for a, b in zip(made, expected, strict=True)):
            wrong[name] = (made, expected)
    assert wrong == {}


@pytest.mark.slow
@pytest.mark.needs("chromium")
def test_all_originals_are_shown(shown: dict[str, Shown | None]) -> None:
    assert [name for name, seen in shown.items() if seen is None] == []


@pytest.mark.slow
@pytest.mark.needs("chromium", "corpus")
def test_files_of_the_corpus_have_the_colors_of_the_original_in_a_browser(
    corpus: Path, needs: Callable[[str], Path]
) -> None:
    files = {path.name: ("png", path.read_bytes()) for path in (corpus / "hostile").rglob("*.png")}
    colored = {name: file for name, file in files.items() if has_color_space(file[1])}
    assert len(colored) > 15
    wrong = {}
    for name, seen in show(str(needs("chromium")), colored).items():
        assert seen is not None, name
        spec = Spec.make(f"{seen.width}x{seen.height}", format="png")
        made = images.opened(engine.make(BytesIO(colored[name][1]), spec).content)
        points = [(int(x * made.width), int(y * made.height)) for y in Q for x in Q]
        colors = [made.convert("RGBA").getpixel(point) for point in points]
        pairs = zip(colors, seen.colors, strict=True)
        if not all(a[3] == b[3] and (not b[3] or images.near(a, b, 3)) for a, b in pairs):
            wrong[name] = (colors, seen.colors)
    assert wrong == {}


def has_color_space(content: bytes) -> bool:
    try:
        return read_header(BytesIO(content)).color_space is not None
    except MediaError:
        return False


@pytest.mark.parametrize("transfer", [16, 18])
def test_picture_of_high_dynamic_range_is_refused(transfer: int) -> None:
    png = images.with_chunks(images.encoded(picture(), "png"), cicp(9, transfer))
    for content in (png, nclx(images.encoded(picture(), "avif"), 9, transfer)):
        with pytest.raises(UnsupportedType, match="high dynamic range"):
            probe(BytesIO(content))


def test_numbers_that_browsers_do_not_show_are_refused() -> None:
    plain = images.encoded(picture(), "png")
    for chunk in ((b"cICP", b"\x0c\x0d\1\1"), (b"cICP", b"\x0c\x0d\0\2")):
        with pytest.raises(UnsupportedType):
            probe(BytesIO(images.with_chunks(plain, chunk)))
    for transfer in (9, 10, 11, 12):
        with pytest.raises(UnsupportedType):
            probe(BytesIO(nclx(images.encoded(picture(), "avif"), 1, transfer)))


def test_placeholder_has_the_colors_of_the_color_space() -> None:
    content = images.with_chunks(images.encoded(Image.new("RGB", (9, 9), COLORS[3]), "png"))
    lighter = images.with_chunks(content, gamma(1))
    assert engine.preview(BytesIO(content)).color == "#808080"
    assert engine.preview(BytesIO(lighter)).color == "#bcbcbc"


@pytest.mark.parametrize("white", [(0.40416, 0.16778), (0.80855, 0.20815)])
def test_white_to_which_the_eye_has_no_response_is_refused_with_its_numbers(
    white: tuple[float, float],
) -> None:
    plain = images.encoded(picture(), "png")
    content = images.with_chunks(plain, primaries(white, *SRGB), gamma(0.45455))
    with pytest.raises(Undecodable, match=re.escape(f"{white} of its white")):
        probe(BytesIO(content))
