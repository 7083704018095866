"""How the streams of a rendition are encoded, where a profile says more than their size.

Only profiles in Elastic Transcoder's vocabulary say so. In all others the transcoder decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shift_media.video.sizing import (
    FrameSize,
    Padding,
    Policy,
    Sides,
    cap_frame_rate,
    compute_frame,
    compute_pixel_ratio,
)

MAX_FPS = 60
"""Frames per second that no rendition exceeds, unless a preset says otherwise."""

BUFFER_FACTOR = 10
"""Seconds at the peak bit rate that the decoder's buffer holds, if a preset does not say.

It is Elastic Transcoder's own default for ``BufferSize``.
"""


PEAK_KBPS = ((360, 1200), (480, 2500), (720, 5000), (1080, 8000), (1440, 16_000), (2160, 32_000))
"""The peak bit rate in kbit/s by the short side in pixels."""

PEAK_SECONDS = 1.5
"""Seconds at the peak bit rate that the decoder's buffer holds.

A segment of six seconds exceeds the peak by a quarter at most then.
"""


def choose_peak_kbps(short_side: int) -> int:
    """Return the peak bit rate of a frame: that of the next larger side in the table."""
    return next((kbps for side, kbps in PEAK_KBPS if short_side <= side), PEAK_KBPS[-1][1])


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEncoding:
    """An audio stream.

    Attributes:
        codec: ``aac``, ``mp3`` or ``vorbis``.
        kbps: bit rate in kbit/s.
        sample_rate: in Hz; 0 keeps the source's.
        channels: at most two.
    """

    codec: str = "aac"
    kbps: int = 128
    sample_rate: int = 0
    channels: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEncoding:
    """A video stream, and the audio stream that accompanies it.

    Attributes:
        box: the largest width and height.
        display_ratio: display aspect ratio of the box; None for square pixels.
        kbps: average bit rate in kbit/s; 0 for constant quality.
        max_kbps: peak bit rate; 0 if the rate is constant.
        buffer_kbit: size of the decoder's buffer; 0 is `BUFFER_FACTOR` times the peak rate.
        frame_rate: frames per second; None keeps the source's, at most ``max_frame_rate``.
        gop: the most frames between two keyframes; 0 leaves it to the encoder.
        fixed_gop: True if keyframes are always ``gop`` frames apart.
        reference_frames: frames that others may refer to; 0 leaves it to the encoder.
        audio: None for no audio.
    """

    box: Sides
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    display_ratio: Fraction | None = None
    codec: str = "h264"
    profile: str = "high"
    level: str = ""
    kbps: int = 0
    max_kbps: int = 0
    buffer_kbit: int = 0
    frame_rate: Fraction | None = None
    max_frame_rate: Fraction = Fraction(30)
    gop: int = 0
    fixed_gop: bool = False
    reference_frames: int = 0
    audio: AudioEncoding | None = None

    def compute_frame(self, width: int, height: int) -> FrameSize:
        """Return the frame for a source with square pixels."""
        ratio = compute_pixel_ratio(self.box, self.display_ratio)
        return compute_frame(self.policy, self.padding, (width, height), self.box, ratio)

    def choose_frame_rate(self, source_fps: float) -> Fraction | None:
        """Return the frames per second; None if the source's rate is kept."""
        if self.frame_rate is not None:
            return self.frame_rate
        # Rates of video are fractions over 1 or 1001; a float is only near them.
        source = Fraction(source_fps).limit_denominator(1001)
        return cap_frame_rate(source, self.max_frame_rate)

    @property
    def peak_kbps(self) -> int:
        """The bit rate that is not exceeded over the buffer's time; 0 for no limit."""
        return self.max_kbps or self.kbps

    @property
    def decoder_buffer_kbit(self) -> int:
        """The size of the decoder's buffer in kbit; 0 for no limit."""
        return self.buffer_kbit or BUFFER_FACTOR * self.peak_kbps
