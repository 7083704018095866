"""What a profile makes of one source: sizes, files and keys."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import BY_EXTENSION, RENDITION_TYPES
from shift_media.core.keys import OriginalKey, RenditionKey
from shift_media.video.elastic import naming
from shift_media.video.encoding import Encoding
from shift_media.video.facts import VideoFacts, fitted, ladder, shown_size
from shift_media.video.profiles import (
    Audio,
    Hls,
    Mp4,
    PosterSpec,
    Profile,
    RenditionSpec,
    Sprite,
    StillsSpec,
)
from shift_media.video.sizing import FrameSize

CONTENT_TYPES = {
    **RENDITION_TYPES,
    **{extension: row.content_type for extension, row in BY_EXTENSION.items()},
}
"""The types under which renditions are stored, by extension."""

_OTHER_TYPE = "application/octet-stream"
_ENOUGH = 0.5, 0.02  # seconds and share of the duration by which a whole rendition may fall short


@dataclass(frozen=True, slots=True)
class Encode:
    """One stream of pictures and sound: an MP4 that is published, or only a rung of HLS.

    ``encoding`` and ``frame`` say more, where a profile does; ``label`` names a rung's folder.
    """

    file: str
    width: int
    height: int
    crf: int
    preset: str
    audio_kbps: int
    published: bool = True
    label: str = ""
    encoding: Encoding | None = None
    frame: FrameSize | None = None

    @property
    def shown(self) -> tuple[int, int]:
        """Its sides as they are shown, which differ where its pixels are not square."""
        if self.frame is None:
            return self.width, self.height
        return shown_size(self.width, self.height, pixel_ratio=self.frame.pixel_ratio)

    @property
    def codec(self) -> str:
        """The codec of its pictures, as probing calls it."""
        return "h264" if self.encoding is None else self.encoding.codec

    @property
    def kind(self) -> str:
        """The kind of rendition that it is."""
        return "mp4" if self.codec == "h264" else "webm"

    def has_sound(self, facts: VideoFacts) -> bool:
        """Tell whether it is to be heard."""
        return bool(facts.audio) and (self.encoding is None or self.encoding.sound is not None)


@dataclass(frozen=True, slots=True)
class PlannedPlaylist:
    """An HLS rendition and the streams it consists of, largest first."""

    rendition: Hls
    rungs: tuple[Encode, ...]

    @property
    def stem(self) -> str:
        """What the folders of its segments begin with."""
        return self.rendition.file.removesuffix(".m3u8")

    def folder(self, rung: Encode) -> str:
        """Name the folder of one stream."""
        return f"{self.stem}-{rung.label or f'{min(rung.width, rung.height)}p'}"

    def has_sound(self, facts: VideoFacts) -> bool:
        """Tell whether it is to be heard; its streams are alike in that."""
        return any(rung.has_sound(facts) for rung in self.rungs)


@dataclass(frozen=True, slots=True)
class TranscodePlan:
    """All that is to be made of one source."""

    facts: VideoFacts
    encodes: tuple[Encode, ...]
    playlists: tuple[PlannedPlaylist, ...]
    sounds: tuple[Audio, ...]
    posters: tuple[PosterSpec, ...]
    sprites: tuple[Sprite, ...]
    stills: tuple[StillsSpec, ...] = ()

    @property
    def segment_seconds(self) -> int:
        """How often a picture must be whole, so that segments can begin there; 0 for no HLS."""
        return min((list_.rendition.segment_seconds for list_ in self.playlists), default=0)


def plan(profile: Profile, facts: VideoFacts) -> TranscodePlan:
    """Decide what a profile makes of a source; raises `TranscodeError` where that is nothing."""
    _check(profile, facts)
    encodes = _mp4s([*profile.of_kind("mp4"), *profile.of_kind("webm")], facts)
    playlists = []
    for rendition in profile.of_kind("hls"):
        rungs = _streams(rendition, facts)
        rungs += [_rung(rendition, size, encodes) for size in _sizes(rendition, facts)]
        encodes += [rung for rung in rungs if rung not in encodes]
        playlists.append(PlannedPlaylist(rendition, tuple(rungs)))
    return TranscodePlan(
        facts=facts,
        encodes=tuple(encodes),
        playlists=tuple(playlists),
        sounds=tuple(profile.of_kind("audio")) if facts.audio else (),
        posters=tuple(profile.of_kind("poster")),
        sprites=tuple(profile.of_kind("sprite")),
        stills=tuple(profile.of_kind("stills")),
    )


def _check(profile: Profile, facts: VideoFacts) -> None:
    if profile.elastic is not None and profile.elastic.impossible:
        raise TranscodeError(" ".join(profile.elastic.impossible), code="not_made_here")
    needs_picture = any(not isinstance(rendition, Audio) for rendition in profile.renditions)
    if needs_picture and not facts.video:
        raise TranscodeError("It has no picture.", code="no_video")
    if not needs_picture and not facts.audio:
        raise TranscodeError("It has no sound.", code="no_audio")
    if facts.duration <= 0:
        raise TranscodeError("It lasts no time at all.", code="no_duration")


def _mp4s(renditions: Iterable[Mp4], facts: VideoFacts) -> list[Encode]:
    """Choose the MP4s: of those that would come out alike, the one that asked for least stays."""
    chosen: dict[object, Encode] = {}
    for wanted in sorted(renditions, key=lambda rendition: -rendition.height):
        if wanted.encoding is not None:  # Asked for by name: none stands in for another.
            chosen[wanted.file] = _exact(wanted.file, wanted.encoding, wanted, facts)
            continue
        width, height = fitted(facts.width, facts.height, wanted.height)
        made = Encode(wanted.file, width, height, wanted.crf, wanted.preset, wanted.audio_kbps)
        chosen[width, height, wanted.crf] = made
    return list(chosen.values())


def _exact(
    file: str, encoding: Encoding, wanted: Mp4 | Hls, facts: VideoFacts, label: str = ""
) -> Encode:
    frame = encoding.frame(facts.width, facts.height)
    kbps = wanted.audio_kbps if encoding.sound is None else encoding.sound.kbps
    return Encode(
        file,
        *frame.sides,
        wanted.crf,
        wanted.preset,
        kbps,
        published=not label,
        label=label,
        encoding=encoding,
        frame=frame,
    )


def _streams(rendition: Hls, facts: VideoFacts) -> list[Encode]:
    return [
        _exact(f"rung-{label}.mp4", encoding, rendition, facts, label)
        for label, encoding in rendition.streams
    ]


def _sizes(rendition: Hls, facts: VideoFacts) -> list[tuple[int, int]]:
    if rendition.streams:
        return []
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
    return CONTENT_TYPES.get(file.rpartition(".")[2], _OTHER_TYPE)


def legacy_key(
    original: OriginalKey,
    rendition: RenditionSpec,
    width: int | None = None,
    height: int | None = None,
) -> str:
    """Name a rendition as Elastic Transcoder would have: the first of its stills."""
    key = rendition.legacy
    if isinstance(rendition, StillsSpec):
        key = naming.thumbnail(key, 1, (width or 0, height or 0), rendition.file[-3:])
    return naming.filled(key, original)


def still_times(wanted: StillsSpec, duration: float) -> list[float]:
    """List the seconds at which stills are taken: at the beginning, and each so often."""
    return [float(at) for at in range(0, max(1, math.ceil(duration - 0.001)), wanted.seconds)]


def payload_of(profile: Profile) -> dict[str, object]:
    """Give what is kept with a complete job beside its renditions."""
    if profile.elastic is None or not profile.elastic.user_metadata:
        return {}
    return {"userMetadata": dict(profile.elastic.user_metadata)}


def key_of(original: OriginalKey, profile: str, token: str, rendition: RenditionSpec | str) -> str:
    """Name where a rendition lies: a poster beside the original, all else in its attempt's folder.

    Raises ``ValueError`` for a file name outside the grammar of keys.
    """
    from shift_media.core.keys import parse_key

    if isinstance(rendition, PosterSpec):
        return str(RenditionKey(original, "", rendition.file))
    file = rendition if isinstance(rendition, str) else rendition.file
    return str(parse_key(str(RenditionKey(original, profile, f"{token}/{file}"))))
