"""The settings of one video or sound, whatever group it is in."""

from __future__ import annotations

from typing import Any

from shift_media.transcoding.backends.mediaconvert import codecs
from shift_media.transcoding.backends.mediaconvert.frames import frame_settings, placement
from shift_media.transcoding.backends.mediaconvert.sources import AUDIO
from shift_media.video.encoding import (
    MAX_FPS,
    PEAK_SECONDS,
    AudioEncoding,
    VideoEncoding,
    choose_peak_kbps,
)
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import PlannedVideo, TranscodePlan

Settings = dict[str, Any]

_HQ_PRESETS = ("slow", "slower")
_GOP_SECONDS = 2


def gop_seconds(segment_seconds: int) -> int:
    """Return the seconds between keyframes: each segment must begin with one."""
    return _GOP_SECONDS if segment_seconds % _GOP_SECONDS == 0 else 1


def video_description(plan: TranscodePlan, video: PlannedVideo) -> Settings:
    """Return the frame and the codec of a video."""
    h264 = {
        "RateControlMode": "QVBR",
        "QvbrSettings": {"QvbrQualityLevel": _quality(video.crf)},
        "MaxBitrate": _peak_kbps(video) * 1000,
        "HrdBufferSize": round(_peak_kbps(video) * 1000 * PEAK_SECONDS),
        "QualityTuningLevel": "MULTI_PASS_HQ" if video.preset in _HQ_PRESETS else "SINGLE_PASS_HQ",
        "SceneChangeDetect": "TRANSITION_DETECTION",
        "CodecProfile": "HIGH",
        "CodecLevel": "AUTO",
        "InterlaceMode": "PROGRESSIVE",
        "GopSizeUnits": "SECONDS",
        "GopSize": gop_seconds(plan.segment_seconds),
        "GopClosedCadence": 1,
        "ParControl": "SPECIFIED",
        "ParNumerator": 1,
        "ParDenominator": 1,
        **_frame_rate(plan.facts),
    }
    frame = frame_settings(video.width, video.height)
    if video.encoding is not None and video.frame is not None:
        h264 |= codecs.h264(video.encoding, video.frame, plan.facts, bool(plan.segment_seconds))
        # The API refuses settings of another mode than the one that is chosen.
        if h264["RateControlMode"] != "QVBR":
            del h264["QvbrSettings"]
        if h264["RateControlMode"] == "CBR":
            del h264["MaxBitrate"]
        frame |= placement(video.frame, (plan.facts.width, plan.facts.height))
    codec = codecs.video_codec(video.codec, h264, plan.facts.fps)
    if video.kind == "webm":
        sides, peak = (video.width, video.height), _peak_kbps(video)
        own = VideoEncoding(box=sides, codec=video.codec, max_kbps=peak)
        codec = codecs.vpx(video.encoding or own, h264)
    return {**frame, "CodecSettings": codec}


def _frame_rate(facts: VideoFacts) -> Settings:
    if facts.fps <= MAX_FPS:
        return {"FramerateControl": "INITIALIZE_FROM_SOURCE"}
    rate = {"FramerateNumerator": MAX_FPS, "FramerateDenominator": 1}
    return {"FramerateControl": "SPECIFIED", **rate}


def _peak_kbps(video: PlannedVideo) -> int:
    return video.max_kbps or choose_peak_kbps(min(video.width, video.height))


def _quality(crf: int) -> int:
    """Return the quality level of QVBR (1 to 10, more is better) for a CRF of x264.

    A CRF of 23, which is x264's default, corresponds to level 7; less is better.
    """
    return max(1, min(10, round(7 + (23 - crf) / 3)))


def video_audio(video: PlannedVideo) -> Settings:
    """Return the sound of a video."""
    return audio_description(video.sound)


def audio_description(encoding: AudioEncoding) -> Settings:
    """Return a sound, made of the one that videos have."""
    return {"AudioSourceName": AUDIO, "CodecSettings": codecs.audio_codec(encoding)}
