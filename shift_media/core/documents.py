"""Documents: the type that a name chooses among those of the same bytes, and the name to save as.

A Word file is an archive and a CSV is text, so their bytes alone do not tell them from any other
archive or text. A name never makes a file what its bytes are not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO, Final
from urllib.parse import quote

from shift_media.core.formats import BY_EXTENSION, FORMATS, HEAD_BYTES, Format

_MOST_MEMBERS: Final = 10_000
_MOST_DIRECTORY: Final = 4_000_000
"""Members, and bytes of their directory, up to which an archive is looked into."""

_END: Final = struct.Struct("<4s4H2LH")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
"""End of central directory, and its entries (APPNOTE.TXT 4.3.12 and 4.3.16)."""

_MOST_COMMENT: Final = 65_535
_LOCAL_HEADER: Final = 30
_CONTENT_TYPES: Final = "[Content_Types].xml"
_MACROS: Final = ("vbaproject.bin", "vbadata.xml", "basic/", "scripts/", "activex/")
"""Parts of names of members that hold programs: such a document stays an archive."""

_MOST_QUOTED: Final = 900
"""S3 keeps 2 KB of an object's headers (Amazon S3 User Guide, "Working with object metadata")."""

_MARKUP: Final = re.compile(rb"<[a-zA-Z!?/]")
_BEGINNINGS: Final = {
    "vtt": re.compile(rb"(?:\xef\xbb\xbf)?WEBVTT[ \t\r\n]"),
    "srt": re.compile(
        rb"(?:\xef\xbb\xbf)?\s{0,99}\d{1,9}\s{1,9}\d\d:\d\d:\d\d[,.]\d{3}[ \t]{1,9}-->"
    ),
}
"""Captions have tags in their text. What begins like this is no page for any browser."""
_CONTROL: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_CHUNK: Final = 1 << 20


def extension_of(name: str) -> str:
    """Return the extension of a client's file name, lower case and without the dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def choose_by_name(format: Format, name: str, file: BinaryIO) -> Format:
    """Return the format that a name chooses among those of the same bytes, by default the given.

    ``format`` is what the bytes are; the file is read, and left anywhere.
    """
    named = BY_EXTENSION.get(extension_of(name))
    if named is None or named.base != format.extension:
        return format
    if named.extension in _BEGINNINGS:
        fits = _begins_with(file, _BEGINNINGS[named.extension])
    else:
        fits = _is_text(file) if named.base == "bin" else _has_member(file, named.member)
    return named if fits else format


def possible_formats(format: Format, name: str, file: BinaryIO) -> list[Format]:
    """Return the formats that bytes of a format may be stored as, the likeliest first.

    A drawing is XML where a field does not name its type.
    """
    return [choose_by_name(format, name, file), format, *plainer_formats(format)]


def plainer_formats(format: Format) -> list[Format]:
    """Return what else bytes of a format are: a drawing is XML."""
    return [BY_EXTENSION["xml"]] if format.extension == "svg" else []


def may_be(format: Format, content_type: str) -> bool:
    """Return True if bytes of a format may be of a content type, as a browser guesses from a name.

    A browser calls any text ``text/plain``, and an archive by the extension of its name.
    """
    announced = [other for other in FORMATS if other.content_type == content_type]
    if any(plainer in announced for plainer in plainer_formats(format)):
        return True
    return any(format.extension in (other.extension, other.base) for other in announced)


def build_disposition(name: str, key: str) -> str:
    """Return the Content-Disposition of an attachment (RFC 6266, RFC 8187).

    The name is the client's, with the extension of the key, which says what the bytes are.
    """
    leaf = key.rpartition("/")[2]
    extension = extension_of(leaf)
    stem, dot, given = name.rpartition(".")
    if given.lower() != extension or not dot:
        name = f"{stem if dot and stem else name}.{extension}"
    if not name.strip(".") or name == leaf or name.startswith("."):
        return f'attachment; filename="{leaf}"'
    quoted = quote(name, safe="", errors="replace")
    while len(quoted) > _MOST_QUOTED:
        stem = name.removesuffix(f".{extension}")
        name = f"{stem[: len(stem) * 3 // 4]}.{extension}"
        quoted = quote(name, safe="", errors="replace")
    return f"attachment; filename=\"{leaf}\"; filename*=UTF-8''{quoted}"


def _is_text(file: BinaryIO) -> bool:
    """Return True for text in any encoding without NUL that a browser does not take for markup."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if _MARKUP.search(head) or _CONTROL.search(head):
        return False
    while chunk := file.read(_CHUNK):
        if b"\0" in chunk:
            return False
    return True


def _begins_with(file: BinaryIO, beginning: re.Pattern[bytes]) -> bool:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    return beginning.match(head) is not None and not _CONTROL.search(head)


def _has_member(file: BinaryIO, member: str) -> bool:
    """Return True for an archive of a document type without programs in it."""
    names = _read_members(file)
    if any(part in name.lower() for name in names for part in _MACROS):
        return False
    if member.startswith("application/"):
        file.seek(0)
        head = file.read(_LOCAL_HEADER + len(b"mimetype") + len(member))
        return bool(names) and head[_LOCAL_HEADER:] == b"mimetype" + member.encode()
    return {member, _CONTENT_TYPES} <= set(names)


def _read_members(file: BinaryIO) -> list[str]:
    """Return the names in an archive's directory; none of one that is damaged or too large."""
    size = file.seek(0, 2)
    tail_size = min(size, _END.size + _MOST_COMMENT)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        return []
    _, _, _, _, count, length, _, _ = _END.unpack_from(tail, at)
    begin = size - tail_size + at - length
    if count > _MOST_MEMBERS or length > _MOST_DIRECTORY or begin < 0:
        return []
    file.seek(begin)
    names = list(_parse_directory(file.read(length)))
    return names if len(names) == count else []


def _parse_directory(directory: bytes) -> Iterator[str]:
    position = 0
    while len(directory) - position >= _ENTRY.size:
        fields = _ENTRY.unpack_from(directory, position)
        if fields[0] != b"PK\1\2":
            return
        name_length, extra_length, comment_length = fields[10:13]
        start = position + _ENTRY.size
        yield directory[start : start + name_length].decode("utf-8", "replace")
        position = start + name_length + extra_length + comment_length
