"""The file names of Elastic Transcoder: the rules of its developer guide as functions.

https://docs.aws.amazon.com/elastictranscoder/latest/developerguide/job-settings.html
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from shift_media.core.keys import OriginalKey

Format = Literal["HLSv3", "HLSv4", "MPEG-DASH", "Smooth"]
FORMATS: tuple[Format, ...] = get_args(Format)

COUNT, RESOLUTION = "{count}", "{resolution}"
"""The placeholders of a thumbnail pattern; the first one is required."""

_PLAYLIST_EXTENSIONS = {
    "HLSv3": ".m3u8",
    "HLSv4": ".m3u8",
    "MPEG-DASH": ".mpd",
    "Smooth": ".ism",
}
_STILL_EXTENSIONS = {"png": ".png", "jpg": ".jpg"}
_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_PLACEHOLDER = re.compile(r"\{\w*\}")
_MAX_STEM = 48


def master_playlist(name: str, format: Format) -> str:
    """Return the name of a master playlist; the extension is appended to any other."""
    return name + _PLAYLIST_EXTENSIONS[format]


def stream_playlist(key: str, format: Format = "HLSv3") -> str:
    """Return the name of the playlist of one segmented output.

    An output that is in no master playlist is HLSv3.
    """
    return f"{key}_v4.m3u8" if format == "HLSv4" else f"{key}.m3u8"


def segment(key: str, number: int) -> str:
    """Return the name of a segment of HLSv3, numbered from 0. HLSv4 has a single file."""
    return f"{key}{number:05}.ts"


def thumbnail(pattern: str, number: int, sides: tuple[int, int], format: str) -> str:
    """Return the name of a thumbnail, numbered from 1.

    The number is appended to a pattern without ``{count}``.
    """
    pattern = pattern if COUNT in pattern else pattern + COUNT
    named = pattern.replace(COUNT, f"{number:05}").replace(RESOLUTION, f"{sides[0]}x{sides[1]}")
    return named + _STILL_EXTENSIONS[format]


def fill_placeholders(template: str, original: OriginalKey) -> str:
    """Return a key with ``{name}``, ``{stem}`` (without extension) and ``{id}`` of an original.

    The service had no placeholders: projects built their keys in Python for each job.
    """
    values = {"name": original.name, "stem": original.name.rpartition(".")[0], "id": original.id}
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def rendition_file(key: str, extension: str, fallback: str) -> str:
    """Return a file name after a key of the service, within the grammar of rendition keys."""
    plain = _UNSAFE.sub("-", _PLACEHOLDER.sub("", key).lower()).strip("-._")
    stem, _, ending = plain.rpartition(".")
    stem = stem if stem and len(ending) <= 4 else plain
    stem = re.sub(r"^[^a-z0-9]+", "", stem)[:_MAX_STEM].rstrip("-._")
    return f"{stem or fallback}.{extension}"
