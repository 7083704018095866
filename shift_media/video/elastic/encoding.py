"""Presets as encodings: what is not known of one takes a default, and is noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from shift_media.video.elastic.presets import AUTO_BOX, Preset
from shift_media.video.encoding import Encoding, SoundEncoding
from shift_media.video.sizing import Padding, Policy, Sides

HIGHEST_RATE = Fraction(30)
"""The cap of an automatic frame rate, unless a preset has one: the service's own default."""

_DEFAULT_SOUND = SoundEncoding()
_CODECS = {"webm": "vorbis", "mp3": "mp3"}
"""The codec of sound, by container, where a preset does not say; else AAC."""
_MOST_CHANNELS = 2

# What MP3 (MPEG-1 layer III) may have, in kbit/s, and one of its three sample rates.
_MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_HZ = (44_100, 32_000, 48_000)


@dataclass(frozen=True, slots=True)
class KnownStills:
    """What thumbnails are like; ``seconds`` lie between two."""

    format: str = "png"
    box: Sides = (192, 108)
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    seconds: int = 60


class Reading:
    """One preset, read for what is to be made; ``note`` takes what was chosen here."""

    def __init__(self, preset: Preset, note: Callable[[str], None]) -> None:
        self.preset = preset
        self._note = note

    def encoding(self) -> Encoding:
        """Give how pictures are encoded, and the sound with them."""
        known = self.preset.picture
        if known.interlaced not in (None, "Progressive"):
            self._say(f"{known.interlaced} there, progressive here")
        return Encoding(
            box=known.box or AUTO_BOX,
            policy=known.policy or "ShrinkToFit",
            padding=known.padding or "NoPad",
            shape=known.shape or None,
            codec=known.codec or "h264",
            profile=known.profile or "high",
            level=known.level or "",
            kbps=known.kbps or 0,
            most_kbps=known.most_kbps or 0,
            buffer_kbit=known.buffer_kbit or 0,
            rate=known.rate or None,
            cap=known.cap or HIGHEST_RATE,
            gop=known.gop or 0,
            fixed_gop=bool(known.fixed_gop),
            references=known.references or 0,
            sound=None if self.preset.has_sound is False else self.sound(),
        )

    def sound(self) -> SoundEncoding:
        """Give how sound is encoded."""
        known = self.preset.sound
        made = SoundEncoding(
            codec=known.codec or _CODECS.get(str(self.preset.container), _DEFAULT_SOUND.codec),
            kbps=known.kbps or _DEFAULT_SOUND.kbps,
            hz=known.hz or 0,
            channels=min(known.channels or _MOST_CHANNELS, _MOST_CHANNELS),
        )
        if made.codec == "mp3":
            kbps = min(_MP3_KBPS, key=lambda allowed: abs(allowed - made.kbps))
            made = replace(made, kbps=kbps, hz=made.hz if made.hz in _MP3_HZ else _MP3_HZ[0])
        chosen = []
        if self.preset.has_sound is None:
            chosen.append("whether it has sound")
        if known.codec is None:
            chosen.append(f"{made.codec.upper()}")
        if known.kbps is None:
            chosen.append(f"{made.kbps} kbit/s")
        if known.hz is None:
            chosen.append(f"{made.hz} Hz" if made.hz else "the source's sample rate")
        if known.channels is None:
            chosen.append(f"{made.channels} channels")
        if chosen:
            self._say(f"of its sound is not known and chosen here: {', '.join(chosen)}")
        return made

    def stills(self) -> KnownStills:
        """Give what thumbnails are like."""
        known, default = self.preset.stills, KnownStills()
        made = KnownStills(
            format=known.format or default.format,
            box=known.box or default.box,
            policy=known.policy or default.policy,
            padding=known.padding or default.padding,
            seconds=known.interval or default.seconds,
        )
        if known.format is None or known.box is None or known.interval is None:
            size = f"{made.box[0]}x{made.box[1]}"
            self._say(
                "of its thumbnails is not known and chosen here: "
                f"{made.format}, {size}, one each {made.seconds} seconds"
            )
        return made

    def _say(self, text: str) -> None:
        self._note(f"{self.preset.id} ({self.preset.name}): {text}.")
