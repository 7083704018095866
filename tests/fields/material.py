"""Uploads for the tests of the field: drawn pictures, and files with false headers."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PDF = b"%PDF-1.7\n1 0 obj <</OpenAction 2 0 R>> endobj\n%%EOF"
MP4 = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08free" * 4


@functools.lru_cache(maxsize=64)
def picture(format: str = "JPEG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    """Return a picture of a gradient: red grows to the right, green downwards.

    Each is drawn once, because most tests need the same few.
    """
    ramp = Image.linear_gradient("L")
    red, green = ramp.rotate(90).resize(size), ramp.resize(size)
    image = Image.merge("RGB", (red, green, Image.new("L", size, 90)))
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def turned(orientation: int, format: str = "JPEG") -> bytes:
    """Return a picture with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture(format, (60, 40), exif=exif.tobytes())


def upload(
    content: bytes | None = None, name: str = "photo.jpg", type: str = "image/jpeg"
) -> SimpleUploadedFile:
    """Return an uploaded file, as a form receives it."""
    return SimpleUploadedFile(name, picture() if content is None else content, type)


def png_header(width: int, height: int) -> bytes:
    """Return a PNG with a size in its header and almost no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" * 100)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


def gif_header(width: int, height: int) -> bytes:
    """Return a GIF with a size in its header and one frame of that size."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\x00"
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0)
    return b"GIF89a" + screen + b"\x00\x00\x00\xff\xff\xff" + frame + b";"
