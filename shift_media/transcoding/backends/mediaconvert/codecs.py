"""The parts of a job's settings that a preset decides: frame, rates and sound."""

from __future__ import annotations

from typing import Any

from shift_media.video.encoding import Encoding, SoundEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.sizing import FrameSize, Sides

Settings = dict[str, Any]

SAMPLE_RATE = 48_000

# What AAC-LC with two channels at 48 kHz may have, in kbit/s.
_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
_LEVELS = "1 1.1 1.2 1.3 2 2.1 2.2 3 3.1 3.2 4 4.1 4.2 5 5.1 5.2".split()
_MOST_REFERENCES = 6
_GOP_FRAMES = 90
_STEADY_KBPS = 2000  # of VP8 and VP9 without a rate: MediaConvert has no steady quality for them
_VORBIS_QUALITY = 4  # some 128 kbit/s with two channels
_MOST_BUFFER_BITS = 1_152_000_000


def placed(frame: FrameSize, source: Sides) -> Settings:
    """Cut the source and place it in the frame; what is not covered is black.

    ``Crop`` is in pixels of the source, ``Position`` in those of the frame.
    """
    made: Settings = {}
    if frame.shown != frame.scaled:
        made["Crop"] = _rectangle(_in_source(frame.cut, frame, source), _cropped(frame, source))
    if frame.sides != frame.shown:
        made["Position"] = _rectangle(frame.place, frame.shown)
    return made


def _in_source(sides: Sides, frame: FrameSize, source: Sides) -> Sides:
    return (
        sides[0] * source[0] // frame.scaled[0] // 2 * 2,
        sides[1] * source[1] // frame.scaled[1] // 2 * 2,
    )


def _cropped(frame: FrameSize, source: Sides) -> Sides:
    width, height = _in_source(frame.shown, frame, source)
    return max(2, width), max(2, height)


def _rectangle(place: Sides, sides: Sides) -> Settings:
    return {"X": place[0], "Y": place[1], "Width": sides[0], "Height": sides[1]}


def h264(encoding: Encoding, frame: FrameSize, facts: VideoFacts, segmented: bool) -> Settings:
    """Give what a preset says of H.264, over what is usual here.

    Whole pictures stay where segments begin, whatever the preset's distance of them.
    """
    made: Settings = {
        "CodecProfile": encoding.profile.upper(),
        "ParNumerator": frame.pixel_ratio.numerator,
        "ParDenominator": frame.pixel_ratio.denominator,
    }
    if encoding.level in _LEVELS:
        made["CodecLevel"] = f"LEVEL_{encoding.level.replace('.', '_')}"
    if encoding.profile == "baseline":
        made |= {"NumberBFramesBetweenReferenceFrames": 0, "EntropyEncoding": "CAVLC"}
    if encoding.references:
        made["NumberReferenceFrames"] = min(encoding.references, _MOST_REFERENCES)
    if rate := encoding.frame_rate(facts.fps):
        made |= {"FramerateControl": "SPECIFIED", "FramerateNumerator": rate.numerator}
        made["FramerateDenominator"] = rate.denominator
    if encoding.gop and not segmented:
        made |= {"GopSizeUnits": "FRAMES", "GopSize": encoding.gop}
        if encoding.fixed_gop:
            made["SceneChangeDetect"] = "DISABLED"
    return made | _rates(encoding)


def _rates(encoding: Encoding) -> Settings:
    """Give the bit rate: constant, or variable where it may rise; a steady quality needs none."""
    if not encoding.highest_kbps:
        return {}
    if not encoding.kbps:
        return {"MaxBitrate": encoding.highest_kbps * 1000}
    made: Settings = {"RateControlMode": "CBR", "Bitrate": encoding.kbps * 1000}
    made["HrdBufferSize"] = min(encoding.buffer * 1000, _MOST_BUFFER_BITS)
    if encoding.highest_kbps > encoding.kbps:
        made |= {"RateControlMode": "VBR", "MaxBitrate": encoding.highest_kbps * 1000}
    return made


def vpx(encoding: Encoding, h264: Settings) -> Settings:
    """Give the settings of VP8 or VP9: those of H.264 as far as they have the same names."""
    shared = ("FramerateControl", "FramerateNumerator", "FramerateDenominator", "GopSize")
    made = {name: h264[name] for name in shared if name in h264}
    made |= {name: h264[name] for name in ("ParControl", "ParNumerator", "ParDenominator")}
    if h264["GopSizeUnits"] == "SECONDS":  # VP8 and VP9 count frames alone.
        made["GopSize"] = encoding.gop or _GOP_FRAMES
    kbps = encoding.kbps or encoding.highest_kbps or _STEADY_KBPS
    made |= {"RateControlMode": "VBR", "Bitrate": kbps * 1000}
    made["MaxBitrate"] = max(kbps, encoding.highest_kbps) * 1000
    name = encoding.codec.upper()
    return {"Codec": name, f"{name.title()}Settings": made}


def vorbis(encoding: SoundEncoding) -> Settings:
    """Give the settings of Vorbis, which has a quality instead of a rate."""
    made = {"Channels": encoding.channels, "SampleRate": encoding.hz or SAMPLE_RATE}
    return {"Codec": "VORBIS", "VorbisSettings": {**made, "VbrQuality": _VORBIS_QUALITY}}


def aac(encoding: SoundEncoding) -> Settings:
    """Give the settings of AAC."""
    mode = "CODING_MODE_1_0" if encoding.channels == 1 else "CODING_MODE_2_0"
    made = {
        "Bitrate": 1000 * min(_KBPS, key=lambda allowed: abs(allowed - encoding.kbps)),
        "CodingMode": mode,
        "SampleRate": encoding.hz or SAMPLE_RATE,
    }
    return {"Codec": "AAC", "AacSettings": made}


def mp3(encoding: SoundEncoding) -> Settings:
    """Give the settings of MP3, at a constant rate."""
    made = {
        "RateControlMode": "CBR",
        "Bitrate": encoding.kbps * 1000,
        "Channels": encoding.channels,
        "SampleRate": encoding.hz or SAMPLE_RATE,
    }
    return {"Codec": "MP3", "Mp3Settings": made}
