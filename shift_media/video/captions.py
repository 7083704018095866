"""Captions: the text tracks of a source as WebVTT files, and their segments for HLS."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from shift_media.video.languages import UNKNOWN_LANGUAGE, name_languages
from shift_media.video.parts import Part
from shift_media.video.playlists import SEGMENTS_BEGIN_AT, target_duration
from shift_media.video.sprites import format_time

MAX_BYTES = 2_000_000
"""Of the text of a track; that of a film has 200 kB."""
MAX_TRACKS = 40
"""A playlist has a segment of each every few seconds."""
_MAX_REPEATED = 20_000_000
"""Characters of cues in other segments than their first: a cue may be as long as the video."""

_REPETITION = 20
"""Characters that a repetition counts for beside its own: short cues take time as well."""

_MPEG_TICKS = 90_000  # in a second
_CUE_TIMES = re.compile(
    r"((?:\d{2,6}:)?\d\d:\d\d\.\d{3})[ \t]{1,9}-->[ \t]{1,9}((?:\d{2,6}:)?\d\d:\d\d\.\d{3})"
)
"""Without repetition that has no end: the text of a cue may be anything."""

_SUBRIP_TIMES = re.compile(
    r"(\d\d:\d\d:\d\d)[,.](\d{3})[ \t]{1,9}-->[ \t]{1,9}(\d\d:\d\d:\d\d)[,.](\d{3})"
)


@dataclass(frozen=True, slots=True)
class CaptionTrack:
    """A text track of a source.

    Attributes:
        stream: its number among the subtitle streams, from 0.
        language: as in BCP 47; ``und`` if unknown.
        file: the name of its WebVTT file.
    """

    stream: int
    language: str
    file: str


def name_tracks(stem: str, found: Iterable[tuple[int, str]]) -> tuple[CaptionTrack, ...]:
    """Return the tracks of a source; ``found`` has number and language of each text stream.

    The second track of a language is numbered: ``captions-en-2.vtt``. Tracks after the fortieth
    are left out.
    """
    return tuple(
        CaptionTrack(stream, language, f"{stem}-{name}.vtt")
        for stream, language, name in name_languages(islice(found, MAX_TRACKS))
    )


def language_of(file: str) -> str:
    """Return the language in the name of a file that `name_tracks` named."""
    match = re.search(r"-([a-z]{2,3})(?:-\d+)?\.vtt$", file)
    return match[1] if match else UNKNOWN_LANGUAGE


def has_cues(text: str) -> bool:
    """Return True for WebVTT with at least one cue."""
    return text.startswith("WEBVTT") and _CUE_TIMES.search(text) is not None


def cut_captions(text: str, seconds: int, duration: float) -> list[tuple[str, float]]:
    """Return the text and the duration of each segment; a cue is in all segments that it touches.

    Times are those of the whole file. ``X-TIMESTAMP-MAP`` says when the video begins (RFC 8216,
    3.5). A cue of a text that would be repeated too often is missing in later segments.
    """
    spans = [
        (number * seconds, min((number + 1) * seconds, duration))
        for number in range(max(1, math.ceil(duration / seconds - 1e-3)))
    ]
    inside: list[list[str]] = [[] for _ in spans]
    left = _MAX_REPEATED
    for start, end, cue in _find_cues(text):
        near = range(max(0, int(start // seconds) - 1), min(len(spans), int(end // seconds) + 2))
        all_touched = (n for n in near if start < spans[n][1] and end > spans[n][0])
        touched = list(islice(all_touched, 1 + left // (len(cue) + _REPETITION)))
        for number in touched:
            inside[number].append(cue)
        left -= (len(cue) + _REPETITION) * max(0, len(touched) - 1)
    head = f"WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{SEGMENTS_BEGIN_AT * _MPEG_TICKS},LOCAL:00:00:00.000"
    return [
        ("\n\n".join([head, *cues]) + "\n", end - start)
        for cues, (start, end) in zip(inside, spans, strict=True)
    ]


def subrip_to_webvtt(content: bytes) -> str:
    """Return a SubRip file as WebVTT; empty if it is larger than `MAX_BYTES`.

    Its text is UTF-8, or else Windows-1252, which most other files of the format have.
    """
    if len(content) > MAX_BYTES:
        return ""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "WEBVTT\n\n" + _SUBRIP_TIMES.sub(r"\1.\2 --> \3.\4", lines).strip() + "\n"


def trim_captions(text: str, part: Part) -> str:
    """Return WebVTT as the part of a source has it, without the cues outside of it."""
    end = part.end or math.inf
    kept = ["WEBVTT"]
    for start, until, cue in _find_cues(text):
        if start < end and until > part.start:
            times = (max(start, part.start) - part.start, min(until, end) - part.start)
            shifted = " --> ".join(format_time(seconds) for seconds in times)
            kept.append(_CUE_TIMES.sub(shifted, cue, count=1))
    return "\n\n".join(kept) + "\n"


def _find_cues(text: str) -> Iterator[tuple[float, float, str]]:
    """Yield the beginning, the end and the text of each cue."""
    for block in re.split(r"\n[ \t\r]*\n\s*", text):
        match = _CUE_TIMES.search(block)
        if match is not None:
            yield _parse_time(match[1]), _parse_time(match[2]), block.strip()


def write_playlist(names: Iterable[str], durations: Iterable[float]) -> str:
    """Return the playlist of the segments of one track."""
    times = list(durations)
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{target_duration(times)}"]
    lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD"]
    for name, seconds in zip(names, times, strict=True):
        lines += [f"#EXTINF:{seconds:.6f},", name]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def _parse_time(text: str) -> float:
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
