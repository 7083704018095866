"""Pictures whose orientation is written in every way that occurs, and in some that do not."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from tests.imaging import images

PICTURE = images.quadrants(64, 48)
_TAG = 0x0112
_BYTE, _SHORT, _LONG, _SLONG = 1, 3, 4, 9
_SIZES = {_BYTE: 1, _SHORT: 2, _LONG: 4, _SLONG: 4}


def entry(value: int, kind: int = _SHORT, count: int = 1, order: str = ">") -> bytes:
    """Write an entry of an EXIF directory with an orientation."""
    code = {_BYTE: "B", _SHORT: "H", _LONG: "I", _SLONG: "i"}[kind]
    content = struct.pack(order + code, value).ljust(4, b"\0")
    return struct.pack(order + "HHI", _TAG, kind, count) + content


def tiff(*entries: bytes, order: str = ">", magic: int = 42, at: int = 8, then: int = 0) -> bytes:
    """Write an EXIF block without a prefix, of one directory."""
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", magic, at)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries)
    return head.ljust(at, b"\0") + directory + struct.pack(order + "I", then)


PREFIX = b"Exif\0\0"
TURNED = tiff(entry(6))
UPRIGHT = tiff(entry(1))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)
_OTHER = struct.pack(">HHII", 0x0100, _LONG, 1, 64)

BLOCKS: dict[str, bytes] = {
    **{f"value {value}": tiff(entry(value)) for value in range(10)},
    "little-endian": tiff(entry(6, order="<"), order="<"),
    "long": tiff(entry(6, _LONG)),
    "long little-endian": tiff(entry(6, _LONG, order="<"), order="<"),
    "signed long": tiff(entry(6, _SLONG)),
    "byte": tiff(entry(6, _BYTE)),
    "count 2": tiff(entry(6, count=2)),
    "count 0": tiff(entry(6, count=0)),
    "twice 1 6": tiff(entry(1), entry(6)),
    "twice 6 1": tiff(entry(6), entry(1)),
    "after another": tiff(_OTHER, entry(6)),
    "unsorted": tiff(entry(6), _OTHER),
    "far directory": tiff(entry(6), at=500),
    "wrong magic": tiff(entry(6), magic=43),
    "second directory": tiff(_OTHER, then=26) + tiff(entry(6))[8:],
    "no next directory": TURNED[:-4],
    "cut entry": TURNED[:-8],
    "trailing bytes": TURNED + bytes(100),
    "entry 1500": tiff(*[_OTHER] * 1500, entry(6)),
    "directory past the end": tiff(entry(6))[:4] + b"\0\0\xff\0",
    "many entries counted": TURNED[:8] + b"\0\x20" + TURNED[10:],
}
"""EXIF blocks without a prefix, each of which stands alone in a file."""


def jpegs() -> Iterator[tuple[str, bytes]]:
    """Yield JPEG files by name."""
    plain = images.encoded(PICTURE, "jpg")
    app1 = 0xE1

    def block(content: bytes) -> tuple[int, bytes]:
        return app1, content

    for name, content in BLOCKS.items():
        yield name, images.with_segments(plain, block(PREFIX + content))
    xmp = block(b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    turned, upright = block(PREFIX + TURNED), block(PREFIX + UPRIGHT)
    other = block(PREFIX + tiff(_OTHER))
    ways = {
        "blocks 1 6": (upright, turned),
        "blocks 6 1": (turned, upright),
        "blocks 6 8": (turned, block(PREFIX + tiff(entry(8)))),
        "block without orientation first": (other, turned),
        "junk first": (block(PREFIX + b"\xff" * 60), turned),
        **{f"junk of {n} first": (block((PREFIX + bytes(20))[:n]), turned) for n in range(6, 20)},
        "junk without prefix first": (block(b"nonsense"), turned),
        "no prefix": (block(TURNED),),
        "prefix with fill": (block(b"Exif\0\xff" + TURNED),),
        "prefix in lower case": (block(b"exif\0\0" + TURNED),),
        "prefix short": (block(b"Exif\0" + TURNED),),
        "xmp": (xmp,),
        "xmp before exif 1": (xmp, upright),
        "exif before xmp": (turned, xmp),
        "app2": ((0xE2, PREFIX + TURNED),),
        "app0": ((0xE0, PREFIX + TURNED),),
    }
    for name, segments in ways.items():
        yield name, images.with_segments(plain, *segments)
    written = images.with_segments(plain, turned)[2:][: len(TURNED) + 10]
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    yield "fill byte before", plain[:2] + b"\xff" + written + plain[2:]
    yield "before the frame", plain[:frame] + written + plain[frame:]
    yield "before the scan", plain[:scan] + written + plain[scan:]
    yield "at the end", plain[:-2] + written + plain[-2:]
    yield "behind the end", plain + written
    frame = plain.index(b"\xff\xdb")
    yield "junk between segments", plain[:frame] + b"\0\0\0" + written + plain[frame:]


def pngs() -> Iterator[tuple[str, bytes]]:
    """Yield PNG files by name."""
    plain = images.encoded(PICTURE, "png")
    end = len(plain) - 12
    for name, content in BLOCKS.items():
        yield name, images.with_chunks(plain, (b"eXIf", content))
    turned, upright = (b"eXIf", TURNED), (b"eXIf", UPRIGHT)
    raw = b"Raw profile type exif\0\0" + zlib.compress(
        b"\nexif\n%8d\n%s\n" % (len(PREFIX + TURNED), (PREFIX + TURNED).hex().encode())
    )
    ways = {
        "prefix": ((b"eXIf", PREFIX + TURNED),),
        "blocks 1 6": (upright, turned),
        "blocks 6 1": (turned, upright),
        "junk first": ((b"eXIf", b"\xff" * 30), turned),
        "empty first": ((b"eXIf", b""), turned),
        "without orientation first": ((b"eXIf", tiff(_OTHER)), turned),
        "xmp": ((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),),
        "raw profile": ((b"zTXt", raw),),
        "raw profile then exif 1": ((b"zTXt", raw), upright),
    }
    for name, chunks in ways.items():
        yield name, images.with_chunks(plain, *chunks)
    yield "behind the data", plain[:end] + images.png_chunk(*turned) + plain[end:]
    yield "behind the end", plain + images.png_chunk(*turned)
    broken = images.png_chunk(*turned)[:-1] + b"?"
    yield "wrong checksum", plain[:33] + broken + plain[33:]
    yield "wrong checksum first", plain[:33] + broken + images.png_chunk(*turned) + plain[33:]
    yield "very far directory", images.with_chunks(plain, (b"eXIf", tiff(entry(6), at=70_000)))


def webps() -> Iterator[tuple[str, bytes]]:
    """Yield WebP files by name."""
    for name, content in BLOCKS.items():
        yield name, images.encoded(PICTURE, "webp", exif=content)
    yield "prefix", images.encoded(PICTURE, "webp", exif=PREFIX + PREFIX + TURNED)
    yield "xmp", images.encoded(PICTURE, "webp", xmp=XMP)


def gifs() -> Iterator[tuple[str, bytes]]:
    """Yield GIF files by name."""
    plain = images.encoded(PICTURE.quantize(8), "gif")
    at = plain.index(b",\0\0\0\0")
    note = b"!\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    yield "xmp", plain[:at] + note + plain[at:]


def avifs() -> Iterator[tuple[str, bytes]]:
    """Yield AVIF files by name."""
    for value in range(1, 9):
        exif = images.exif(value)
        yield f"value {value}", images.encoded(PICTURE, "avif", exif=exif)
    yield "xmp", images.encoded(PICTURE, "avif", xmp=XMP)
    both = images.encoded(PICTURE, "avif", exif=images.exif(5))
    turn, mirror = (_property_index(both, name) for name in (b"irot", b"imir"))
    camera = images.encoded(PICTURE, "avif", exif=images.exif(6, model="x"))
    yield "exif item alone", _associated(camera, {_property_index(camera, b"irot"): 0})
    yield "irot alone", _associated(both, {mirror: 0})
    yield "imir alone", _associated(both, {turn: 0})
    yield "imir before irot", _associated(both, {turn: mirror, mirror: turn})
    for axis in (0, 1):
        for angle in range(4):
            at, box = both.index(b"irot") + 4, bytearray(both)
            box[at], box[both.index(b"imir") + 4] = angle, axis
            yield f"irot {angle} imir {axis}", bytes(box)


def _property_index(content: bytes, name: bytes) -> int:
    """Return the number of a property, counted from 1, by which items are associated with it."""
    at, number = content.index(b"ipco") + 4, 0
    while True:
        number += 1
        if content[at + 4 : at + 8] == name:
            return number
        at += int.from_bytes(content[at : at + 4], "big")


def _associated(content: bytes, changes: dict[int, int]) -> bytes:
    """Change the properties that the item is associated with; 0 is none."""
    at = content.index(b"ipma")
    result = bytearray(content)
    first, count = at + 4 + 4 + 4 + 2 + 1, content[at + 14]
    for position in range(first, first + count):
        new = changes.get(content[position] & 0x7F)
        if new is not None:
            result[position] = content[position] & 0x80 | new if new else 0
    return bytes(result)


WAYS = {"jpg": jpegs, "png": pngs, "webp": webps, "gif": gifs, "avif": avifs}
