"""A parser of HLS playlists (RFC 8216): the files that one names, and its duration."""

from __future__ import annotations

import re
from dataclasses import dataclass

_URI = re.compile(r'URI="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Playlist:
    """A parsed playlist.

    Attributes:
        files: names relative to the playlist, without queries: of segments and their headers, or
            of other playlists.
        seconds: the duration of all segments.
        streams: the number of video streams; only a master playlist has any.
        is_ended: True if the playlist says that no segment follows.
    """

    files: tuple[str, ...]
    seconds: float
    streams: int
    is_ended: bool


def parse_playlist(text: str) -> Playlist:
    """Parse a playlist. Raises `ValueError` for a segment without a numeric duration."""
    files: dict[str, None] = {}  # a set that keeps the order
    seconds, streams, is_ended = 0.0, 0, False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXTINF:"):
            seconds += float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line.startswith("#EXT-X-STREAM-INF"):
            streams += 1
        elif line.startswith("#EXT-X-ENDLIST"):
            is_ended = True
        if line and not line.startswith("#"):
            files[line.partition("?")[0]] = None
        elif match := _URI.search(line):
            files[match[1].partition("?")[0]] = None
    return Playlist(tuple(files), seconds, streams, is_ended)
