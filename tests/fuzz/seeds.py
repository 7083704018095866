"""Inputs to begin with: drawn pictures of each kind, and the small files of the corpus."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from shift_media.core.formats import HEAD_BYTES, detect
from tests import parts
from tests.fuzz.mutations import MOST_BYTES
from tests.fuzz.structures import ICC, Piece
from tests.imaging import images
from tests.video import profiles as icc_profiles

_SIZE = (24, 18)


def pictures(extension: str) -> list[bytes]:
    """Return the seeds of one image format: drawn ones, then those of the corpus."""
    drawn = _DRAWN[extension]() if extension in _DRAWN else []
    return [*drawn, *of_corpus(extension)]


def of_corpus(*extensions: str) -> list[bytes]:
    """Return the small files of the corpus that are of these formats; none without a corpus."""
    return [
        content for content in _corpus() if detect(content[:HEAD_BYTES]).extension in extensions
    ]


def _corpus() -> Iterator[bytes]:
    folder = parts.locate("corpus")
    files = sorted((folder / "hostile").rglob("*")) if folder else []
    for path in (path for path in files if _is_seed(path)):
        yield path.read_bytes()


def _is_seed(path: Path) -> bool:
    return path.is_file() and path.suffix != ".tsv" and path.stat().st_size <= MOST_BYTES


def _exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112], block[0x010F], block[0x0110] = orientation, "Maker", "Camera"
    block.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 40.0), 3: "W", 4: (0.0, 0.0, 5.0)})
    block.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return block.tobytes()


def _known() -> dict[str, Any]:
    return {"exif": _exif(6), "icc_profile": icc_profiles.display_p3()}


def _jpegs() -> list[bytes]:
    picture = images.photograph(*_SIZE)
    return [
        images.encoded(picture, "jpg", comment=b"note", **_known()),
        images.encoded(picture, "jpg", progressive=True),
        images.encoded(picture.convert("L"), "jpg", restart_marker_blocks=1),
        images.encoded(picture.convert("CMYK"), "jpg", subsampling=-1),
        images.with_segments(images.encoded(picture, "jpg"), (0xED, b"Photoshop 3.0\0x")),
    ]


def _pngs() -> list[bytes]:
    picture = images.photograph(*_SIZE)
    clear = picture.convert("RGBA")
    clear.putalpha(90)
    return [
        images.encoded(picture, "png", **_known()),
        images.encoded(clear, "png"),
        images.encoded(picture.quantize(9), "png", bits=4, transparency=3),
        images.encoded(picture.convert("1"), "png"),
        images.encoded(picture.convert("I;16"), "png"),
        images.with_chunks(
            images.encoded(picture, "png"), (b"gAMA", struct.pack(">I", 45455)), (b"tEXt", b"a\0b")
        ),
        images.animated("png", [picture, picture.rotate(90)], [40, 50]),
    ]


def _gifs() -> list[bytes]:
    picture = images.photograph(*_SIZE).quantize(17)
    return [
        images.encoded(picture, "gif"),
        images.animated("gif", [picture, picture.rotate(90), picture.rotate(180)], [40] * 3),
        images.gif((8, 8), [(0, 0, 2, 2), (1, 1, 3, 3)]),
        images.encoded(picture, "gif", interlace=True, comment=b"note"),
    ]


def _webps() -> list[bytes]:
    picture = images.photograph(*_SIZE)
    clear = picture.convert("RGBA")
    clear.putalpha(picture.convert("L"))
    return [
        images.encoded(picture, "webp", **_known()),
        images.encoded(picture, "webp"),
        images.encoded(clear, "webp"),
        images.encoded(clear, "webp", lossless=True),
        images.animated("webp", [picture, picture.rotate(90)], [40, 50]),
    ]


def _avifs() -> list[bytes]:
    picture = images.photograph(*_SIZE)
    clear = picture.convert("RGBA")
    clear.putalpha(picture.convert("L"))
    return [images.encoded(picture, "avif", **_known()), images.encoded(clear, "avif")]


def _heics() -> list[bytes]:
    from tests.imaging import heics

    picture = images.quadrants(32, 24)
    try:
        return [
            heics.heic(picture, heics.turn(1), heics.profile_box(icc_profiles.display_p3())),
            heics.grid(images.quadrants(128, 64), 64),
        ]
    except Exception:  # PyAV, or its HEVC encoder, is not installed.
        return []


def _saved(name: str, **options: Any) -> bytes:
    output = io.BytesIO()
    images.photograph(*_SIZE).save(output, name, **options)
    return output.getvalue()


def _tiffs() -> list[bytes]:
    compressions = (None, "tiff_lzw", "jpeg", "tiff_adobe_deflate", "packbits")
    return [_saved("TIFF", **({"compression": c} if c else {})) for c in compressions]


def _bmps() -> list[bytes]:
    output = io.BytesIO()
    images.photograph(*_SIZE).quantize(9).save(output, "BMP")
    return [_saved("BMP"), output.getvalue()]


def _icos() -> list[bytes]:
    return [_saved("ICO", sizes=[(16, 16)]), _saved("ICO", sizes=[(8, 8)], bitmap_format="bmp")]


def _jp2s() -> list[bytes]:
    return [_saved("JPEG2000"), _saved("JPEG2000", irreversible=True, num_resolutions=2)]


_DRAWN = {
    "jpg": _jpegs, "png": _pngs, "gif": _gifs, "webp": _webps, "avif": _avifs, "heic": _heics,
    "tif": _tiffs, "bmp": _bmps, "ico": _icos, "jp2": _jp2s,
}  # fmt: skip


def profiles() -> list[bytes]:
    """Return ICC profiles of RGB, grey and CMYK."""
    srgb = images.srgb_profile()
    inks = {(0, 0, 0, 0): (100.0, 0.0, 0.0)}
    made = [srgb, icc_profiles.display_p3(), icc_profiles.grey(1.8), icc_profiles.press(inks)]
    return [*made, ICC.join([*ICC.split(srgb), Piece(b"cicp", b"cicp\0\0\0\0\1\x0d\0\1")])]


def exif_blocks() -> list[bytes]:
    """Return EXIF blocks of both byte orders, without their prefix."""
    block = _exif(3).removeprefix(b"Exif\0\0")
    big = Image.Exif()
    big.endian = ">"
    big[0x0112], big[0x0110] = 8, "Camera"
    return [block, big.tobytes().removeprefix(b"Exif\0\0")]


def as_json(*values: object) -> list[bytes]:
    """Return values as JSON."""
    return [json.dumps(value).encode() for value in values]
