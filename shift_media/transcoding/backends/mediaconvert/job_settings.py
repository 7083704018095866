"""The settings of a job, built from a plan. Nothing here calls the service.

Each file has an output group of its own, whose destination is the file's key without its
extension: MediaConvert adds nothing to the name of a single output in a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shift_media.transcoding.backends.marks import Mark
from shift_media.transcoding.backends.mediaconvert.descriptions import (
    audio_description,
    gop_seconds,
    video_audio,
    video_description,
)
from shift_media.transcoding.backends.mediaconvert.frames import (
    capture_output,
    frame_settings,
    placement,
)
from shift_media.transcoding.backends.mediaconvert.sources import (
    CaptionInput,
    audio_selector,
    caption_selector,
    language_settings,
    main_language,
)
from shift_media.video.encoding import AudioEncoding
from shift_media.video.facts import VideoFacts, fit_short_side
from shift_media.video.planned import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.specs import Audio, PosterSpec, Sprite, StillsSpec
from shift_media.video.sprites import SpriteLayout

Settings = dict[str, Any]

AUDIO_GROUP = "sound"
AUDIO_SUFFIX = "-sound"
"""At the end of the names of audio files. Stored playlists name these files."""

_LEAST_INTERVAL = 0.1
"""In seconds. The first frame stands for a chosen one that is earlier."""

_JPEG_QUALITY = {"poster": 90, "sprite": 70, "stills": 90}


@dataclass(frozen=True, slots=True)
class OutputGroup:
    """An output group, and the kind and file of the rendition that it makes."""

    kind: str
    file: str
    settings: Settings


def build_settings(groups: list[OutputGroup], source: Settings) -> Settings:
    """Return the ``Settings`` of a job; ``source`` is the input."""
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [source],
        "OutputGroups": [group.settings for group in groups],
    }


@dataclass(frozen=True, slots=True)
class Additions:
    """Files in the bucket that a job needs beside its source.

    Attributes:
        marks: the watermark for each size of video; their files lie in the destination.
        captions: uploaded captions, for the playlists.
    """

    marks: Mapping[tuple[int, int], Mark] = field(default_factory=dict)
    captions: Sequence[CaptionInput] = ()


NO_ADDITIONS = Additions()


def build_groups(
    plan: TranscodePlan, destination: str, additions: Additions = NO_ADDITIONS
) -> list[OutputGroup]:
    """Return a group for each rendition; ``destination`` is an S3 URL that ends with a slash."""
    groups = [_video(plan, video, destination) for video in plan.videos if video.published]
    groups += [_hls(plan, one, destination, additions.captions) for one in plan.playlists]
    for group in groups:
        _insert_marks(group, destination, additions.marks)
    groups += [_audio(audio, destination) for audio in plan.audio_files]
    if plan.facts.video:  # MediaConvert does not draw sounds.
        groups += [_poster(plan.facts, poster, destination) for poster in plan.posters]
    groups += [_sprite(plan.facts, sprite, destination) for sprite in plan.sprites]
    groups += [_stills(plan.facts, stills, destination) for stills in plan.stills]
    return groups


def _insert_marks(
    group: OutputGroup, destination: str, marks: Mapping[tuple[int, int], Mark]
) -> None:
    """Add the watermark to each video of a group."""
    for output in group.settings["Outputs"]:
        video = output.get("VideoDescription")
        mark = marks.get((video["Width"], video["Height"])) if video else None
        if mark is not None:
            picture = {
                "ImageInserterInput": f"{destination}{mark.file}",
                "ImageX": mark.place[0],
                "ImageY": mark.place[1],
                "Width": mark.sides[0],
                "Height": mark.sides[1],
                "Layer": 1,
                "Opacity": 100,  # The picture has its own.
            }
            video["VideoPreprocessors"] |= {"ImageInserter": {"InsertableImages": [picture]}}


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
    output = {**container, "VideoDescription": video_description(plan, video)}
    if video.has_audio(plan.facts):
        output["AudioDescriptions"] = [video_audio(video)]
    return OutputGroup(video.kind, video.file, _file_group(video.file, destination, output))


def _audio(audio: Audio, destination: str) -> OutputGroup:
    encoding = audio.choose_encoding()
    container = _AUDIO_CONTAINERS.get(encoding.codec, _MP4)
    description = audio_description(encoding)
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


def _hls(
    plan: TranscodePlan,
    playlist: PlannedPlaylist,
    destination: str,
    captions: Sequence[CaptionInput],
) -> OutputGroup:
    """Return a CMAF group: fragmented MP4 with playlists for HLS, audio and video separate."""
    seconds = playlist.rendition.segment_seconds
    outputs = list(_rungs(plan, playlist))
    if playlist.has_audio(plan.facts):
        outputs += _audio_tracks(plan, playlist)
    outputs += [_caption_track(number, one) for number, one in enumerate(captions, 1)]
    cmaf = {
        "Destination": f"{destination}{playlist.stem}",
        "WriteHlsManifest": "ENABLED",
        "WriteDashManifest": "ENABLED" if _has_manifest(plan, playlist) else "DISABLED",
        "SegmentControl": "SEGMENTED_FILES",
        "SegmentLength": seconds,
        "FragmentLength": gop_seconds(seconds),
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


def _audio_tracks(plan: TranscodePlan, playlist: PlannedPlaylist) -> Iterator[Settings]:
    """Yield the sound of the rungs, which is played by default, and the further ones."""
    description = video_audio(playlist.rungs[0]) | language_settings(main_language(plan.facts))
    yield _audio_track(AUDIO_SUFFIX, "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT", description)
    for sound in playlist.sounds:
        description = audio_description(AudioEncoding(kbps=sound.kbps))
        description |= {"AudioSourceName": audio_selector(sound.stream), "StreamName": sound.name}
        description |= language_settings(sound.language)
        suffix = f"{AUDIO_SUFFIX}-{sound.name}"
        yield _audio_track(suffix, "ALTERNATE_AUDIO_AUTO_SELECT", description)


def _audio_track(suffix: str, kind: str, description: Settings) -> Settings:
    track = {"AudioGroupId": AUDIO_GROUP, "AudioTrackType": kind}
    return {
        "NameModifier": suffix,
        "ContainerSettings": {"Container": "CMFC", "CmfcSettings": track},
        "AudioDescriptions": [description],
    }


def _caption_track(number: int, captions: CaptionInput) -> Settings:
    description = {
        "CaptionSelectorName": caption_selector(number),
        "CustomLanguageCode": captions.language,
        "LanguageDescription": captions.language,
        "DestinationSettings": {"DestinationType": "WEBVTT"},
    }
    return {
        "NameModifier": f"-captions-{captions.language}",
        "ContainerSettings": {"Container": "CMFC"},
        "CaptionDescriptions": [description],
    }


def _rungs(plan: TranscodePlan, playlist: PlannedPlaylist) -> Iterator[Settings]:
    audio = {"AudioRenditionSets": AUDIO_GROUP} if playlist.has_audio(plan.facts) else {}
    for rung in playlist.rungs:
        yield {
            "NameModifier": playlist.folder(rung).removeprefix(playlist.stem),
            "ContainerSettings": {"Container": "CMFC", "CmfcSettings": audio},
            "VideoDescription": video_description(plan, rung),
        }


def _poster(facts: VideoFacts, poster: PosterSpec, destination: str) -> OutputGroup:
    """Return a group that captures the first frame, and the requested one if it is later.

    The first frame is the poster if the header claims a longer duration than there are frames.
    """
    seconds = poster.moment(facts.duration)
    is_later = seconds >= (_LEAST_INTERVAL if poster.is_exact else 1)
    max_captures, interval = (2, seconds) if is_later else (1, 1.0)
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
