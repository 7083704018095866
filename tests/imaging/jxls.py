"""JPEG XL files that tests write: codestreams of ffmpeg, any header, and boxes around them."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from shift_media.sandbox import jxl

_SIDE = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_LAYOUTS = {"L": "gray", "RGB": "rgb24", "RGBA": "rgba", "I;16": "gray16le"}


class Bits:
    """Bits of a header, written least significant first."""

    def __init__(self) -> None:
        self.value = self.count = 0

    def put(self, value: int, count: int) -> None:
        assert 0 <= value < 1 << count
        self.value |= value << self.count
        self.count += count

    def number(self, value: int, kinds: Sequence[tuple[int, int]]) -> None:
        for index, (bits, offset) in enumerate(kinds):
            if 0 <= value - offset < 1 << bits:
                self.put(index, 2)
                self.put(value - offset, bits)
                return
        raise ValueError(value)

    def enum(self, value: int) -> None:
        self.number(value, _ENUM)

    def to_bytes(self) -> bytes:
        return self.value.to_bytes(-(-self.count // 8), "little")


@dataclass(frozen=True)
class Fields:
    """The fields of a header: by default those that ffmpeg writes for lossless RGB.

    ``channels`` are the types of the extra channels, ``profile`` whether the colours are those of
    an ICC profile, and ``gamut`` and ``curve`` the numbers of colours that are not sRGB. The width
    is written as a ratio where there is one, or always in numbers.
    """

    size: tuple[int, int]
    orientation: int = 1
    bits: int = 8
    floating: bool = False
    channels: tuple[int, ...] = ()
    premultiplied: bool = False
    name: bytes = b""
    animated: bool = False
    preview: tuple[int, int] | None = None
    profile: bool = False
    grey: bool = False
    gamut: int | None = None
    curve: int = 13
    ratio: bool = True

    def write(self) -> bytes:
        """Write the header, up to the byte in which it ends."""
        bits = Bits()
        self._put_size(bits)
        bits.put(0, 1)
        self._put_extra_fields(bits)
        self._put_depth(bits)
        bits.put(1, 1)
        bits.number(len(self.channels), ((0, 0), (0, 1), (4, 2), (12, 1)))
        for type in self.channels:
            self._put_channel(bits, type)
        bits.put(0, 1)
        self._put_colors(bits)
        if self._has_extra_fields:
            bits.put(1, 1)  # the default of how to map its tones
        bits.put(0, 2)  # no extensions
        bits.put(1, 1)  # the default transforms
        return b"\xff\x0a" + bits.to_bytes()

    @property
    def _has_extra_fields(self) -> bool:
        return self.orientation != 1 or self.animated or self.preview is not None

    def _put_size(self, bits: Bits) -> None:
        width, height = self.size
        fits = (i for i, (w, h) in _RATIOS.items() if height * w // h == width)
        ratio = next(fits, 0) if self.ratio else 0
        sides = (height,) if ratio else (height, width)
        eighths = all(side % 8 == 0 and side <= 256 for side in sides)
        bits.put(eighths, 1)
        for index, side in enumerate(sides):
            if eighths:
                bits.put(side // 8 - 1, 5)
            else:
                bits.number(side, _SIDE)
            if not index:
                bits.put(ratio, 3)

    def _put_extra_fields(self, bits: Bits) -> None:
        bits.put(self._has_extra_fields, 1)
        if not self._has_extra_fields:
            return
        bits.put(self.orientation - 1, 3)
        bits.put(0, 1)
        bits.put(self.preview is not None, 1)
        if self.preview is not None:
            bits.put(0, 1)
            bits.number(self.preview[1], ((6, 1), (8, 65), (10, 321), (12, 1345)))
            bits.put(0, 3)
            bits.number(self.preview[0], ((6, 1), (8, 65), (10, 321), (12, 1345)))
        bits.put(self.animated, 1)
        if self.animated:
            bits.put(0, 6)  # 100 ticks a second, for ever
            bits.put(0, 1)

    def _put_depth(self, bits: Bits) -> None:
        bits.put(self.floating, 1)
        if self.floating:
            bits.put(0, 2)
            bits.put(7, 4)
        else:
            bits.number(self.bits, ((0, 8), (0, 10), (0, 12), (6, 1)))

    def _put_channel(self, bits: Bits, type: int) -> None:
        plain = type == 0 and not self.name and not self.premultiplied and self.bits == 8
        bits.put(plain, 1)
        if plain:
            return
        bits.enum(type)
        self._put_depth(bits)
        bits.put(0, 2)
        bits.number(len(self.name), ((0, 0), (4, 0), (5, 16), (10, 48)))
        for byte in self.name:
            bits.put(byte, 8)
        if type == 0:
            bits.put(self.premultiplied, 1)
        elif type == 2:
            bits.put(0, 64)
        elif type == 5:
            bits.put(0, 2)

    def _put_colors(self, bits: Bits) -> None:
        is_default = not (self.profile or self.grey or self.gamut) and self.curve == 13
        bits.put(is_default, 1)
        if is_default:
            return
        bits.put(self.profile, 1)
        bits.enum(1 if self.grey else 0)
        if self.profile:
            return
        bits.enum(1)
        if not self.grey:
            bits.enum(self.gamut or 1)
        bits.put(0, 1)
        bits.enum(self.curve)
        bits.enum(1)


@functools.lru_cache(maxsize=32)
def _encoded(pixels: bytes, layout: str, size: tuple[int, int], options: tuple[str, ...]) -> bytes:
    source = f"-f rawvideo -pix_fmt {layout} -s {size[0]}x{size[1]} -i -".split()
    command = [jxl.find_program(), *"-v error -threads 1".split(), *source, *options]
    run = subprocess.run(
        [*command, "-f", "image2pipe", "-"], input=pixels, capture_output=True, check=True
    )
    return run.stdout


def encoded(image: Image.Image, *options: str) -> bytes:
    """Return a codestream of ffmpeg: without loss unless ``options`` say else; equal ones once."""
    options = options or ("-c:v", "libjxl", "-distance", "0", "-effort", "2")
    return _encoded(image.tobytes(), _LAYOUTS[image.mode], image.size, options)


def with_header(content: bytes, was: Fields, now: Fields) -> bytes:
    """Return a codestream with another header in place of its own, which must be ``was``."""
    header = was.write()
    assert content.startswith(header), (content[: len(header)].hex(), header.hex())
    return now.write() + content[len(header) :]


def box(type: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + type + content


BEGIN = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")


def container(codestream: bytes, *boxes: bytes, parts: int = 0) -> bytes:
    """Return a codestream in boxes, after others: in one, or in so many parts."""
    if not parts:
        return BEGIN + b"".join(boxes) + box(b"jxlc", codestream)
    length = -(-len(codestream) // parts)
    data = b""
    for index in range(parts):
        number = index | (1 << 31 if index == parts - 1 else 0)
        part = codestream[index * length : (index + 1) * length]
        data += box(b"jxlp", number.to_bytes(4, "big") + part)
    return BEGIN + b"".join(boxes) + data
