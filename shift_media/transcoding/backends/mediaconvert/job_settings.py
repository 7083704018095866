"""The settings of a job, made from a plan: data in, data out.

Each file has an output group of its own, whose destination is its key without the extension:
with one output in the group MediaConvert adds nothing to that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from shift_media.transcoding.backends.ffmpeg.commands import MOST_FPS, SpriteLayout
from shift_media.transcoding.backends.mediaconvert import codecs
from shift_media.video import planning
from shift_media.video.encoding import SoundEncoding
from shift_media.video.facts import VideoFacts, fitted
from shift_media.video.planning import Encode, PlannedPlaylist, TranscodePlan
from shift_media.video.profiles import Audio, PosterSpec, Sprite, StillsSpec

Settings = dict[str, Any]

AUDIO = "Audio Selector 1"
AUDIO_GROUP = "sound"
_HQ_PRESETS = ("slow", "slower")
_MOST_BITS_PER_PIXEL = 0.2  # of each frame, at 30 frames per second: 5.5 Mbit/s for 720p
_LEAST_BITRATE = 200_000
_GOP_SECONDS = 2
_JPEG_QUALITY = {"poster": 90, "sprite": 70, "stills": 90}


@dataclass(frozen=True, slots=True)
class Group:
    """An output group, and what is to come of it, as the profile calls it."""

    kind: str
    file: str
    settings: Settings


def settings_of(groups: list[Group], source: str) -> Settings:
    """Give the ``Settings`` of a job that reads one file."""
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


def groups_of(plan: TranscodePlan, destination: str) -> list[Group]:
    """List all that is made of a source; ``destination`` is an S3 URL that ends in a slash."""
    made = [_mp4(plan, encode, destination) for encode in plan.encodes if encode.published]
    made += [_hls(plan, playlist, destination) for playlist in plan.playlists]
    made += [_sound(sound, destination) for sound in plan.sounds]
    made += [_poster(plan.facts, poster, destination) for poster in plan.posters]
    made += [_sprite(plan.facts, sprite, destination) for sprite in plan.sprites]
    made += [_stills(plan.facts, stills, destination) for stills in plan.stills]
    return made


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


def _mp4(plan: TranscodePlan, made: Encode, destination: str) -> Group:
    output = {**(_WEBM if made.kind == "webm" else _MP4), "VideoDescription": _video(plan, made)}
    if made.has_sound(plan.facts):
        output["AudioDescriptions"] = [_sound_of(made)]
    return Group(made.kind, made.file, _file_group(made.file, destination, output))


def _sound(made: Audio, destination: str) -> Group:
    encoding = made.encoding or SoundEncoding(kbps=made.kbps)
    container = {"ContainerSettings": {"Container": "RAW"}} if made.is_mp3 else _MP4
    output = {**container, "AudioDescriptions": [_described(encoding)]}
    return Group("audio", made.file, _file_group(made.file, destination, output))


_MP4: Settings = {
    "ContainerSettings": {
        "Container": "MP4",
        "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"},
    }
}


_WEBM: Settings = {"ContainerSettings": {"Container": "WEBM"}}


def _hls(plan: TranscodePlan, made: PlannedPlaylist, destination: str) -> Group:
    """Make CMAF: fragmented MP4 with playlists for HLS, the sound beside the pictures."""
    seconds = made.rendition.segment_seconds
    outputs = list(_rungs(plan, made))
    if made.has_sound(plan.facts):
        track: Settings = {
            "AudioGroupId": AUDIO_GROUP,
            "AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT",
        }
        outputs.append(
            {
                "NameModifier": "-sound",
                "ContainerSettings": {"Container": "CMFC", "CmfcSettings": track},
                "AudioDescriptions": [_sound_of(made.rungs[0])],
            }
        )
    cmaf = {
        "Destination": f"{destination}{made.stem}",
        "WriteHlsManifest": "ENABLED",
        "WriteDashManifest": "DISABLED",
        "SegmentControl": "SEGMENTED_FILES",
        "SegmentLength": seconds,
        "FragmentLength": _gop(seconds),
        "ManifestDurationFormat": "FLOATING_POINT",
        "ManifestCompression": "NONE",
        "StreamInfResolution": "INCLUDE",
        "CodecSpecification": "RFC_6381",
    }
    group = {"Type": "CMAF_GROUP_SETTINGS", "CmafGroupSettings": cmaf}
    file = made.rendition.file
    settings = {"Name": file, "OutputGroupSettings": group, "Outputs": outputs}
    return Group("hls", file, settings)


def _rungs(plan: TranscodePlan, made: PlannedPlaylist) -> Iterator[Settings]:
    sound = {"AudioRenditionSets": AUDIO_GROUP} if made.has_sound(plan.facts) else {}
    for rung in made.rungs:
        yield {
            "NameModifier": made.folder(rung).removeprefix(made.stem),
            "ContainerSettings": {"Container": "CMFC", "CmfcSettings": sound},
            "VideoDescription": _video(plan, rung),
        }


def _gop(segment_seconds: int) -> int:
    """Give how often a picture is whole: whole pictures must fall on the segments' beginnings."""
    return _GOP_SECONDS if segment_seconds % _GOP_SECONDS == 0 else 1


