"""The plan for one source: which renditions of a profile are made, in which sizes and files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import BY_EXTENSION, RENDITION_TYPES
from shift_media.core.keys import OriginalKey, RenditionKey, parse_key
from shift_media.video.captions import CaptionTrack, name_tracks
from shift_media.video.elastic import naming
from shift_media.video.encoding import VideoEncoding, choose_peak_kbps
from shift_media.video.facts import VideoFacts, build_ladder, display_size, fit_short_side
from shift_media.video.profiles import Profile
from shift_media.video.sizing import FrameSize
from shift_media.video.specs import (
    Audio,
    Dash,
    Hls,
    Mp4,
    PosterSpec,
    RenditionSpec,
    Sprite,
    StillsSpec,
)

CONTENT_TYPES = {
    **RENDITION_TYPES,
    **{extension: row.content_type for extension, row in BY_EXTENSION.items()},
}
"""The content types under which renditions are stored, by extension."""

_DEFAULT_TYPE = "application/octet-stream"

# A complete rendition may be shorter than its source: the last frame or packet of audio is cut,
# and headers round. The tolerance is the larger of the two.
_TOLERANCE_SECONDS = 0.5
_TOLERANCE_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One file with a video stream: an MP4 or WebM that is published, or only a rung of HLS.

    Attributes:
        crf, preset: x264's quality and speed, if ``encoding`` does not set a bit rate.
        max_kbps: peak bit rate in kbit/s, if ``encoding`` is None.
        published: False for a file from which only segments are cut.
        label: name of a rung's folder, where the profile gives one.
        encoding, frame: what the profile says beyond that, if anything.
    """

    file: str
    width: int
    height: int
    crf: int
    preset: str
    audio_kbps: int
    max_kbps: int = 0
    published: bool = True
    label: str = ""
    encoding: VideoEncoding | None = None
    frame: FrameSize | None = None

    @property
    def display_size(self) -> tuple[int, int]:
        """The sides as a player displays them; they differ if pixels are not square."""
        if self.frame is None:
            return self.width, self.height
        return display_size(self.width, self.height, pixel_ratio=self.frame.pixel_ratio)

    @property
    def codec(self) -> str:
        """The video codec, by the name that probing uses."""
        return "h264" if self.encoding is None else self.encoding.codec

    @property
    def kind(self) -> str:
        """The kind of rendition."""
        return "mp4" if self.codec == "h264" else "webm"

    def has_audio(self, facts: VideoFacts) -> bool:
        """Return True if the file gets an audio stream from this source."""
        return bool(facts.audio) and (self.encoding is None or self.encoding.audio is not None)


@dataclass(frozen=True, slots=True)
class PlannedPlaylist:
    """An HLS rendition and its streams, largest first."""

    rendition: Hls
    rungs: tuple[PlannedVideo, ...]

    @property
    def stem(self) -> str:
        """The common beginning of the folders of its segments."""
        return self.rendition.file.removesuffix(".m3u8")

    def folder(self, rung: PlannedVideo) -> str:
        """Return the name of one stream's folder."""
        return f"{self.stem}-{rung.label or f'{min(rung.width, rung.height)}p'}"

    @property
    def sound_folder(self) -> str:
        """The name of the folder of the sound, if it is apart."""
        return f"{self.stem}-sound"

    def has_sound_apart(self, facts: VideoFacts) -> bool:
        """Return True if the sound is a stream of its own, as CMAF demands.

        Streams in Elastic Transcoder's vocabulary have sounds of different bit rates.
        """
        is_cmaf = self.rendition.segments == "fmp4" and not self.rendition.streams
        return is_cmaf and self.has_audio(facts)

    def has_audio(self, facts: VideoFacts) -> bool:
        """Return True if the streams have audio; either all of them have it or none."""
        return any(rung.has_audio(facts) for rung in self.rungs)


@dataclass(frozen=True, slots=True)
class TranscodePlan:
    """Everything that is made of one source."""

    facts: VideoFacts
    videos: tuple[PlannedVideo, ...]
    playlists: tuple[PlannedPlaylist, ...]
    audio_files: tuple[Audio, ...]
    posters: tuple[PosterSpec, ...]
    sprites: tuple[Sprite, ...]
    stills: tuple[StillsSpec, ...] = ()
    manifests: tuple[Dash, ...] = ()
    captions: tuple[CaptionTrack, ...] = ()

    @property
    def segment_seconds(self) -> int:
        """The interval of keyframes at which segments of all playlists begin; 0 without HLS."""
        return math.gcd(*(each.rendition.segment_seconds for each in self.playlists))


def build_plan(profile: Profile, facts: VideoFacts) -> TranscodePlan:
    """Return what a profile makes of a source.

    Raises `TranscodeError` for a source without the streams that the profile needs.
    """
    _check(profile, facts)
    videos = _plan_videos([*profile.of_kind("mp4"), *profile.of_kind("webm")], facts)
    playlists = []
    for rendition in profile.of_kind("hls"):
        rungs = _plan_named_streams(rendition, facts)
        rungs += [_plan_rung(rendition, size, videos) for size in _sizes(rendition, facts)]
        videos += [rung for rung in rungs if rung not in videos]
        playlists.append(PlannedPlaylist(rendition, tuple(rungs)))
    return TranscodePlan(
        facts=facts,
        videos=tuple(videos),
        playlists=tuple(playlists),
        audio_files=tuple(profile.of_kind("audio")) if facts.audio else (),
        posters=tuple(profile.of_kind("poster")),
        sprites=tuple(profile.of_kind("sprite")),
        stills=tuple(profile.of_kind("stills")),
        manifests=tuple(profile.of_kind("dash")),
        captions=tuple(
            track
            for spec in profile.of_kind("captions")
            for track in name_tracks(spec.file.removesuffix(".vtt"), facts.captions)
        ),
    )


