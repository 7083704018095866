"""What an HLS playlist says: the files that it names, and how long it lasts."""

from __future__ import annotations

import re
from dataclasses import dataclass

_URI = re.compile(r'URI="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist that was read: names are relative to it, without their queries.

    Attributes:
        files: what it names: segments and their headers, or other playlists.
        seconds: how long its segments last together.
        streams: how many streams of pictures it offers; none but a master playlist does.
        is_whole: whether it says that nothing follows.
    """

    files: tuple[str, ...]
    seconds: float
    streams: int
    is_whole: bool


def read(text: str) -> Playlist:
    """Read a playlist."""
    files: dict[str, None] = {}
    seconds, streams, ended = 0.0, 0, False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXTINF:"):
            seconds += float(line[8:].partition(",")[0])
        elif line.startswith("#EXT-X-STREAM-INF"):
            streams += 1
        elif line.startswith("#EXT-X-ENDLIST"):
            ended = True
        if line and not line.startswith("#"):
            files[line.partition("?")[0]] = None
        elif match := _URI.search(line):
            files[match[1].partition("?")[0]] = None
    return Playlist(tuple(files), seconds, streams, ended)
