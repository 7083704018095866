"""What a profile makes of one source: sizes, files and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shift_media.core.formats import BY_EXTENSION
from shift_media.core.paths import OriginalKey, RenditionKey
from shift_media.core.profiles import Audio, Hls, Mp4, Poster, Profile, Rendition, Sprite
from shift_media.core.video import VideoFacts, fitted, ladder
from shift_media.transcoding.base import TranscodeError

CONTENT_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "vtt": "text/vtt; charset=utf-8",
    **{extension: row.content_type for extension, row in BY_EXTENSION.items()},
}
"""The types under which renditions are stored, by extension."""

_ENOUGH = 0.5, 0.02  # seconds and share of the duration by which a whole rendition may fall short


@dataclass(frozen=True, slots=True)
class Encode:
    """One stream of pictures and sound: an MP4 that is published, or only a rung of HLS."""

    file: str
    width: int
    height: int
    crf: int
    preset: str
    audio_kbps: int
    published: bool = True


@dataclass(frozen=True, slots=True)
class Playlist:
    """An HLS rendition and the streams it consists of, largest first."""

    rendition: Hls
    rungs: tuple[Encode, ...]

    @property
    def stem(self) -> str:
        """What the folders of its segments begin with."""
        return self.rendition.file.removesuffix(".m3u8")

    def folder(self, rung: Encode) -> str:
        """Name the folder of one stream."""
        return f"{self.stem}-{min(rung.width, rung.height)}p"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be made of one source."""

    facts: VideoFacts
    encodes: tuple[Encode, ...]
    playlists: tuple[Playlist, ...]
    sounds: tuple[Audio, ...]
    posters: tuple[Poster, ...]
    sprites: tuple[Sprite, ...]

    @property
    def segment_seconds(self) -> int:
        """How often a picture must be whole, so that segments can begin there; 0 for no HLS."""
        return min((list_.rendition.segment_seconds for list_ in self.playlists), default=0)


def plan(profile: Profile, facts: VideoFacts) -> Plan:
    """Decide what a profile makes of a source; raises `TranscodeError` where that is nothing."""
    _check(profile, facts)
    encodes = _mp4s(profile.of_kind("mp4"), facts)
    playlists = []
    for rendition in profile.of_kind("hls"):
        rungs = [_rung(rendition, size, encodes) for size in _sizes(rendition, facts)]
        encodes += [rung for rung in rungs if rung not in encodes]
        playlists.append(Playlist(rendition, tuple(rungs)))
    return Plan(
        facts=facts,
        encodes=tuple(encodes),
        playlists=tuple(playlists),
        sounds=tuple(profile.of_kind("audio")) if facts.audio else (),
        posters=tuple(profile.of_kind("poster")),
        sprites=tuple(profile.of_kind("sprite")),
    )


def _check(profile: Profile, facts: VideoFacts) -> None:
    needs_picture = any(not isinstance(rendition, Audio) for rendition in profile.renditions)
    if needs_picture and not facts.video:
        raise TranscodeError("It has no picture.", code="no_video")
    if not needs_picture and not facts.audio:
        raise TranscodeError("It has no sound.", code="no_audio")
    if facts.duration <= 0:
        raise TranscodeError("It lasts no time at all.", code="no_duration")


def _mp4s(renditions: Iterable[Mp4], facts: VideoFacts) -> list[Encode]:
    """Choose the MP4s: of those that would come out alike, the one that asked for least stays."""
    chosen: dict[tuple[int, ...], Encode] = {}
    for wanted in sorted(renditions, key=lambda rendition: -rendition.height):
        width, height = fitted(facts.width, facts.height, wanted.height)
        made = Encode(wanted.file, width, height, wanted.crf, wanted.preset, wanted.audio_kbps)
        chosen[width, height, wanted.crf] = made
    return list(chosen.values())


def _sizes(rendition: Hls, facts: VideoFacts) -> list[tuple[int, int]]:
    return [size[1:] for size in ladder(facts.width, facts.height, rendition.heights)]


def _rung(rendition: Hls, size: tuple[int, int], encodes: list[Encode]) -> Encode:
    """Take an MP4 that is made anyway, so that each size is encoded once."""
    own = Encode(
        f"rung-{min(size)}-{rendition.crf}-{rendition.preset}-{rendition.audio_kbps}.mp4",
        *size,
        rendition.crf,
        rendition.preset,
        rendition.audio_kbps,
        published=False,
    )
    alike = [made for made in encodes if replace(made, file=own.file, published=False) == own]
    return alike[0] if alike else own


def is_whole(duration: float, source: float) -> bool:
    """Tell whether a rendition lasts as long as its source: exit codes do not tell."""
    seconds, share = _ENOUGH
    return duration >= source - max(seconds, share * source)


def content_type(file: str) -> str:
    """Give the type under which a file of a rendition is stored."""
    return CONTENT_TYPES[file.rpartition(".")[2]]


def key_of(original: OriginalKey, profile: str, token: str, rendition: Rendition | str) -> str:
    """Name where a rendition lies: a poster beside the original, all else in its attempt's folder.

    Raises ``ValueError`` for a file name outside the grammar of keys.
    """
    from shift_media.core import paths

    if isinstance(rendition, Poster):
        return str(RenditionKey(original, "", rendition.file))
    file = rendition if isinstance(rendition, str) else rendition.file
    return str(paths.parse(str(RenditionKey(original, profile, f"{token}/{file}"))))
