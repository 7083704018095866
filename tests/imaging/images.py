"""Pictures that tests draw themselves, in every format, mode and orientation."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms

RED, GREEN, BLUE, YELLOW = (230, 30, 30), (30, 200, 30), (30, 30, 230), (230, 220, 30)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""Top left, top right, bottom left, bottom right of `quadrants`."""
WHITE = (255, 255, 255)

_TURNED_FROM = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""From an upright picture to the stored pixels that an EXIF orientation turns back."""


def quadrants(width: int = 64, height: int = 48) -> Image.Image:
    """Draw four coloured quarters: no two orientations of it look the same."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height))
    image.paste(BLUE, (0, height // 2, width, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return image


def photograph(width: int, height: int, seed: int = 7) -> Image.Image:
    """Draw something with the statistics of a photograph: noise of several sizes, and edges.

    Each is drawn once; the caller gets a copy.
    """
    return _photograph(width, height, seed).copy()


@functools.lru_cache(maxsize=16)
def _photograph(width: int, height: int, seed: int) -> Image.Image:
    random = np.random.default_rng(seed)
    layers = []
    for cells, weight in ((4, 90), (16, 50), (64, 30), (256, 16)):
        shape = (max(2, cells * height // width), cells, 3)
        noise = Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8))
        large = noise.resize((width, height), Image.Resampling.BICUBIC)
        layers.append((weight / 255, np.asarray(large)))
    pixels = np.empty((height, width, 3), np.uint8)
    for rows in _bands(width, height):
        total = sum(weight * layer[rows] for weight, layer in layers)
        pixels[rows] = np.clip(total + 30, 0, 255)
    image = Image.fromarray(pixels)
    for index in range(12):
        x, y = (int(v) for v in random.integers(0, (width * 9 // 10, height * 9 // 10)))
        box = (x, y, x + width // 12, y + height // (8 + index))
        image.paste(tuple(int(v) for v in random.integers(0, 256, 3)), box)
    return image


def _bands(width: int, height: int) -> Iterator[slice]:
    """Yield the rows of a picture in bands that stay in the cache of a processor."""
    rows = max(1, 2**15 // width)
    return (slice(top, top + rows) for top in range(0, height, rows))


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Turn an upright picture into the stored pixels of an orientation."""
    turn = _TURNED_FROM[orientation]
    return upright if turn is None else upright.transpose(turn)


def exif(orientation: int, **tags: Any) -> bytes:
    """Write an EXIF block with an orientation."""
    block = Image.Exif()
    block[0x0112] = orientation
    for name, value in tags.items():
        block[{"model": 0x0110, "artist": 0x013B}[name]] = value
    return block.tobytes()


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """Encode a picture; JPEG, WebP and AVIF at a quality that keeps flat colours."""
    if format in ("jpg", "webp", "avif"):
        options = {"quality": 95, **options}
    if format == "avif":
        options = {"speed": 9, "subsampling": "4:4:4", "max_threads": 1, **options}
    if format == "jpg":
        options = {"subsampling": "4:4:4", **options}
    output = BytesIO()
    name = {"jpg": "JPEG", "webp": "WEBP"}.get(format, format.upper())
    image.save(output, name, **options)
    return output.getvalue()


@functools.lru_cache(maxsize=16)
def encoded_photograph(width: int, height: int, format: str, **options: Any) -> bytes:
    """Draw and encode a photograph, each once."""
    return encoded(photograph(width, height), format, **options)


def oriented(format: str, orientation: int, upright: Image.Image | None = None) -> bytes:
    """Encode a picture that is upright only once its orientation is applied."""
    pixels = stored(upright or quadrants(), orientation)
    return encoded(pixels, format, exif=exif(orientation))


def opened(content: bytes) -> Image.Image:
    """Decode a picture in full."""
    image = Image.open(BytesIO(content))
    image.load()
    return image


def near(seen: Sequence[float], expected: Sequence[float], tolerance: float = 10) -> bool:
    """Return True if two colours differ by at most the tolerance in every channel."""
    return all(abs(a - b) <= tolerance for a, b in zip(seen, expected, strict=True))


def over_white(image: Image.Image) -> Image.Image:
    """Return a picture on white."""
    canvas = Image.new("RGBA", image.size, (*WHITE, 255))
    canvas.alpha_composite(image.convert("RGBA"))
    return canvas.convert("RGB")


def mean(image: Image.Image) -> tuple[float, ...]:
    """Return the mean colour over white."""
    return tuple(np.asarray(over_white(image), dtype=float).mean(axis=(0, 1)))


def corners(image: Image.Image) -> tuple[tuple[int, ...], ...]:
    """Return the colours in the middles of the four quarters, as in `CORNERS`."""
    flat = over_white(image)
    width, height = flat.size
    xs, ys = (width // 4, width * 3 // 4), (height // 4, height * 3 // 4)
    pixels = [flat.getpixel((x, y)) for y in ys for x in xs]
    return tuple(pixel for pixel in pixels if isinstance(pixel, tuple))


def ssim(first: Image.Image, second: Image.Image) -> float:
    """Return the mean SSIM of the luma of two pictures, in 8 × 8 windows (Wang et al., 2004)."""
    x, y = (np.asarray(image.convert("L"), dtype=np.uint32) for image in (first, second))
    similar = [
        _similarity(x[rows.start : rows.stop + _SIDE - 1], y[rows.start : rows.stop + _SIDE - 1])
        for rows in _bands(x.shape[1], x.shape[0] - _SIDE + 1)
    ]
    return float(np.concatenate(similar).mean())


_SIDE = 8
"""Pixels of a window of `ssim`."""


def _similarity(x: Any, y: Any) -> Any:
    """Return the SSIM of each window of two arrays."""
    mean_x, mean_y = _windows(x), _windows(y)
    product, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    variances = _windows(x * x + y * y) - squares
    both = _windows(x * y) - product
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * product + c1) * (2 * both + c2)
    return top / ((squares + c1) * (variances + c2))


def _windows(values: Any) -> Any:
    """Return the mean of each window.

    Sums of integers are exact, also where they pass 32 bits: the differences wrap around too.
    """
    height, width = values.shape
    sums = np.zeros((height + 1, width + 1), np.uint32)
    np.cumsum(values, axis=0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
    inner = sums[_SIDE:, _SIDE:] - sums[:-_SIDE, _SIDE:]
    inner -= sums[_SIDE:, :-_SIDE]
    inner += sums[:-_SIDE, :-_SIDE]
    return inner / _SIDE**2


def png(
    width: int,
    height: int,
    *chunks: tuple[bytes, bytes],
    color: int = 2,
    depth: int = 8,
    interlaced: bool = False,
) -> bytes:
    """Write a PNG by hand, with any header and these chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        png_chunk(*chunk) for chunk in ((b"IHDR", header), *chunks, (b"IEND", b""))
    )


def png_chunk(type: bytes, content: bytes) -> bytes:
    """Write one PNG chunk."""
    checksum = zlib.crc32(type + content)
    return struct.pack(">I", len(content)) + type + content + struct.pack(">I", checksum)


def tall_jpeg(strip: Image.Image, rows: int) -> bytes:
    """Write a baseline JPEG that repeats a strip of 16 lines, without encoding all of it.

    A restart marker before each row of blocks makes the rows independent of each other.
    """
    encoder = {"subsampling": "4:2:0", "quality": 80, "restart_marker_rows": 1}
    content = encoded(strip.resize((strip.width, 16)), "jpg", **encoder)
    frame = content.index(b"\xff\xc0")
    scan = content.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    head = bytearray(content[:start])
    head[frame + 5 : frame + 7] = (16 * rows).to_bytes(2, "big")
    row = content[start:-2]
    eight = b"".join(row + bytes((0xFF, 0xD0 + number)) for number in range(8))
    return bytes(head) + (eight * (rows // 8 + 1))[: rows * (len(row) + 2) - 2] + b"\xff\xd9"


def with_chunks(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Put chunks into a PNG, right after its header."""
    return content[:33] + b"".join(png_chunk(*chunk) for chunk in chunks) + content[33:]


def with_segments(content: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Put marker segments into a JPEG, right after its start."""
    written = b"".join(
        bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
        for marker, body in segments
    )
    return content[:2] + written + content[2:]


def gif(canvas: tuple[int, int], frames: Iterable[tuple[int, int, int, int]]) -> bytes:
    """Write a GIF by hand: frames of these boxes (left, top, width, height), one colour each."""
    out = b"GIF89a" + struct.pack("<HH", *canvas) + b"\x80\0\0" + bytes((255, 0, 0, 0, 0, 255))
    for left, top, width, height in frames:
        out += b"," + struct.pack("<HHHH", left, top, width, height) + b"\0"
        out += b"\x02\x02\x4c\x01\0"
    return out + b";"


def animated(
    format: str, frames: Sequence[Image.Image], delays: Sequence[int], loop: int | None = 0
) -> bytes:
    """Encode an animation; ``loop`` as the format itself counts, None for none."""
    output = BytesIO()
    options: dict[str, Any] = {} if loop is None else {"loop": loop}
    if format == "webp":
        options["lossless"] = True
    frames[0].save(
        output,
        {"webp": "WEBP"}.get(format, format.upper()),
        save_all=True,
        append_images=list(frames[1:]),
        duration=list(delays),
        **options,
    )
    return output.getvalue()


def srgb_profile() -> bytes:
    """Write an sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