def _video(plan: TranscodePlan, made: Encode) -> Settings:
    h264 = {
        "RateControlMode": "QVBR",
        "QvbrSettings": {"QvbrQualityLevel": _quality(made.crf)},
        "MaxBitrate": _most_bitrate(made, plan.facts.fps),
        "QualityTuningLevel": "MULTI_PASS_HQ" if made.preset in _HQ_PRESETS else "SINGLE_PASS_HQ",
        "SceneChangeDetect": "TRANSITION_DETECTION",
        "CodecProfile": "HIGH",
        "CodecLevel": "AUTO",
        "InterlaceMode": "PROGRESSIVE",
        "GopSizeUnits": "SECONDS",
        "GopSize": _gop(plan.segment_seconds),
        "GopClosedCadence": 1,
        "ParControl": "SPECIFIED",
        "ParNumerator": 1,
        "ParDenominator": 1,
        **_frame_rate(plan.facts),
    }
    frame = _frame(made.width, made.height)
    if made.encoding is not None and made.frame is not None:
        h264 |= codecs.h264(made.encoding, made.frame, plan.facts, bool(plan.segment_seconds))
        if h264["RateControlMode"] != "QVBR":
            del h264["QvbrSettings"]
        if h264["RateControlMode"] == "CBR":
            del h264["MaxBitrate"]
        frame |= codecs.placed(made.frame, (plan.facts.width, plan.facts.height))
    codec = {"Codec": "H_264", "H264Settings": h264}
    if made.kind == "webm" and made.encoding is not None:
        codec = codecs.vpx(made.encoding, h264)
    return {**frame, "CodecSettings": codec}


def _frame(width: int, height: int) -> Settings:
    """Give a frame its sides, which have the source's ratio, and the light of ordinary screens."""
    return {
        "Width": width,
        "Height": height,
        "ScalingBehavior": "STRETCH_TO_OUTPUT",  # by a pixel at most, where others draw bars
        "TimecodeInsertion": "DISABLED",
        "VideoPreprocessors": {
            "ColorCorrector": {
                "ColorSpaceConversion": "FORCE_709",
                "HdrToSdrToneMapper": "PRESERVE_DETAILS",
            }
        },
    }


def _frame_rate(facts: VideoFacts) -> Settings:
    if facts.fps <= MOST_FPS:
        return {"FramerateControl": "INITIALIZE_FROM_SOURCE"}
    rate = {"FramerateNumerator": MOST_FPS, "FramerateDenominator": 1}
    return {"FramerateControl": "SPECIFIED", **rate}


def _quality(crf: int) -> int:
    """Translate x264's scale, where 23 is usual and less is better, to QVBR's, where 7 is."""
    return max(1, min(10, round(7 + (23 - crf) / 3)))


def _most_bitrate(made: Encode, fps: float) -> int:
    frames = min(max(fps, 30), MOST_FPS)
    bits = made.width * made.height * frames * _MOST_BITS_PER_PIXEL
    return max(_LEAST_BITRATE, round(bits))


def _sound_of(made: Encode) -> Settings:
    named = made.encoding and made.encoding.sound
    return _described(named or SoundEncoding(kbps=made.audio_kbps))


def _described(encoding: SoundEncoding) -> Settings:
    codec = {"mp3": codecs.mp3, "vorbis": codecs.vorbis}.get(encoding.codec, codecs.aac)
    return {"AudioSourceName": AUDIO, "CodecSettings": codec(encoding)}


def _poster(facts: VideoFacts, wanted: PosterSpec, destination: str) -> Group:
    """Capture the first frame, and the one that is wanted where it comes a second later."""
    seconds = facts.duration * wanted.at / 100
    captures, every = (2, seconds) if seconds >= 1 else (1, 1.0)
    size = fitted(facts.width, facts.height, wanted.height)
    file = frames_of(wanted)
    output = _captures(_frame(*size), every, captures, _JPEG_QUALITY["poster"])
    return Group("poster", wanted.file, _file_group(file, destination, output))


def _sprite(facts: VideoFacts, wanted: Sprite, destination: str) -> Group:
    layout = SpriteLayout(wanted, facts)
    frame = _frame(layout.width, layout.height)
    output = _captures(frame, layout.seconds, layout.number, _JPEG_QUALITY["sprite"])
    return Group("sprite", wanted.file, _file_group(frames_of(wanted), destination, output))


def _stills(facts: VideoFacts, wanted: StillsSpec, destination: str) -> Group:
    placed = wanted.frame(facts.width, facts.height)
    frame = _frame(*placed.sides) | codecs.placed(placed, (facts.width, facts.height))
    number = len(planning.still_times(wanted, facts.duration))
    output = _captures(frame, wanted.seconds, number, _JPEG_QUALITY["stills"])
    return Group("stills", wanted.file, _file_group(frames_of(wanted), destination, output))


def frames_of(wanted: PosterSpec | Sprite | StillsSpec) -> str:
    """Name the captures of a rendition, before the service numbers them."""
    stem = wanted.file.rpartition(".")[0].lstrip("_")
    return f"{stem}-frame.jpg"


def _captures(frame: Settings, every: float, most: int, quality: int) -> Settings:
    rate = 1 / Fraction(max(1, round(every * 1000)), 1000)
    captures = {
        "FramerateNumerator": rate.numerator,
        "FramerateDenominator": rate.denominator,
        "MaxCaptures": most,
        "Quality": quality,
    }
    codec = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": captures}
    return {
        "ContainerSettings": {"Container": "RAW"},
        "VideoDescription": {**frame, "CodecSettings": codec},
    }
