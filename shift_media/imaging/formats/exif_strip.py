"""The smallest EXIF block: an orientation and nothing else (TIFF 6.0, section 2)."""

from __future__ import annotations


def block(orientation: int) -> bytes:
    """Write a TIFF of one directory with one entry, 26 bytes, without the prefix of JPEG."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\0\0"
    return b"MM\0*\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
