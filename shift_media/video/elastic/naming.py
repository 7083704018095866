"""What Elastic Transcoder called its files: the rules of its developer guide, as functions.

https://docs.aws.amazon.com/elastictranscoder/latest/developerguide/job-settings.html
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from shift_media.core.keys import OriginalKey

Format = Literal["HLSv3", "HLSv4", "MPEG-DASH", "Smooth"]
FORMATS: tuple[Format, ...] = get_args(Format)

COUNT, RESOLUTION = "{count}", "{resolution}"
"""What a thumbnail pattern may hold; the first it must."""

_MASTER = {"HLSv3": ".m3u8", "HLSv4": ".m3u8", "MPEG-DASH": ".mpd", "Smooth": ".ism"}
_EXTENSION = {"png": ".png", "jpg": ".jpg"}
_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_PLACEHOLDER = re.compile(r"\{\w*\}")
_LONGEST_STEM = 48


def master_playlist(name: str, format: Format) -> str:
    """Name a master playlist; one that has an extension gets a second."""
    return name + _MASTER[format]


def stream_playlist(key: str, format: Format = "HLSv3") -> str:
    """Name the playlist of one segmented output; an output in no master playlist is HLSv3."""
    return f"{key}_v4.m3u8" if format == "HLSv4" else f"{key}.m3u8"


def segment(key: str, number: int) -> str:
    """Name a segment of HLSv3, from 0 on; HLSv4 had all of them in one file."""
    return f"{key}{number:05}.ts"


def thumbnail(pattern: str, number: int, sides: tuple[int, int], format: str) -> str:
    """Name a thumbnail, from 1 on; a pattern without a count gets it at its end."""
    pattern = pattern if COUNT in pattern else pattern + COUNT
    named = pattern.replace(COUNT, f"{number:05}").replace(RESOLUTION, f"{sides[0]}x{sides[1]}")
    return named + _EXTENSION[format]


def filled(template: str, original: OriginalKey) -> str:
    """Put an original's name into a key: ``{name}``, ``{stem}`` without extension, and ``{id}``.

    The service knew no such thing: projects put their keys together for each job.
    """
    values = {"name": original.name, "stem": original.name.rpartition(".")[0], "id": original.id}
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def own_file(key: str, extension: str, fallback: str) -> str:
    """Name a file of ours after a key of theirs, within the grammar of renditions."""
    plain = _UNSAFE.sub("-", _PLACEHOLDER.sub("", key).lower()).strip("-._")
    stem, _, ending = plain.rpartition(".")
    stem = stem if stem and len(ending) <= 4 else plain
    stem = re.sub(r"^[^a-z0-9]+", "", stem)[:_LONGEST_STEM].rstrip("-._")
    return f"{stem or fallback}.{extension}"
