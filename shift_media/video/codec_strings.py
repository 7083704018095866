"""The codecs of an MP4 as the ``CODECS`` attribute names them (RFC 6381, section 3.3).

Only the header is read: the sample descriptions in ``moov`` (ISO/IEC 14496-12).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

_MP4_EXTENSIONS = (".mp4", ".m4a")

_CONTAINERS = (b"trak", b"mdia", b"minf", b"stbl")
_HEADER_BYTES = 8
_ENTRIES_AT = 8  # in stsd: version, flags and the number of entries
_VIDEO_BOXES_AT = 78  # in a VisualSampleEntry: the boxes that follow its own fields
_AUDIO_BOXES_AT = 28
_DECODER_CONFIG, _DECODER_SPECIFIC = 0x04, 0x05  # tags of descriptors, ISO/IEC 14496-1, 7.2.2


def type_codecs(name: str, file: BinaryIO) -> str:
    """Return the codecs for the type of a ``<source>``: ``"avc1.64001f,mp4a.40.2"``.

    It is empty for a file that is neither MP4 nor Ogg, or whose header is not complete.
    """
    if name.endswith(".ogg"):
        return "opus"
    if not name.endswith(_MP4_EXTENSIONS):
        return ""
    try:
        return ",".join(read_codec_strings(file))
    except ValueError:
        return ""


def read_codec_strings(file: BinaryIO) -> list[str]:
    """Return the codec of each track of an MP4 or of a header of segments.

    Raises `ValueError` for a file without tracks, or that is cut.
    """
    while len(head := file.read(_HEADER_BYTES)) == _HEADER_BYTES:
        size = int.from_bytes(head[:4], "big")
        if size < _HEADER_BYTES:
            break
        if head[4:] == b"moov":
            moov = file.read(size - _HEADER_BYTES)
            if len(moov) < size - _HEADER_BYTES:
                break
            return parse_codec_strings(moov)
        file.seek(size - _HEADER_BYTES, os.SEEK_CUR)
    raise ValueError("The MP4 has no header.")


def parse_codec_strings(moov: bytes) -> list[str]:
    """Return the codec of each track: ``["avc1.64001f", "mp4a.40.2"]``.

    Raises `ValueError` for a header that has none or is cut.
    """
    try:
        found = [_codec_string(*entry) for entry in _sample_entries(moov)]
    except (IndexError, KeyError) as error:
        raise ValueError("The header of the MP4 is cut, or not of a codec.") from error
    if not found:
        raise ValueError("The MP4 has no sample description.")
    return found


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each box."""
    at = 0
    while at + _HEADER_BYTES <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if size < _HEADER_BYTES:
            return
        yield content[at + 4 : at + 8], content[at + _HEADER_BYTES : at + size]
        at += size


def _sample_entries(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    for kind, inner in _boxes(content):
        if kind in _CONTAINERS:
            yield from _sample_entries(inner)
        elif kind == b"stsd":
            yield from _boxes(inner[_ENTRIES_AT:])


def _codec_string(kind: bytes, entry: bytes) -> str:
    name = kind.decode("latin-1")
    boxes = dict(_boxes(entry[_VIDEO_BOXES_AT:]))
    if name in ("avc1", "avc3"):
        return f"{name}.{boxes[b'avcC'][1:4].hex()}"
    if name in ("hvc1", "hev1"):
        return f"{name}.{_hevc(boxes[b'hvcC'])}"
    if name == "av01":
        return f"av01.{_av1(boxes[b'av1C'])}"
    if name == "mp4a":
        return f"mp4a.{_mpeg4_audio(dict(_boxes(entry[_AUDIO_BOXES_AT:]))[b'esds'])}"
    return {"Opus": "opus", "fLaC": "flac"}.get(name, name)


def _hevc(config: bytes) -> str:
    """Return what follows ``hvc1.`` (ISO/IEC 14496-15, annex E.3)."""
    space = " ABC"[config[1] >> 6].strip()
    tier = "H" if config[1] & 0x20 else "L"
    compatible = int(f"{int.from_bytes(config[2:6], 'big'):032b}"[::-1], 2)
    constraints = [f"{byte:x}" for byte in config[6:12]]
    while constraints and constraints[-1] == "0":
        constraints.pop()
    parts = [f"{space}{config[1] & 0x1F}", f"{compatible:x}", f"{tier}{config[12]}", *constraints]
    return ".".join(parts)


def _av1(config: bytes) -> str:
    """Return what follows ``av01.`` (AV1 in ISO base media file format, section 5)."""
    profile, level = config[1] >> 5, config[1] & 0x1F
    tier = "H" if config[2] & 0x80 else "M"
    depth = (12 if config[2] & 0x20 else 10) if config[2] & 0x40 else 8
    return f"{profile}.{level:02}{tier}.{depth:02}"


def _mpeg4_audio(esds: bytes) -> str:
    """Return the object type and, for MPEG-4 audio, the audio object type: ``40.2``."""
    config = _find_descriptor(esds[4:], _DECODER_CONFIG)
    object_type = config[0]
    if object_type != 0x40:
        return f"{object_type:x}"
    specific = _find_descriptor(config[13:], _DECODER_SPECIFIC)
    audio_type = specific[0] >> 3
    if audio_type == 31:  # Then the six bits after the next three count from 32.
        audio_type = 32 + ((specific[0] & 7) << 3 | specific[1] >> 5)
    return f"{object_type:x}.{audio_type}"


def _find_descriptor(content: bytes, tag: int) -> bytes:
    """Return the content of a descriptor, which may lie within an ES descriptor."""
    at, found = 0, content[0]
    size, at = 0, 1
    while content[at] & 0x80:
        size, at = size << 7 | content[at] & 0x7F, at + 1
    size, at = size << 7 | content[at], at + 1
    if found == tag:
        return content[at : at + size]
    return _find_descriptor(content[at + 3 :], tag)  # after ES_ID and flags
