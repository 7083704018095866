"""Presets translated into encodings. What a preset does not say is chosen, and reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from shift_media.video.elastic.preset_parts import AUTO_BOX
from shift_media.video.elastic.presets import Preset
from shift_media.video.encoding import AudioEncoding, VideoEncoding
from shift_media.video.sizing import Padding, Policy, Sides

MAX_FRAME_RATE = Fraction(30)
"""The service's own default for the highest automatic frame rate."""

_DEFAULT_AUDIO = AudioEncoding()
_AUDIO_CODECS = {"webm": "vorbis", "mp3": "mp3"}
"""The audio codec by container, if a preset does not say; AAC for all other containers."""
_MAX_CHANNELS = 2

# What MP3 (ISO/IEC 11172-3, layer III) allows: bit rates in kbit/s, and sample rates in Hz.
_MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_SAMPLE_RATES = (44_100, 32_000, 48_000)


@dataclass(frozen=True, slots=True)
class ThumbnailOptions:
    """The format and size of thumbnails, and the seconds between two of them."""

    format: str = "png"
    box: Sides = (192, 108)
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    seconds: int = 60


class PresetTranslator:
    """Translates one preset into encodings.

    Args:
        assume: called with a sentence for each property that had to be chosen here.
    """

    def __init__(self, preset: Preset, assume: Callable[[str], None]) -> None:
        self.preset = preset
        self._assume = assume

    def video_encoding(self) -> VideoEncoding:
        """Return the encoding of the video stream, with the audio stream that belongs to it."""
        video = self.preset.video
        if video.interlaced not in (None, "Progressive"):
            self._report(f"{video.interlaced} there, progressive here")
        return VideoEncoding(
            box=video.box or AUTO_BOX,
            policy=video.policy or "ShrinkToFit",
            padding=video.padding or "NoPad",
            display_ratio=video.display_ratio or None,
            codec=video.codec or "h264",
            profile=video.profile or "high",
            level=video.level or "",
            kbps=video.kbps or 0,
            max_kbps=video.max_kbps or 0,
            buffer_kbit=video.buffer_kbit or 0,
            frame_rate=video.frame_rate or None,
            max_frame_rate=video.max_frame_rate or MAX_FRAME_RATE,
            gop=video.gop or 0,
            fixed_gop=bool(video.fixed_gop),
            reference_frames=video.reference_frames or 0,
            audio=None if self.preset.has_audio is False else self.audio_encoding(),
        )

    def audio_encoding(self) -> AudioEncoding:
        """Return the encoding of the audio stream."""
        audio = self.preset.audio
        encoding = AudioEncoding(
            codec=audio.codec
            or _AUDIO_CODECS.get(str(self.preset.container), _DEFAULT_AUDIO.codec),
            kbps=audio.kbps or _DEFAULT_AUDIO.kbps,
            sample_rate=audio.sample_rate or 0,
            channels=min(audio.channels or _MAX_CHANNELS, _MAX_CHANNELS),
        )
        if encoding.codec == "mp3":
            encoding = _nearest_mp3(encoding)
        self._report_audio(encoding)
        return encoding

    def _report_audio(self, encoding: AudioEncoding) -> None:
        audio = self.preset.audio
        chosen = []
        if self.preset.has_audio is None:
            chosen.append("whether it has audio")
        if audio.codec is None:
            chosen.append(encoding.codec.upper())
        if audio.kbps is None:
            chosen.append(f"{encoding.kbps} kbit/s")
        if audio.sample_rate is None:
            rate = encoding.sample_rate
            chosen.append(f"{rate} Hz" if rate else "the source's sample rate")
        if audio.channels is None:
            chosen.append(f"{encoding.channels} channels")
        if chosen:
            self._report(f"its audio is not completely known, chosen here: {', '.join(chosen)}")

    def thumbnails(self) -> ThumbnailOptions:
        """Return the options of thumbnails."""
        known, default = self.preset.thumbnails, ThumbnailOptions()
        options = ThumbnailOptions(
            format=known.format or default.format,
            box=known.box or default.box,
            policy=known.policy or default.policy,
            padding=known.padding or default.padding,
            seconds=known.seconds or default.seconds,
        )
        if known.format is None or known.box is None or known.seconds is None:
            size = f"{options.box[0]}x{options.box[1]}"
            self._report(
                "its thumbnails are not completely known, chosen here: "
                f"{options.format}, {size}, one every {options.seconds} seconds"
            )
        return options

    def _report(self, text: str) -> None:
        self._assume(f"{self.preset.id} ({self.preset.name}): {text}.")


def _nearest_mp3(encoding: AudioEncoding) -> AudioEncoding:
    """Return the nearest rates that MP3 allows."""
    kbps = min(_MP3_KBPS, key=lambda allowed: abs(allowed - encoding.kbps))
    allowed = encoding.sample_rate in _MP3_SAMPLE_RATES
    sample_rate = encoding.sample_rate if allowed else _MP3_SAMPLE_RATES[0]
    return replace(encoding, kbps=kbps, sample_rate=sample_rate)
