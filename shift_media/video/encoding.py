"""How one stream is encoded, where a profile says more than its size: rates, frames and sound.

Only profiles in Elastic Transcoder's vocabulary say so; all others leave it to the transcoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shift_media.video.sizing import (
    FrameSize,
    Padding,
    Policy,
    Sides,
    capped_rate,
    framed,
    pixel_ratio_of,
)

BUFFER_FACTOR = 10
"""What the buffer holds in terms of the highest bit rate, where a preset does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundEncoding:
    """Sound; ``hz`` and ``channels`` are 0 where they stay what they are, at most two channels."""

    codec: str = "aac"
    kbps: int = 128
    hz: int = 0
    channels: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Pictures, and the sound that goes with them.

    Attributes:
        box: the largest width and height.
        shape: display aspect ratio of the box; None for square pixels.
        kbps: the bit rate; 0 for a steady quality.
        most_kbps: what the rate may rise to; 0 where it may not rise.
        buffer_kbit: the decoder's buffer; 0 is `BUFFER_FACTOR` times the highest rate.
        rate: frames per second; None keeps the source's, at most ``cap``.
        gop: the most frames between two whole pictures; 0 leaves it to the encoder.
        fixed_gop: whether it is always that many.
        references: frames that others may refer to; 0 leaves it to the encoder.
        sound: None for none.
    """

    box: Sides
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    shape: Fraction | None = None
    codec: str = "h264"
    profile: str = "high"
    level: str = ""
    kbps: int = 0
    most_kbps: int = 0
    buffer_kbit: int = 0
    rate: Fraction | None = None
    cap: Fraction = Fraction(30)
    gop: int = 0
    fixed_gop: bool = False
    references: int = 0
    sound: SoundEncoding | None = None

    def frame(self, width: int, height: int) -> FrameSize:
        """Choose the frame of a source with square pixels."""
        ratio = pixel_ratio_of(self.box, self.shape)
        return framed(self.policy, self.padding, (width, height), self.box, ratio)

    def frame_rate(self, source: float) -> Fraction | None:
        """Choose the frames per second; None where the source's stay."""
        if self.rate is not None:
            return self.rate
        return capped_rate(Fraction(source).limit_denominator(1001), self.cap)

    @property
    def highest_kbps(self) -> int:
        """The rate that is never exceeded, over the buffer's time; 0 without a limit."""
        return self.most_kbps or self.kbps

    @property
    def buffer(self) -> int:
        """The decoder's buffer in kbit; 0 without a limit."""
        return self.buffer_kbit or BUFFER_FACTOR * self.highest_kbps
