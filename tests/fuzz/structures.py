"""Files as lists of their parts, so that a mutation reaches what a parser reads.

A random byte in a PNG breaks a checksum and ends there. Here a file is split into segments,
chunks, blocks or boxes, one of them is changed, and the file is written again with right lengths
and checksums. Lengths are wrong only where a mutation wants it so.
"""

from __future__ import annotations

import struct
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Piece:
    """A part of a file.

    Attributes:
        type: a marker, or the name of a chunk or box; empty for bytes without any.
        content: without its length and checksum.
        wrong_by: what is added to the length that is written.
    """

    type: bytes
    content: bytes
    wrong_by: int = 0

    def with_content(self, content: bytes) -> Piece:
        return replace(self, content=content)


class Structure(ABC):
    """How files of one kind are split and written again."""

    types: tuple[bytes, ...] = ()
    """Types that a mutation may give to a piece."""

    @abstractmethod
    def split(self, content: bytes) -> list[Piece]:
        """Return the parts of any bytes: what cannot be split is one part without a type."""

    @abstractmethod
    def join(self, pieces: list[Piece]) -> bytes:
        """Return the bytes of parts; for those of `split`, the same as before."""

    def inner(self, piece: Piece) -> tuple[Structure, bytes, bytes] | None:
        """Return the structure of a piece's content, its first bytes, and the rest."""
        return None


def _be(value: int, size: int) -> bytes:
    return (value % (1 << 8 * size)).to_bytes(size, "big")


def _le(value: int, size: int) -> bytes:
    return (value % (1 << 8 * size)).to_bytes(size, "little")


class Jpeg(Structure):
    """Marker segments, and the coded data between them (ITU T.81, B.1.1)."""

    types = tuple(bytes((0xFF, marker)) for marker in (
        0xC0, 0xC1, 0xC2, 0xC4, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE,
        0xD0, 0xD7, 0xDC,
    ))  # fmt: skip
    _BARE = (*range(0xD0, 0xDA), 0x01)

    def split(self, content: bytes) -> list[Piece]:
        pieces, at = [], 0
        while at < len(content):
            marker = content[at : at + 2]
            if len(marker) == 2 and marker[0] == 0xFF and marker[1] not in (0, 0xFF):
                if marker[1] in self._BARE:
                    pieces.append(Piece(marker, b""))
                    at += 2
                    continue
                length = int.from_bytes(content[at + 2 : at + 4], "big")
                if length >= 2 and at + 2 + length <= len(content):
                    pieces.append(Piece(marker, content[at + 4 : at + 2 + length]))
                    at += 2 + length
                    continue
            end = self._next_marker(content, at + 1)
            pieces.append(Piece(b"", content[at:end]))
            at = end
        return pieces

    def _next_marker(self, content: bytes, at: int) -> int:
        while (at := content.find(b"\xff", at)) >= 0:
            if content[at + 1 : at + 2] not in (b"", b"\0", b"\xff"):
                return at
            at += 1
        return len(content)

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(map(self._write, pieces))

    def _write(self, piece: Piece) -> bytes:
        if not piece.type:
            return piece.content
        if piece.type[1] in self._BARE:
            return piece.type
        return piece.type + _be(len(piece.content) + 2 + piece.wrong_by, 2) + piece.content

    def inner(self, piece: Piece) -> tuple[Structure, bytes, bytes] | None:
        for prefix, structure in ((b"Exif\0\0", TIFF), (b"ICC_PROFILE\0\1\1", ICC)):
            if piece.content.startswith(prefix):
                return structure, prefix, piece.content[len(prefix) :]
        return None


