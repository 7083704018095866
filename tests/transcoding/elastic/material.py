"""Profiles as projects wrote them for Elastic Transcoder."""

from __future__ import annotations

from typing import Any

GENERIC_720P, WEB = "1351620000001-000010", "1351620000001-100070"
HLS_1M, HLS_400K = "1351620000001-200030", "1351620000001-200050"
MP3_128K, AAC_64K = "1351620000001-300040", "1351620000001-100141"
CUSTOM = "1441234567890-abc123"

PIPELINE = "1111111111111-abcde1"

PROJECT: dict[str, Any] = {
    "output_key_prefix": "videos/{stem}/",
    "thumbnail_pattern": "thumbs/{count}-{resolution}",
    "outputs": [
        {"Key": "{stem}-720p.mp4", "PresetId": GENERIC_720P, "Rotate": "auto"},
        {"Key": "hls/1m", "PresetId": HLS_1M, "SegmentDuration": "2"},
        {"Key": "hls/400k", "PresetId": HLS_400K, "SegmentDuration": "2"},
        {"Key": "sound.mp3", "PresetId": MP3_128K},
    ],
    "playlists": [
        {"Name": "hls/index", "Format": "HLSv3", "OutputKeys": ["hls/1m", "hls/400k"]},
    ],
    "user_metadata": {"site": "example"},
}
"""An MP4 with thumbnails, two streams of HLS under a playlist, and the sound."""

PAGE = ["hls-index.m3u8", "720p.mp4", "sound.mp3", "thumbs-00001.png"]


def defined(**video: str) -> dict[str, Any]:
    """Return a preset of a project's own, as ``read_preset`` described it."""
    return {
        "Container": "mp4",
        "Video": {
            "Codec": "H.264",
            "CodecOptions": {"Profile": "main", "Level": "3.1"},
            "KeyframesMaxDist": "30",
            "FixedGOP": "true",
            "BitRate": "300",
            "FrameRate": "auto",
            "SizingPolicy": "ShrinkToFit",
            "PaddingPolicy": "NoPad",
            "DisplayAspectRatio": "auto",
            **video,
        },
        "Audio": {"Codec": "AAC", "SampleRate": "22050", "BitRate": "64", "Channels": "1"},
        "Thumbnails": {
            "Format": "jpg",
            "Interval": "1",
            "MaxWidth": "64",
            "MaxHeight": "64",
            "SizingPolicy": "Fit",
            "PaddingPolicy": "Pad",
        },
    }