def _check(profile: Profile, facts: VideoFacts) -> None:
    if profile.elastic is not None and profile.elastic.impossible:
        raise TranscodeError(" ".join(profile.elastic.impossible), code="not_made_here")
    # The poster of a sound is a drawing of it.
    alone = (Audio, PosterSpec) if profile.of_kind("audio") else (Audio,)
    needs_video = any(not isinstance(rendition, alone) for rendition in profile.renditions)
    if needs_video and not facts.video:
        raise TranscodeError("The file has no video stream.", code="no_video")
    if not needs_video and not facts.audio and not facts.unknown_audio:
        raise TranscodeError("The file has no audio stream.", code="no_audio")
    if facts.unknown_audio and not facts.audio:
        # Renditions without sound would look complete.
        text = "The sound of the file is in a codec that ffmpeg cannot decode."
        raise TranscodeError(text, code="unknown_sound")
    if facts.duration <= 0:
        raise TranscodeError("The duration of the file is 0 seconds.", code="no_duration")


def _plan_videos(renditions: Iterable[Mp4], facts: VideoFacts) -> list[PlannedVideo]:
    """Plan the MP4s and WebMs: of equal ones only the lowest that was requested is made.

    Those of the same height are all made: they differ in sound or in speed.
    """
    chosen: dict[object, PlannedVideo] = {}
    lowest: dict[object, int] = {}
    for spec in sorted(renditions, key=lambda rendition: -rendition.height):
        if spec.encoding is not None:  # A project names each of these, so all are made.
            chosen[spec.file] = _plan_encoded(spec.file, spec.encoding, spec, facts)
            continue
        video = _plan_video(spec, facts)
        picture = video.width, video.height, video.crf
        if lowest.setdefault(picture, spec.height) != spec.height:
            chosen = {file: one for file, one in chosen.items() if _picture(one) != picture}
            lowest[picture] = spec.height
        chosen[spec.file] = video
    return list(chosen.values())


def _picture(video: PlannedVideo) -> object:
    return None if video.encoding else (video.width, video.height, video.crf)


def _plan_video(spec: Mp4, facts: VideoFacts) -> PlannedVideo:
    size = fit_short_side(facts.width, facts.height, spec.height)
    peak = spec.max_kbps or choose_peak_kbps(min(size))
    return PlannedVideo(spec.file, *size, spec.crf, spec.preset, spec.audio_kbps, peak)


def _plan_encoded(
    file: str, encoding: VideoEncoding, spec: Mp4 | Hls, facts: VideoFacts, label: str = ""
) -> PlannedVideo:
    frame = encoding.compute_frame(facts.width, facts.height)
    kbps = spec.audio_kbps if encoding.audio is None else encoding.audio.kbps
    return PlannedVideo(
        file,
        *frame.sides,
        spec.crf,
        spec.preset,
        kbps,
        published=not label,
        label=label,
        encoding=encoding,
        frame=frame,
    )


def _plan_named_streams(rendition: Hls, facts: VideoFacts) -> list[PlannedVideo]:
    return [
        _plan_encoded(f"rung-{label}.mp4", encoding, rendition, facts, label)
        for label, encoding in rendition.streams
    ]


def _sizes(rendition: Hls, facts: VideoFacts) -> list[tuple[int, int]]:
    if rendition.streams:
        return []
    return [size[1:] for size in build_ladder(facts.width, facts.height, rendition.heights)]


def _plan_rung(rendition: Hls, size: tuple[int, int], videos: list[PlannedVideo]) -> PlannedVideo:
    """Return an equal MP4 that is made anyway, else a rung: each size is encoded once."""
    rung = PlannedVideo(
        f"rung-{min(size)}-{rendition.crf}-{rendition.preset}-{rendition.audio_kbps}.mp4",
        *size,
        rendition.crf,
        rendition.preset,
        rendition.audio_kbps,
        choose_peak_kbps(min(size)),
        published=False,
    )
    equal = [one for one in videos if replace(one, file=rung.file, published=False) == rung]
    return equal[0] if equal else rung


def is_full_length(duration: float, source_duration: float) -> bool:
    """Return True if a rendition lasts as long as its source; both are in seconds.

    Encoders end with exit code 0 on a truncated source, so only the duration shows the loss.
    """
    tolerance = max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * source_duration)
    return duration >= source_duration - tolerance


def content_type_for(file: str) -> str:
    """Return the content type under which a file of a rendition is stored."""
    return CONTENT_TYPES.get(file.rpartition(".")[2], _DEFAULT_TYPE)


def legacy_key(
    original: OriginalKey,
    rendition: RenditionSpec,
    width: int | None = None,
    height: int | None = None,
) -> str:
    """Return the key that Elastic Transcoder would have written: for stills, of the first one."""
    key = rendition.legacy
    if isinstance(rendition, StillsSpec):
        key = naming.thumbnail(key, 1, (width or 0, height or 0), rendition.file[-3:])
    return naming.fill_placeholders(key, original)


def rendition_key(
    original: OriginalKey, profile: str, token: str, rendition: RenditionSpec | str
) -> str:
    """Return the key of a rendition, or of one of its files.

    The first poster lies beside the original, everything else in the folder of the attempt.
    Raises `InvalidKey` for a file name outside the grammar of keys.
    """
    if isinstance(rendition, PosterSpec):
        return str(RenditionKey(original, "", rendition.file))
    file = rendition if isinstance(rendition, str) else rendition.file
    return str(parse_key(str(RenditionKey(original, profile, f"{token}/{file}"))))
