"""The parts of a plan: everything that is made of one source. `planning` builds it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shift_media.core.preset_effects import Watermark
from shift_media.video.captions import CaptionTrack
from shift_media.video.encoding import AudioEncoding, VideoEncoding
from shift_media.video.facts import VideoFacts, display_size
from shift_media.video.parts import Part
from shift_media.video.sizing import FrameSize
from shift_media.video.specs import Audio, Dash, Hls, PosterSpec, Sprite, StillsSpec

SOUND_SUFFIX = "-sound"
"""At the end of the names of folders with sounds."""


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """One file with a video stream: an MP4 or WebM that is published, or only a rung of HLS.

    Attributes:
        crf, preset: quality and speed on the scales of x264, if ``encoding`` sets no bit rate.
        max_kbps: peak bit rate in kbit/s, if ``encoding`` is None.
        published: False for a file from which only segments are cut.
        label: name of a rung's folder, where the profile gives one.
        codec: the video codec, by the name that probing uses.
        alpha: True if the file has transparency.
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
    codec: str = "h264"
    alpha: bool = False
    encoding: VideoEncoding | None = None
    frame: FrameSize | None = None

    @property
    def display_size(self) -> tuple[int, int]:
        """The sides as a player displays them; they differ if pixels are not square."""
        if self.frame is None:
            return self.width, self.height
        return display_size(self.width, self.height, pixel_ratio=self.frame.pixel_ratio)

    @property
    def kind(self) -> str:
        """The kind of rendition."""
        return "webm" if self.codec in ("vp8", "vp9") else "mp4"

    @property
    def sound(self) -> AudioEncoding:
        """The encoding of the sound, if it has one."""
        codec = "opus" if self.kind == "webm" else "aac"
        named = self.encoding and self.encoding.audio
        return named or AudioEncoding(codec=codec, kbps=self.audio_kbps)

    def has_audio(self, facts: VideoFacts) -> bool:
        """Return True if the file gets an audio stream from this source."""
        return bool(facts.audio) and (self.encoding is None or self.encoding.audio is not None)


@dataclass(frozen=True, slots=True)
class PlannedSound:
    """A sound of HLS that is no part of a video.

    Attributes:
        name: its language, and a number if there are several.
        stream: its number among the audio streams of the source, from 0.
        language: as in BCP 47.
    """

    name: str
    stream: int
    language: str
    kbps: int

    @property
    def file(self) -> str:
        """The name of its file, from which segments are cut."""
        return f"sound-{self.name}-{self.kbps}.mp4"


@dataclass(frozen=True, slots=True)
class PlannedPlaylist:
    """An HLS rendition and its streams.

    Attributes:
        rungs: one ladder after the other, each of one codec and largest first.
        sounds: further sounds, beside that of the rungs.
    """

    rendition: Hls
    rungs: tuple[PlannedVideo, ...]
    sounds: tuple[PlannedSound, ...] = ()

    @property
    def stem(self) -> str:
        """The common beginning of the folders of its segments."""
        return self.rendition.file.removesuffix(".m3u8")

    def folder(self, rung: PlannedVideo) -> str:
        """Return the name of one stream's folder."""
        size = rung.label or f"{min(rung.width, rung.height)}p"
        codec = "" if rung.label or rung.codec == "h264" else f"-{rung.codec}"
        return f"{self.stem}-{size}{codec}"

    @property
    def sound_folder(self) -> str:
        """The name of the folder of the sound of the rungs, if it is apart."""
        return f"{self.stem}{SOUND_SUFFIX}"

    def folder_of(self, sound: PlannedSound) -> str:
        """Return the name of the folder of a further sound."""
        return f"{self.stem}{SOUND_SUFFIX}-{sound.name}"

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
    """Everything that is made of one source.

    Attributes:
        facts: those of the part that is used.
        part: what is cut out of the source.
        watermark: is laid over the videos.
    """

    facts: VideoFacts
    part: Part
    videos: tuple[PlannedVideo, ...]
    playlists: tuple[PlannedPlaylist, ...]
    audio_files: tuple[Audio, ...]
    posters: tuple[PosterSpec, ...]
    sprites: tuple[Sprite, ...]
    stills: tuple[StillsSpec, ...] = ()
    manifests: tuple[Dash, ...] = ()
    captions: tuple[CaptionTrack, ...] = ()
    watermark: Watermark | None = None

    @property
    def sounds(self) -> tuple[PlannedSound, ...]:
        """The further sounds of all playlists; each is encoded once."""
        return tuple(dict.fromkeys(one for each in self.playlists for one in each.sounds))

    @property
    def segment_seconds(self) -> int:
        """The interval of keyframes at which segments of all playlists begin; 0 without HLS."""
        return math.gcd(*(each.rendition.segment_seconds for each in self.playlists))
