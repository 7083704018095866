"""The settings of codecs: H.264, HEVC, AV1, VP8, VP9, AAC, MP3, Opus and Vorbis."""

from __future__ import annotations

from typing import Any

from shift_media.video.encoding import AudioEncoding, VideoEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.sizing import FrameSize

Settings = dict[str, Any]

SAMPLE_RATE = 48_000

# The bit rates in kbit/s that MediaConvert allows for AAC-LC with two channels at 48 kHz.
_AAC_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 448, 512)
_LEVELS = "1 1.1 1.2 1.3 2 2.1 2.2 3 3.1 3.2 4 4.1 4.2 5 5.1 5.2".split()
_MAX_REFERENCE_FRAMES = 6
_MAX_BUFFER_BITS = 1_152_000_000
_GOP_FRAMES = 90
_VPX_KBPS = 2000  # without a rate, because MediaConvert has no constant quality for VP8 and VP9
_VORBIS_QUALITY = 4  # some 128 kbit/s with two channels


def h264(
    encoding: VideoEncoding, frame: FrameSize, facts: VideoFacts, is_segmented: bool
) -> Settings:
    """Return the settings of H.264 that differ from the defaults of a job.

    Segments must begin with keyframes, so a preset's distance of keyframes counts only in files
    that are not segmented.
    """
    settings: Settings = {
        "CodecProfile": encoding.profile.upper(),
        "ParNumerator": frame.pixel_ratio.numerator,
        "ParDenominator": frame.pixel_ratio.denominator,
    }
    if encoding.level in _LEVELS:
        settings["CodecLevel"] = f"LEVEL_{encoding.level.replace('.', '_')}"
    if encoding.profile == "baseline":  # It has neither B-frames nor CABAC (ITU-T H.264, A.2.1).
        settings |= {"NumberBFramesBetweenReferenceFrames": 0, "EntropyEncoding": "CAVLC"}
    if encoding.reference_frames:
        settings["NumberReferenceFrames"] = min(encoding.reference_frames, _MAX_REFERENCE_FRAMES)
    if rate := encoding.choose_frame_rate(facts.fps):
        settings |= {"FramerateControl": "SPECIFIED", "FramerateNumerator": rate.numerator}
        settings["FramerateDenominator"] = rate.denominator
    if encoding.gop and not is_segmented:
        settings |= {"GopSizeUnits": "FRAMES", "GopSize": encoding.gop}
        if encoding.fixed_gop:
            settings["SceneChangeDetect"] = "DISABLED"
    return settings | _rates(encoding)


def _rates(encoding: VideoEncoding) -> Settings:
    """Return the bit rate: constant, or variable if it has a peak; empty for constant quality."""
    if not encoding.peak_kbps:
        return {}
    if not encoding.kbps:
        return {"MaxBitrate": encoding.peak_kbps * 1000}
    settings: Settings = {"RateControlMode": "CBR", "Bitrate": encoding.kbps * 1000}
    settings["HrdBufferSize"] = min(encoding.decoder_buffer_kbit * 1000, _MAX_BUFFER_BITS)
    if encoding.peak_kbps > encoding.kbps:
        settings |= {"RateControlMode": "VBR", "MaxBitrate": encoding.peak_kbps * 1000}
    return settings


_OF_HEVC = {"CodecProfile": "MAIN_MAIN", "WriteMp4PackagingType": "HVC1"}
"""Safari plays HEVC of this packaging only."""

_OF_AV1 = (
    *("RateControlMode", "QvbrSettings", "MaxBitrate"),
    *("FramerateControl", "FramerateNumerator", "FramerateDenominator"),
)
_FPS = 30  # of a source whose rate is unknown


def video_codec(codec: str, h264: Settings, fps: float) -> Settings:
    """Return the settings of H.264, or those of HEVC or AV1 that say the same."""
    if codec == "hevc":
        return {"Codec": "H_265", "H265Settings": {**h264, **_OF_HEVC}}
    if codec == "av1":  # It counts frames, and its pixels are square.
        settings = {name: h264[name] for name in _OF_AV1 if name in h264}
        settings["GopSize"] = max(1, round(h264["GopSize"] * (fps or _FPS)))
        return {"Codec": "AV1", "Av1Settings": settings}
    return {"Codec": "H_264", "H264Settings": h264}


def vpx(encoding: VideoEncoding, h264: Settings) -> Settings:
    """Return the settings of VP8 or VP9: those of H.264, as far as they have the same names."""
    shared = ("FramerateControl", "FramerateNumerator", "FramerateDenominator", "GopSize")
    settings = {name: h264[name] for name in shared if name in h264}
    settings |= {name: h264[name] for name in ("ParControl", "ParNumerator", "ParDenominator")}
    if h264["GopSizeUnits"] == "SECONDS":  # VP8 and VP9 count frames only.
        settings["GopSize"] = encoding.gop or _GOP_FRAMES
    kbps = encoding.kbps or encoding.peak_kbps or _VPX_KBPS
    settings |= {"RateControlMode": "VBR", "Bitrate": kbps * 1000}
    settings["MaxBitrate"] = max(kbps, encoding.peak_kbps) * 1000
    name = encoding.codec.upper()
    return {"Codec": name, f"{name.title()}Settings": settings}


def audio_codec(encoding: AudioEncoding) -> Settings:
    """Return the settings of an audio codec; AAC for any that has none of its own here."""
    return {"mp3": _mp3, "vorbis": _vorbis, "opus": _opus}.get(encoding.codec, _aac)(encoding)


def _aac(encoding: AudioEncoding) -> Settings:
    mode = "CODING_MODE_1_0" if encoding.channels == 1 else "CODING_MODE_2_0"
    settings = {
        "Bitrate": 1000 * min(_AAC_KBPS, key=lambda allowed: abs(allowed - encoding.kbps)),
        "CodingMode": mode,
        "SampleRate": encoding.sample_rate or SAMPLE_RATE,
    }
    return {"Codec": "AAC", "AacSettings": settings}


def _mp3(encoding: AudioEncoding) -> Settings:
    settings = {
        "RateControlMode": "CBR",
        "Bitrate": encoding.kbps * 1000,
        "Channels": encoding.channels,
        "SampleRate": encoding.sample_rate or SAMPLE_RATE,
    }
    return {"Codec": "MP3", "Mp3Settings": settings}


def _opus(encoding: AudioEncoding) -> Settings:
    settings = {
        "Bitrate": max(32, min(192, encoding.kbps)) * 1000,  # what MediaConvert allows
        "Channels": encoding.channels,
        "SampleRate": SAMPLE_RATE,
    }
    return {"Codec": "OPUS", "OpusSettings": settings}


def _vorbis(encoding: AudioEncoding) -> Settings:
    """Return the settings of Vorbis, which has a quality instead of a bit rate."""
    settings = {
        "Channels": encoding.channels,
        "SampleRate": encoding.sample_rate or SAMPLE_RATE,
        "VbrQuality": _VORBIS_QUALITY,
    }
    return {"Codec": "VORBIS", "VorbisSettings": settings}
