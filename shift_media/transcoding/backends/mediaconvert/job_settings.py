"""The settings of a job, built from a plan. Nothing here calls the service.

Each file has an output group of its own, whose destination is the file's key without its
extension: MediaConvert adds nothing to the name of a single output in a group.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shift_media.transcoding.backends.mediaconvert import codecs
from shift_media.transcoding.backends.mediaconvert.frames import (
    capture_output,
    frame_settings,
    placement,
)
from shift_media.video.encoding import MAX_FPS, PEAK_SECONDS, AudioEncoding, choose_peak_kbps
from shift_media.video.facts import VideoFacts, fit_short_side
from shift_media.video.planned import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.specs import Audio, PosterSpec, Sprite, StillsSpec
from shift_media.video.sprites import SpriteLayout

Settings = dict[str, Any]

AUDIO = "Audio Selector 1"
AUDIO_GROUP = "sound"
AUDIO_SUFFIX = "-sound"
"""At the end of the names of audio files. Stored playlists name these files."""

_HQ_PRESETS = ("slow", "slower")
_GOP_SECONDS = 2
_JPEG_QUALITY = {"poster": 90, "sprite": 70, "stills": 90}


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """An output group, and the kind and file of the rendition that it makes."""

    kind: str
    file: str
    settings: Settings


def build_settings(groups: list[OutputGroup], source: str) -> Settings:
    """Return the ``Settings`` of a job that reads one file, given by its S3 URL."""
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [
            {
                "FileInput": source,
                "TimecodeSource": "ZEROBASED",
                "VideoSelector": {"Rotate": "AUTO", "ColorSpace": "FOLLOW"},
                "AudioSelectors": {AUDIO: {"DefaultSelection": "DEFAULT"}},
            }
        ],
        "OutputGroups": [group.settings for group in groups],
    }


def build_groups(plan: TranscodePlan, destination: str) -> list[OutputGroup]:
    """Return a group for each rendition; ``destination`` is an S3 URL that ends with a slash."""
    groups = [_video(plan, video, destination) for video in plan.videos if video.published]
    groups += [_hls(plan, playlist, destination) for playlist in plan.playlists]
    groups += [_audio(audio, destination) for audio in plan.audio_files]
    if plan.facts.video:  # MediaConvert does not draw sounds.
        groups += [_poster(plan.facts, poster, destination) for poster in plan.posters]
    groups += [_sprite(plan.facts, sprite, destination) for sprite in plan.sprites]
    groups += [_stills(plan.facts, stills, destination) for stills in plan.stills]
    return groups


def _file_group(file: str, destination: str, output: Settings) -> Settings:
    stem, _, extension = file.rpartition(".")
    return {
        "Name": file,
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": f"{destination}{stem}"},
        },
        "Outputs": [{"Extension": extension, **output}],
    }


def _video(plan: TranscodePlan, video: PlannedVideo, destination: str) -> OutputGroup:
    container = _WEBM if video.kind == "webm" else _MP4
    output = {**container, "VideoDescription": _video_description(plan, video)}
    if video.has_audio(plan.facts):
        output["AudioDescriptions"] = [_video_audio(video)]
    return OutputGroup(video.kind, video.file, _file_group(video.file, destination, output))


def _audio(audio: Audio, destination: str) -> OutputGroup:
    encoding = audio.choose_encoding()
    container = _AUDIO_CONTAINERS.get(encoding.codec, _MP4)
    description = _audio_description(encoding)
    if audio.loudness:
        description["AudioNormalizationSettings"] = {**_LOUDNESS, "TargetLkfs": audio.loudness}
    output = {**container, "AudioDescriptions": [description]}
    return OutputGroup("audio", audio.file, _file_group(audio.file, destination, output))


_MP4: Settings = {
    "ContainerSettings": {
        "Container": "MP4",
        "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"},
    }
}
_AUDIO_CONTAINERS: dict[str, Settings] = {
    "mp3": {"ContainerSettings": {"Container": "RAW"}},
    "opus": {"ContainerSettings": {"Container": "OGG"}},
}
_LOUDNESS: Settings = {
    "Algorithm": "ITU_BS_1770_4",
    "AlgorithmControl": "CORRECT_AUDIO",
    "PeakCalculation": "TRUE_PEAK",
    "TruePeakLimiterThreshold": -1.5,
}
_WEBM: Settings = {"ContainerSettings": {"Container": "WEBM"}}


def _hls(plan: TranscodePlan, playlist: PlannedPlaylist, destination: str) -> OutputGroup:
    """Return a CMAF group: fragmented MP4 with playlists for HLS, audio and video separate."""
    seconds = playlist.rendition.segment_seconds
    outputs = list(_rungs(plan, playlist))
    if playlist.has_audio(plan.facts):
        outputs.append(_audio_track(playlist))
    cmaf = {
        "Destination": f"{destination}{playlist.stem}",
        "WriteHlsManifest": "ENABLED",
        "WriteDashManifest": "ENABLED" if _has_manifest(plan, playlist) else "DISABLED",
        "SegmentControl": "SEGMENTED_FILES",
        "SegmentLength": seconds,
        "FragmentLength": _gop_seconds(seconds),
        "ManifestDurationFormat": "FLOATING_POINT",
        "ManifestCompression": "NONE",
        "StreamInfResolution": "INCLUDE",
        "CodecSpecification": "RFC_6381",
    }
    group = {"Type": "CMAF_GROUP_SETTINGS", "CmafGroupSettings": cmaf}
    file = playlist.rendition.file
    settings = {"Name": file, "OutputGroupSettings": group, "Outputs": outputs}
    return OutputGroup("hls", file, settings)


def _has_manifest(plan: TranscodePlan, playlist: PlannedPlaylist) -> bool:
    return any(one.playlist_file == playlist.rendition.file for one in plan.manifests)


def _audio_track(playlist: PlannedPlaylist) -> Settings:
    track = {
        "AudioGroupId": AUDIO_GROUP,
        "AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT",
    }
    return {
        "NameModifier": AUDIO_SUFFIX,
        "ContainerSettings": {"Container": "CMFC", "CmfcSettings": track},
        "AudioDescriptions": [_video_audio(playlist.rungs[0])],
    }


def _rungs(plan: TranscodePlan, playlist: PlannedPlaylist) -> Iterator[Settings]:
    audio = {"AudioRenditionSets": AUDIO_GROUP} if playlist.has_audio(plan.facts) else {}
    for rung in playlist.rungs:
        yield {
            "NameModifier": playlist.folder(rung).removeprefix(playlist.stem),
            "ContainerSettings": {"Container": "CMFC", "CmfcSettings": audio},
            "VideoDescription": _video_description(plan, rung),
        }


def _gop_seconds(segment_seconds: int) -> int:
    """Return the seconds between keyframes: each segment must begin with one."""
    return _GOP_SECONDS if segment_seconds % _GOP_SECONDS == 0 else 1


def _video_description(plan: TranscodePlan, video: PlannedVideo) -> Settings:
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
        "GopSize": _gop_seconds(plan.segment_seconds),
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
    if video.kind == "webm" and video.encoding is not None:
        codec = codecs.vpx(video.encoding, h264)
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


def _video_audio(video: PlannedVideo) -> Settings:
    encoding = video.encoding and video.encoding.audio
    return _audio_description(encoding or AudioEncoding(kbps=video.audio_kbps))


def _audio_description(encoding: AudioEncoding) -> Settings:
    return {"AudioSourceName": AUDIO, "CodecSettings": codecs.audio_codec(encoding)}


def _poster(facts: VideoFacts, poster: PosterSpec, destination: str) -> OutputGroup:
    """Return a group that captures the first frame, and the requested one if it is later.

    The first frame is the poster if the header claims a longer duration than there are frames.
    """
    seconds = poster.moment(facts.duration)
    max_captures, interval = (2, seconds) if seconds >= 1 else (1, 1.0)
    frame = frame_settings(*fit_short_side(facts.width, facts.height, poster.height))
    output = capture_output(frame, interval, max_captures, _JPEG_QUALITY["poster"])
    return _capture_group(poster, destination, output)


def _sprite(facts: VideoFacts, sprite: Sprite, destination: str) -> OutputGroup:
    layout = SpriteLayout(sprite, facts)
    frame = frame_settings(layout.width, layout.height)
    output = capture_output(frame, layout.interval, layout.count, _JPEG_QUALITY["sprite"])
    return _capture_group(sprite, destination, output)


def _stills(facts: VideoFacts, stills: StillsSpec, destination: str) -> OutputGroup:
    source = facts.width, facts.height
    size = stills.compute_frame(*source)
    frame = frame_settings(*size.sides) | placement(size, source)
    count = stills.count(facts.duration)
    output = capture_output(frame, stills.seconds, count, _JPEG_QUALITY["stills"])
    return _capture_group(stills, destination, output)


def _capture_group(
    rendition: PosterSpec | Sprite | StillsSpec, destination: str, output: Settings
) -> OutputGroup:
    group = _file_group(capture_file(rendition), destination, output)
    return OutputGroup(rendition.kind, rendition.file, group)


def capture_file(rendition: PosterSpec | Sprite | StillsSpec) -> str:
    """Return the file name of a rendition's captures, to which the service adds numbers."""
    stem = rendition.file.rpartition(".")[0].lstrip("_")
    return f"{stem}-frame.jpg"
