"""JPEG 2000, decoded by Pillow's OpenJPEG."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shift_media.core.errors import MediaError, TooManyPixels, Undecodable, UnsupportedType
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders
from shift_media.imaging.probe import probe, read_header
from shift_media.imaging.strip import strip
from tests.imaging import heics, images

UPRIGHT = images.quadrants(256, 192)
PNG = Spec.make("64x64", format="png")


def made(content: bytes, spec: Spec = PNG) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def saved(image: Image.Image = UPRIGHT, **options: Any) -> bytes:
    output = BytesIO()
    image.save(output, "JPEG2000", **options)
    return output.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "lossless": saved,
    "lossy": lambda: saved(irreversible=True, quality_layers=[40, 20]),
    "tiles": lambda: saved(tile_size=(64, 64)),
    "precincts": lambda: saved(precinct_size=(64, 64), codeblock_size=(32, 32)),
    "few resolutions": lambda: saved(num_resolutions=2),
    "one resolution": lambda: saved(num_resolutions=1),
    "progressive": lambda: saved(progression="RLCP"),
}


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("name", FILES)
def test_resize_has_the_pixels_that_were_encoded(name: str) -> None:
    content = FILES[name]()
    facts = probe(BytesIO(content))
    assert (facts.format.name, facts.width, facts.height) == ("JPEG 2000", 256, 192)
    for size in ("256x192", "100x100", "20x20"):
        image = made(content, Spec.make(size, format="png"))
        assert image.mode == "RGB"
        for seen, color in zip(images.corners(image), images.CORNERS, strict=True):
            assert images.near(seen, color, 6)


@pytest.mark.slow
def test_small_resize_is_like_one_of_all_pixels() -> None:
    picture = images.photograph(512, 384)
    content = saved(picture)
    for size in ("200x150", "60x45"):
        spec = Spec.make(size, format="png")
        assert images.ssim(made(content, spec), made(images.encoded(picture, "png"), spec)) > 0.98


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "I;16"])
def test_modes_are_read(mode: str) -> None:
    if mode == "I;16":
        deep = np.asarray(UPRIGHT.convert("L")).astype("u2") * 257
        picture = Image.fromarray(deep)
    else:
        picture = UPRIGHT.convert(mode)
        if "A" in mode:
            picture.putalpha(99)
    content = saved(picture)
    assert probe(BytesIO(content)).has_alpha == ("A" in mode)
    image = made(content)
    assert image.mode == {"I;16": "L"}.get(mode, mode)
    expected = images.corners(UPRIGHT.convert("L" if "RGB" not in mode else "RGB"))
    for seen, color in zip(
        images.corners(image.convert(image.mode[:3].rstrip("A"))), expected, strict=True
    ):
        assert images.near(seen, color, 3)


def with_box(content: bytes, box: bytes) -> bytes:
    at = content.index(b"jp2c") - 4
    return content[:at] + box + content[at:]


@pytest.mark.acceptance(36)
def test_stripped_file_has_no_boxes_of_metadata_and_no_comments() -> None:
    content = saved(comment="Ada at home")
    content = with_box(content, heics.box(b"uuid", bytes(16) + b"<x:xmpmeta>52.5</x:xmpmeta>"))
    content += heics.box(b"xml ", b"secret")
    stripped = strip(BytesIO(content)).read()
    for secret in (b"Ada at home", b"xmpmeta", b"secret"):
        assert secret in content
        assert secret not in stripped
    assert images.opened(stripped).tobytes() == UPRIGHT.tobytes()
    assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(content), PNG)
    assert strip(BytesIO(stripped)).read() == stripped


def with_profile(content: bytes, profile: bytes) -> bytes:
    start = content.index(b"jp2h") - 4
    length = struct.unpack(">I", content[start : start + 4])[0]
    inner = content[start + 8 : start + length]
    at = inner.index(b"colr") - 4
    colored = inner[:at] + heics.box(b"colr", b"\2\0\0" + profile) + inner[at + 15 :]
    return content[:start] + heics.box(b"jp2h", colored) + content[start + length :]


@pytest.mark.acceptance(33, 36)
def test_profile_is_found_and_stays() -> None:
    profile = images.srgb_profile()
    content = with_profile(saved(), profile)
    assert images.near(images.corners(made(content))[0], images.RED, 4)
    header = read_header(BytesIO(content))
    assert content[header.profile[0].offset :][: header.profile[0].length] == profile
    assert profile in strip(BytesIO(content)).read()


# Files that are broken, lying or hostile


def codestream(
    size: tuple[int, int] = (256, 192),
    tile: tuple[int, int] = (256, 192),
    components: int = 3,
    *,
    depth: int = 8,
    style: bytes = b"\0\0\0\1\1\5\4\4\0\1",
    more: bytes = b"",
) -> bytes:
    """Write the main header of a codestream, which may have more segments, and an empty tile."""
    siz = struct.pack(">H8IH", 0, *size, 0, 0, *tile, 0, 0, components)
    siz += bytes((depth - 1, 1, 1)) * components
    head = b"\xff\x4f\xff\x51" + struct.pack(">H", len(siz) + 2) + siz
    cod = b"\xff\x52" + struct.pack(">H", len(style) + 2) + style
    qcd = b"\xff\x5c\0\x13\x40" + bytes(16)
    part = b"\xff\x90\0\x0a" + struct.pack(">HIBB", 0, 14, 0, 1) + b"\xff\x93"
    return head + cod + qcd + more + part + b"\xff\xd9"


def many_tile_parts() -> bytes:
    """Write 120 parts of a tile, with 500 comments each."""
    part = b"\xff\x90\0\x0a" + struct.pack(">HIBB", 0, 14 + 2000, 0, 1)
    part += b"\xff\x64\0\2" * 500 + b"\xff\x93"
    return codestream()[:-2] + part * 120 + b"\xff\xd9"


def boxed(stream: bytes, size: tuple[int, int] = (256, 192), components: int = 3) -> bytes:
    header = heics.box(
        b"jp2h",
        heics.box(b"ihdr", struct.pack(">IIHBBBB", size[1], size[0], components, 7, 7, 0, 0)),
        heics.box(b"colr", b"\1\0\0\0\0\0\x10"),
    )
    start = b"\0\0\0\x0cjP  \r\n\x87\n" + heics.box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + header + heics.box(b"jp2c", stream)


HUGE = (60_000, 60_000)
HOSTILE: dict[str, tuple[bytes, type[MediaError]]] = {
    "60,000 a side": (boxed(codestream(HUGE, HUGE), HUGE), TooManyPixels),
    "data of another size": (boxed(codestream((512, 384), (512, 384))), Undecodable),
    "tiles of a pixel": (boxed(codestream(tile=(1, 1))), UnsupportedType),
    "tiles that are missing": (boxed(codestream(tile=(64, 64))), Undecodable),
    "tile without sides": (boxed(codestream(tile=(0, 0))), Undecodable),
    "200 components": (boxed(codestream(components=200)), UnsupportedType),
    "38 bits": (boxed(codestream(depth=38)), UnsupportedType),
    "small code blocks": (
        boxed(codestream((4000, 4000), (4000, 4000), style=b"\0\0\0\1\1\5\0\0\0\1"), (4000, 4000)),
        UnsupportedType,
    ),
    "small precincts": (
        boxed(
            codestream((2000, 2000), (2000, 2000), style=b"\1\0\0\1\1\5\4\4\0\1" + b"\x11" * 6),
            (2000, 2000),
        ),
        UnsupportedType,
    ),
    "precincts of nothing": (
        boxed(codestream(style=b"\1\0\0\1\1\5\4\4\0\1" + b"\0" * 6)),
        Undecodable,
    ),
    "65,535 layers": (
        boxed(codestream(style=b"\1\0\xff\xff\1\5\4\4\0\1" + b"\x33" * 6)),
        UnsupportedType,
    ),
    "layers of all, precincts of one": (
        boxed(
            codestream(
                style=b"\0\0\xff\xff\1\5\4\4\0\1",
                more=b"\xff\x53\0\x0f\0\1\5\4\4\0\1" + b"\x33" * 6,
            )
        ),
        UnsupportedType,
    ),
    "comments in many parts": (boxed(many_tile_parts()), Undecodable),
    "255 levels": (boxed(codestream(style=b"\0\0\0\1\1\xff\4\4\0\1")), Undecodable),
    "large code blocks": (boxed(codestream(style=b"\0\0\0\1\1\5\x0a\x0a\0\1")), Undecodable),
    "no header": (boxed(codestream()).replace(b"jp2h", b"free"), Undecodable),
    "no size": (boxed(codestream()).replace(b"ihdr", b"free"), Undecodable),
    "no data": (boxed(b""), Undecodable),
}


@pytest.mark.acceptance(25, 30, 73)
@pytest.mark.parametrize("name", HOSTILE)
def test_bomb_is_refused_before_the_decoder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content, error = HOSTILE[name]
    monkeypatch.setattr(decoders, "load", None)
    with pytest.raises(error):
        engine.preview(BytesIO(content))


@pytest.mark.acceptance(71)
def test_comment_that_reaches_behind_the_data_is_refused() -> None:
    part = b"\xff\x90\0\x0a" + struct.pack(">HIBB", 0, 0, 0, 1) + b"\xff\x64" + bytes((0, 102))
    outside = heics.box(b"free", bytes(92) + b"\xff\x93" + bytes(100))
    with pytest.raises(Undecodable):
        strip(BytesIO(boxed(codestream()[:-16] + part) + outside))


@pytest.mark.acceptance(30)
def test_empty_tile_makes_no_picture_or_a_media_error() -> None:
    try:
        engine.preview(BytesIO(boxed(codestream())))
    except MediaError as error:
        assert error.code == "undecodable"  # noqa: PT017


@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", ["lossless", "lossy", "tiles", "progressive"])
def test_cut_file_is_refused(name: str) -> None:
    content = FILES[name]()
    for percent in range(1, 100, 2):
        with pytest.raises((Undecodable, UnsupportedType)):
            engine.preview(BytesIO(content[: len(content) * percent // 100]))


@pytest.mark.acceptance(29, 30)
def test_hostile_files_of_the_corpus_raise_a_media_error(corpus: Path) -> None:
    found = [*(corpus / "hostile").rglob("*.jp2"), *(corpus / "hostile").rglob("*.j2k")]
    assert len(found) > 1
    for path in found:
        with pytest.raises(MediaError):
            engine.preview(BytesIO(path.read_bytes()))
