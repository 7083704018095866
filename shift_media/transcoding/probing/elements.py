"""The parts of Matroska and WebM files that a probe reads.

Source: RFC 8794 (EBML) and RFC 9559 (Matroska). The media are in clusters, each of which says its
time. A file that was written live has no duration and no index, and its clusters may have no size:
one ends where the next one begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from shift_media.transcoding.probing.sparse_copy import (
    MOST_PIECES,
    SparseCopy,
    find_last_pieces,
)

_HEADER, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_TRACKS, _SEEK_HEAD = 0x1654AE6B, 0x114D9B74
_SEEK, _SEEK_POSITION = 0x4DBB, 0x53AC
_VOID, _CRC, _TIMESTAMP = 0xEC, 0xBF, 0xE7

_INFO, _CUES, _TAGS = 0x1549A966, 0x1C53BB6B, 0x1254C367
_ATTACHMENTS, _CHAPTERS = 0x1941A469, 0x1043A770
_IN_SEGMENT: Final = frozenset(
    (_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, _TAGS, _ATTACHMENTS, _CHAPTERS, _VOID, _CRC)
)
_IN_CLUSTER: Final = frozenset(
    # SilentTracks, Position, PrevSize, SimpleBlock, BlockGroup, EncryptedBlock
    (_TIMESTAMP, _VOID, _CRC, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF)
)
_LONGEST_HEADER: Final = 12
_FILLER_HEADER: Final = 9

Element = tuple[int, int, int]
"""The ID of an element, and where it begins and ends. The end may lie behind the content."""


def copy_elements(copy: SparseCopy) -> bool:
    """Copy the first and the last clusters with what stands before and behind them.

    Returns False for a file of another kind, and for one that has to be read whole.
    """
    copy.file.seek(0)
    if copy.file.read(4) != _HEADER.to_bytes(4, "big"):
        return False
    for length in copy.limits.heads:
        before, later = _end_of_head(copy.read(0, length), copy.size)
        if before:
            return _copy_tail(copy, before, later)
    return False


def _end_of_head(head: bytes, size: int) -> tuple[int, int]:
    """Return where the last cluster begins, and the first of the later elements that are named.

    Both are positions in the file; the first is 0 if there is no whole cluster before it.
    """
    root = list(_elements(head, 0, frozenset((_HEADER, _SEGMENT))))
    if not root or root[-1][0] != _SEGMENT:
        return 0, size
    content = _content_of(head, root[-1][1])
    found = list(_elements(head, content, _IN_SEGMENT))
    clusters = [first for kind, first, _ in found if kind == _CLUSTER]
    has_tracks = any(kind == _TRACKS for kind, _, _ in found)
    if len(clusters) < 2 or not has_tracks:
        return 0, size
    named = [
        content + place
        for kind, first, end in found
        if kind == _SEEK_HEAD
        for place in _seek_positions(head[first:end])
    ]
    return clusters[-1], min([size, *(place for place in named if place > clusters[-1])])


def _copy_tail(copy: SparseCopy, before: int, later: int) -> bool:
    """Copy one of the last clusters and all behind it, and mark the hole that ends with it."""
    for length in copy.limits.tails:
        begin = max(before, later - length)
        if copy.size - begin > copy.limits.tails[-1] + length:
            return False
        tail = copy.read(begin, copy.size)
        place = find_last_pieces(tail, (_CLUSTER.to_bytes(4, "big"),), 0, _is_chain)
        if place is not None and (hole := begin + place - before - _FILLER_HEADER) >= 0:
            copy.fill(before, b"\xec\x01" + hole.to_bytes(7, "big"))
            return True
    return False


def _is_chain(tail: bytes, first: int) -> bool:
    """Return True for a cluster that says its time, if elements follow it to the end."""
    header = _parse_header(tail, first)
    children = _elements(tail, header[1], _IN_CLUSTER) if header else iter(())
    if next((kind for kind, _, _ in children if kind != _CRC), None) != _TIMESTAMP:
        return False
    end = _last_end(_elements(tail, first, _IN_SEGMENT), first)
    return end + _LONGEST_HEADER > len(tail)


def _elements(content: bytes, first: int, known: frozenset[int]) -> Iterator[Element]:
    """Yield the elements that follow each other, up to one that is unknown there."""
    for _ in range(MOST_PIECES):
        header = _parse_header(content, first)
        if header is None or header[0] not in known:
            return
        kind, begin, length = header
        if length is not None:
            end = begin + length
        elif kind == _CLUSTER:
            end = _end_of_cluster(content, begin)
        else:
            end = len(content)
        yield kind, first, end
        first = end


def _end_of_cluster(content: bytes, first: int) -> int:
    """Return where a cluster without a size ends, by the first element that it cannot have."""
    return _last_end(_elements(content, first, _IN_CLUSTER), first)


def _last_end(elements: Iterator[Element], first: int) -> int:
    return max((end for _, _, end in elements), default=first)


def _parse_header(content: bytes, first: int) -> tuple[int, int, int | None] | None:
    """Return the ID, the beginning of the content and its length, or None if it is unknown.

    Returns None if there is no whole header.
    """
    if first + 2 > len(content):
        return None
    id_length = 9 - content[first].bit_length()
    at = first + id_length
    if id_length > 4 or at >= len(content):
        return None
    size_length = 9 - content[at].bit_length()
    begin = at + size_length
    if size_length > 8 or begin > len(content):
        return None
    bits = 7 * size_length
    length = int.from_bytes(content[at:begin], "big") & ((1 << bits) - 1)
    unknown = length == (1 << bits) - 1
    return int.from_bytes(content[first:at], "big"), begin, None if unknown else length


def _content_of(content: bytes, first: int) -> int:
    header = _parse_header(content, first)
    return header[1] if header else len(content)


def _seek_positions(seek_head: bytes) -> Iterator[int]:
    """Yield where elements of the segment begin, behind the beginning of its content."""
    entries = _elements(seek_head, _content_of(seek_head, 0), frozenset((_SEEK, _VOID, _CRC)))
    for kind, first, end in entries:
        if kind != _SEEK:
            continue
        entry = seek_head[first:end]
        inside = _elements(entry, _content_of(entry, 0), frozenset((0x53AB, _SEEK_POSITION)))
        for part, start, stop in inside:
            if part == _SEEK_POSITION:
                yield int.from_bytes(entry[_content_of(entry, start) : stop], "big")
