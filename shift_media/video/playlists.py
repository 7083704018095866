"""HLS playlists (RFC 8216): parsed, and master playlists written from measured streams."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shift_media.video.languages import UNKNOWN_LANGUAGE

_URI = re.compile(r'URI="([^"]+)"')
_TARGET = re.compile(r"^#EXT-X-TARGETDURATION:.*$", re.MULTILINE)

SEGMENTS_BEGIN_AT = 10
"""The time in seconds at which the first picture stands in segments.

Frames that are decoded before they are shown, and the padding of sound, have earlier times. If
these were negative, picture and sound would be moved, each by an amount of its own.
"""

_SOUND, _CAPTIONS = "sound", "captions"

VERSION = 7
"""Of the protocol: fragmented MP4 needs version 6, and `EXT-X-MAP` in all playlists 7."""


@dataclass(frozen=True, slots=True)
class Playlist:
    """A parsed playlist.

    Attributes:
        files: names relative to the playlist, without queries: of segments and their headers, or
            of other playlists.
        segments: name and duration in seconds of each segment.
        streams: the number of video streams; only a master playlist has any.
        is_ended: True if the playlist says that no segment follows.
    """

    files: tuple[str, ...]
    segments: tuple[tuple[str, float], ...]
    streams: int
    is_ended: bool

    @property
    def headers(self) -> tuple[str, ...]:
        """The files that are not segments: the headers of segments, in the order of the text."""
        segments = {name for name, _ in self.segments}
        return tuple(name for name in self.files if name not in segments)

    @property
    def seconds(self) -> float:
        """The duration of all segments."""
        return math.fsum(seconds for _, seconds in self.segments)


def parse_playlist(text: str) -> Playlist:
    """Parse a playlist. Raises `ValueError` for a segment without a numeric duration."""
    files: dict[str, None] = {}  # a set that keeps the order
    segments: list[tuple[str, float]] = []
    seconds: float | None = None
    streams, is_ended = 0, False
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#EXTINF:"):
            seconds = float(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line.startswith("#EXT-X-STREAM-INF"):
            streams += 1
        elif line.startswith("#EXT-X-ENDLIST"):
            is_ended = True
        if line and not line.startswith("#"):
            name = line.partition("?")[0]
            files[name] = None
            if seconds is not None:
                segments.append((name, seconds))
                seconds = None
        elif match := _URI.search(line):
            files[match[1].partition("?")[0]] = None
    return Playlist(tuple(files), tuple(segments), streams, is_ended)


def replace_names(text: str, replace: Callable[[str], str]) -> str:
    """Return a playlist in which each name of another file is what a function returns for it."""

    def in_line(line: str) -> str:
        if not line.startswith("#"):
            return replace(line.strip()) if line.strip() else line
        return _URI.sub(lambda match: f'URI="{replace(match[1])}"', line)

    return "".join(f"{in_line(line)}\n" for line in text.splitlines())


def join_last_segments(text: str) -> str:
    """Return a playlist whose last segment is a part of the one before it, which must exist."""
    lines = text.splitlines()
    first, last = [n for n, line in enumerate(lines) if line.startswith("#EXTINF:")][-2:]
    (_, before), (_, seconds) = parse_playlist(text).segments[-2:]
    lines[first] = f"#EXTINF:{before + seconds:.6f},"
    del lines[last : last + 2]
    return "\n".join(lines) + "\n"


def correct_target(text: str) -> str:
    """Return a playlist whose target duration suits its segments, in whole seconds.

    No segment may be longer when it is rounded (RFC 8216, 4.3.3.1). ffmpeg writes 0 if all are
    shorter than half a second, but players wait by that number, and some refuse 0.
    """
    target = target_duration(seconds for _, seconds in parse_playlist(text).segments)
    return _TARGET.sub(f"#EXT-X-TARGETDURATION:{target}", text, count=1)


def target_duration(durations: Iterable[float]) -> int:
    """Return the target duration of a playlist for segments of these durations in seconds."""
    return max([1, *(math.floor(seconds + 0.5) for seconds in durations)])


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEntry:
    """One stream of a master playlist, as it was measured.

    Attributes:
        uri: of its playlist, relative to the master playlist.
        codecs: as `codec_strings.read_codec_strings` returns them.
        width, height: as displayed; 0 for sound.
        fps: frames per second; 0 if unknown.
        segments: name, size in bytes and duration in seconds of each segment.
        header: name of the file with which segments begin; empty if they need none.
    """

    uri: str
    codecs: tuple[str, ...]
    segments: tuple[tuple[str, int, float], ...]
    width: int = 0
    height: int = 0
    fps: float = 0.0
    header: str = ""

    @property
    def peak_bandwidth(self) -> int:
        """The largest bit rate of a segment (RFC 8216, 4.3.4.2), in bit/s."""
        return max(math.ceil(8 * size / max(seconds, 0.001)) for _, size, seconds in self.segments)

    @property
    def average_bandwidth(self) -> int:
        """The bit rate of all segments together, in bit/s."""
        seconds = math.fsum(seconds for _, _, seconds in self.segments)
        return math.ceil(8 * sum(size for _, size, _ in self.segments) / max(seconds, 0.001))


@dataclass(frozen=True, slots=True)
class SoundEntry:
    """A sound that is a stream of its own; ``language`` is as in BCP 47."""

    stream: StreamEntry
    language: str = UNKNOWN_LANGUAGE


def write_master(
    streams: Iterable[StreamEntry],
    sounds: Sequence[SoundEntry] = (),
    captions: Sequence[tuple[str, str]] = (),
) -> str:
    """Return a master playlist. Players without measurements begin with its first stream.

    ``sounds`` are those of all streams, if these have none themselves; the first one is played
    unless the user chooses another. ``captions`` has the language and the playlist of each text
    track.
    """
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for number, sound in enumerate(sounds, 1):
        name = _SOUND if len(sounds) == 1 else f"{sound.language} {number}"
        group = f'TYPE=AUDIO,GROUP-ID="{_SOUND}",NAME="{name}"{_language(sound.language)}'
        default = "YES" if number == 1 else "NO"
        group += f',DEFAULT={default},AUTOSELECT=YES,CHANNELS="2"'
        lines.append(f'#EXT-X-MEDIA:{group},URI="{sound.stream.uri}"')
    for number, (language, uri) in enumerate(captions, 1):
        group = f'TYPE=SUBTITLES,GROUP-ID="{_CAPTIONS}",NAME="{language} {number}"'
        lines.append(
            f'#EXT-X-MEDIA:{group},LANGUAGE="{language}",DEFAULT=NO,AUTOSELECT=YES,URI="{uri}"'
        )
    shown = f',SUBTITLES="{_CAPTIONS}"' if captions else ""
    for stream in streams:
        lines += [f"#EXT-X-STREAM-INF:{_format_attributes(stream, sounds)}{shown}", stream.uri]
    return "\n".join(lines) + "\n"


def _language(language: str) -> str:
    return "" if language == UNKNOWN_LANGUAGE else f',LANGUAGE="{language}"'


def _format_attributes(stream: StreamEntry, sounds: Sequence[SoundEntry]) -> str:
    """Return the attributes of ``EXT-X-STREAM-INF``, which count the largest sound as well."""
    heard = max((one.stream for one in sounds), key=lambda one: one.peak_bandwidth, default=None)
    together = [stream, *([heard] if heard else [])]
    codecs = ",".join(codec for one in together for codec in one.codecs)
    attributes = [
        f"BANDWIDTH={sum(one.peak_bandwidth for one in together)}",
        f"AVERAGE-BANDWIDTH={sum(one.average_bandwidth for one in together)}",
        f'CODECS="{codecs}"',
        f"RESOLUTION={stream.width}x{stream.height}",
    ]
    attributes += [f"FRAME-RATE={stream.fps:.3f}"] if stream.fps else []
    return ",".join([*attributes, *([f'AUDIO="{_SOUND}"'] if sounds else [])])