class Png(Structure):
    """Chunks with checksums (PNG, 5.3)."""

    types = (
        b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"gAMA", b"cHRM", b"sRGB", b"eXIf",
        b"tEXt", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT", b"pHYs", b"sBIT", b"bKGD", b"cICP",
    )  # fmt: skip

    def split(self, content: bytes) -> list[Piece]:
        pieces, at = [Piece(b"", content[:8])], 8
        while at + 12 <= len(content):
            length = int.from_bytes(content[at : at + 4], "big")
            if at + 12 + length > len(content):
                break
            pieces.append(Piece(content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
            at += 12 + length
        return [*pieces, Piece(b"", content[at:])] if at < len(content) else pieces

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(map(self._write, pieces))

    def _write(self, piece: Piece) -> bytes:
        if not piece.type:
            return piece.content
        checksum = _be(zlib.crc32(piece.type + piece.content), 4)
        return _be(len(piece.content) + piece.wrong_by, 4) + piece.type + piece.content + checksum

    def inner(self, piece: Piece) -> tuple[Structure, bytes, bytes] | None:
        if piece.type == b"eXIf":
            return TIFF, b"", piece.content
        if piece.type in (b"IDAT", b"iCCP", b"zTXt"):
            name, nul, rest = piece.content.partition(b"\0\0")
            prefix = b"" if piece.type == b"IDAT" else name + nul
            return DEFLATED, prefix, piece.content if piece.type == b"IDAT" else rest
        return None


class Riff(Structure):
    """Chunks of even lengths, all of them within one (WebP Container Specification)."""

    types = (
        b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ", b"JUNK",
    )  # fmt: skip

    def split(self, content: bytes) -> list[Piece]:
        pieces, at = [Piece(b"", content[:4] + content[8:12])], 12
        while at + 8 <= len(content):
            length = int.from_bytes(content[at + 4 : at + 8], "little")
            if at + 8 + length > len(content):
                break
            pieces.append(Piece(content[at : at + 4], content[at + 8 : at + 8 + length]))
            at += 8 + length + length % 2
        return [*pieces, Piece(b"", content[at:])] if at < len(content) else pieces

    def join(self, pieces: list[Piece]) -> bytes:
        first, *rest = pieces or [Piece(b"", b"")]
        body = first.content[4:] + b"".join(map(self._write, rest))
        return first.content[:4] + _le(len(body) + first.wrong_by, 4) + body

    def _write(self, piece: Piece) -> bytes:
        if not piece.type:
            return piece.content
        padding = bytes(len(piece.content) % 2)
        return piece.type + _le(len(piece.content) + piece.wrong_by, 4) + piece.content + padding

    def inner(self, piece: Piece) -> tuple[Structure, bytes, bytes] | None:
        if piece.type == b"ANMF":
            return RIFF_FRAME, piece.content[:16], piece.content[16:]
        structure = {b"EXIF": TIFF, b"ICCP": ICC}.get(piece.type)
        return (structure, b"", piece.content) if structure else None


class RiffFrame(Riff):
    """The chunks of one frame of a WebP, behind its box and time."""

    def split(self, content: bytes) -> list[Piece]:
        return super().split(b"RIFF\0\0\0\0WEBP" + content)[1:]

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(map(self._write, pieces))


class Gif(Structure):
    """The header, extensions, images and the trailer (GIF89a, appendix B)."""

    types = (b"!\xf9", b"!\xfe", b"!\xff", b"!\x01", b",", b";")

    def split(self, content: bytes) -> list[Piece]:
        at = 13 + self._table(content, 10)
        pieces = [Piece(b"", content[:at])]
        while at < len(content):
            kind = content[at : at + 1]
            if kind == b"!":
                start, head = at + 2, content[at : at + 2]
            elif kind == b",":
                start, head = at + 11 + self._table(content, at + 9), b","
            else:
                pieces.append(Piece(kind if kind == b";" else b"", b"" if kind == b";" else kind))
                at += 1
                continue
            end = self._sub_blocks(content, start)
            pieces.append(Piece(head, content[at + len(head) : end]))
            at = end
        return pieces

    def _table(self, content: bytes, at: int) -> int:
        flags = content[at] if at < len(content) else 0
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    def _sub_blocks(self, content: bytes, at: int) -> int:
        while at < len(content) and content[at]:
            at += 1 + content[at]
        return min(at + 1, len(content))

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(piece.type + piece.content for piece in pieces)


class Boxes(Structure):
    """Boxes within boxes: AVIF, HEIC, JPEG 2000 and MP4 (ISO/IEC 14496-12, 4.2)."""

    types = (
        b"ftyp", b"meta", b"iloc", b"iinf", b"infe", b"iprp", b"ipco", b"ipma", b"ispe", b"pixi",
        b"av1C", b"hvcC", b"colr", b"irot", b"imir", b"clap", b"iref", b"auxC", b"pitm", b"hdlr",
        b"idat", b"mdat", b"free", b"uuid", b"moov", b"jp2h", b"ihdr", b"jp2c", b"grid", b"dinf",
    )  # fmt: skip
    _WITHIN = {
        b"meta": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0,
        b"stbl": 0, b"jp2h": 0, b"iinf": 6, b"iref": 4, b"dinf": 0,
    }  # fmt: skip
    """Boxes that contain boxes, with the bytes before these."""

    def split(self, content: bytes) -> list[Piece]:
        pieces, at = [], 0
        while at + 8 <= len(content):
            length = int.from_bytes(content[at : at + 4], "big")
            if length < 8 or at + length > len(content):
                break
            pieces.append(Piece(content[at + 4 : at + 8], content[at + 8 : at + length]))
            at += length
        return [*pieces, Piece(b"", content[at:])] if at < len(content) else pieces

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(
            _be(len(piece.content) + 8 + piece.wrong_by, 4) + piece.type + piece.content
            if piece.type
            else piece.content
            for piece in pieces
        )

    def inner(self, piece: Piece) -> tuple[Structure, bytes, bytes] | None:
        if piece.type == b"colr" and piece.content.startswith(b"prof"):
            return ICC, b"prof", piece.content[4:]
        before = self._WITHIN.get(piece.type)
        return None if before is None else (self, piece.content[:before], piece.content[before:])


class Tiff(Structure):
    """The entries of the first directory of a TIFF, or of the EXIF block that is one."""

    types = tuple(struct.pack("<H", tag) for tag in (
        0x100, 0x101, 0x102, 0x103, 0x106, 0x10F, 0x110, 0x111, 0x112, 0x115, 0x116, 0x117, 0x11C,
        0x13D, 0x140, 0x142, 0x143, 0x144, 0x145, 0x152, 0x153, 0x8769, 0x8825, 0x8773, 0x212,
    ))  # fmt: skip

    def split(self, content: bytes) -> list[Piece]:
        order = "<" if content[:2] == b"II" else ">"
        if len(content) < 10:
            return [Piece(b"", content)]
        (at,) = struct.unpack(f"{order}I", content[4:8])
        if at + 2 > len(content):
            return [Piece(b"", content)]
        (count,) = struct.unpack(f"{order}H", content[at : at + 2])
        end = at + 2 + 12 * count
        if end > len(content):
            return [Piece(b"", content)]
        entries = [content[n : n + 12] for n in range(at + 2, end, 12)]
        pieces = [Piece(b"", content[: at + 2])]
        pieces += [Piece(self._turned(order, entry[:2]), entry[2:]) for entry in entries]
        return [*pieces, Piece(b"", content[end:])]

    def _turned(self, order: str, tag: bytes) -> bytes:
        return tag if order == "<" else tag[::-1]

    def join(self, pieces: list[Piece]) -> bytes:
        big = bool(pieces) and pieces[0].content.startswith(b"MM")
        return b"".join((p.type[::-1] if big else p.type) + p.content for p in pieces)


class Icc(Structure):
    """The header, the table of tags and their contents (ICC.1, 7)."""

    types = (
        b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"A2B0", b"B2A0",
        b"desc", b"chad", b"cicp",
    )  # fmt: skip

    def split(self, content: bytes) -> list[Piece]:
        count = int.from_bytes(content[128:132], "big")
        if len(content) < 132 or count > 100 or 132 + 12 * count > len(content):
            return [Piece(b"", content)]
        pieces = [Piece(b"", content[:128])]
        for at in range(132, 132 + 12 * count, 12):
            offset, length = struct.unpack(">II", content[at + 4 : at + 12])
            pieces.append(Piece(content[at : at + 4], content[offset : offset + length]))
        return pieces

    def join(self, pieces: list[Piece]) -> bytes:
        if len(pieces) < 2:
            return b"".join(piece.content for piece in pieces)
        head, *tags = pieces
        offset = len(head.content) + 4 + 12 * len(tags)
        table, body = struct.pack(">I", len(tags)), b""
        for tag in tags:
            length = _be(len(tag.content) + tag.wrong_by, 4)
            table += (tag.type or b"null") + _be(offset + len(body), 4) + length
            body += tag.content + bytes(-len(tag.content) % 4)
        return _be(offset + len(body), 4) + head.content[4:] + table + body


class Deflated(Structure):
    """Compressed data as one part, so that what it contains can be changed."""

    MOST = 1 << 20

    def split(self, content: bytes) -> list[Piece]:
        inflate = zlib.decompressobj()
        try:
            plain = inflate.decompress(content, self.MOST)
        except zlib.error:
            return [Piece(b"", content)]
        return [Piece(b"zlib", plain), *([Piece(b"", inflate.unused_data)])]

    def join(self, pieces: list[Piece]) -> bytes:
        return b"".join(zlib.compress(p.content, 1) if p.type else p.content for p in pieces)


class Lines(Structure):
    """The lines of a text."""

    def split(self, content: bytes) -> list[Piece]:
        return [Piece(b"", line) for line in content.split(b"\n")]

    def join(self, pieces: list[Piece]) -> bytes:
        return b"\n".join(piece.content for piece in pieces)


JPEG, PNG, RIFF, RIFF_FRAME, GIF = Jpeg(), Png(), Riff(), RiffFrame(), Gif()
BOXES, TIFF, ICC, DEFLATED, LINES = Boxes(), Tiff(), Icc(), Deflated(), Lines()


def structure_of(content: bytes) -> Structure | None:
    """Return the structure of a file by its first bytes; None if it has none of these."""
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return TIFF
    if content[4:8] in (b"ftyp", b"jP  ", b"moov"):
        return BOXES
    starts = {b"\xff\xd8": JPEG, b"\x89P": PNG, b"RI": RIFF, b"GI": GIF}
    return starts.get(content[:2])
