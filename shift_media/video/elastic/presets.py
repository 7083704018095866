"""Presets by their ids: the system presets, as far as they are known, and a project's own.

An unknown property is None. `shift_media.video.elastic.encoding` replaces it by a default.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic import system_presets
from shift_media.video.elastic.preset_parts import (
    PresetAudio,
    PresetThumbnails,
    PresetVideo,
    Row,
    parse_audio,
    parse_bool,
    parse_thumbnails,
    parse_video,
)

PRESET_ID = re.compile(r"\d{13}-\w{6}")
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The properties of a preset; None is unknown, also for ``has_video`` and ``has_audio``."""

    id: str
    name: str
    container: str | None
    has_video: bool | None
    has_audio: bool | None
    video: PresetVideo
    audio: PresetAudio
    thumbnails: PresetThumbnails


def find(id: str, own: Mapping[str, Preset]) -> Preset | None:
    """Return a preset; None for a project's own one whose definition the settings do not give.

    Raises `InvalidProfile` for a system preset that never existed or was retired, and names
    the one to use instead.
    """
    if id in own:
        return own[id]
    if instead := replacement(id):
        raise InvalidProfile(
            f'Preset "{id}" was retired by the service. Write "{instead}" instead.'
        )
    if not PRESET_ID.fullmatch(id):
        raise InvalidProfile(
            f'{id!r} is not the id of a preset. Write one such as "1351620000001-000010".'
        )
    if id.startswith(system_presets.PREFIX) and id not in system():
        near = difflib.get_close_matches(id, system(), n=1, cutoff=0)[0]
        raise InvalidProfile(f'There is no system preset "{id}". Did you mean "{near}"?')
    return system().get(id)


def replacement(id: str) -> str:
    """Return the id that replaces a retired preset; empty for a preset that is not retired."""
    replaced_by = ""
    while id in _retired():  # A replacement may have been retired later itself.
        replaced_by = id = _retired()[id]
    return replaced_by


@functools.cache
def system() -> Mapping[str, Preset]:
    """Return the system presets by their ids."""
    videos, frames = _rows(system_presets.VIDEO), _rows(system_presets.FRAME)
    audio, thumbnails = _rows(system_presets.AUDIO), _rows(system_presets.THUMBNAILS)
    return {
        system_presets.PREFIX + digits: Preset(
            id=system_presets.PREFIX + digits,
            name=row["name"],
            container=row.get("container"),
            has_video=parse_bool(row.get("video")),
            has_audio=parse_bool(row.get("audio")),
            video=parse_video({**videos.get(digits, {}), **frames.get(digits, {})}),
            audio=parse_audio(audio.get(digits, {})),
            thumbnails=parse_thumbnails(thumbnails.get(digits, {})),
        )
        for digits, row in _rows(system_presets.PRESETS).items()
    }


def from_definition(id: str, given: object) -> Preset:
    """Return the preset that ``read_preset`` described: ``{"Container": "mp4", "Video": {…}}``.

    Raises `InvalidProfile`.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("Container"), str):
        raise InvalidProfile(
            f'Preset "{id}" is {given!r}. Write what read_preset returned for it.'
        )
    video, audio, thumbnails = (
        _as_texts(given.get(name) or {}) for name in ("Video", "Audio", "Thumbnails")
    )
    options = _as_texts(video.get("CodecOptions") or {})
    try:
        return Preset(
            id=id,
            name=str(given.get("Name", id)),
            container=given["Container"],
            has_video=bool(video),
            has_audio=bool(audio) and audio.get("Channels") != "0",
            video=parse_video(
                {"box": _box(video), **_row(video, _VIDEO), **_row(options, _CODEC_OPTIONS)}
            ),
            audio=parse_audio(_row(audio, _AUDIO)),
            thumbnails=parse_thumbnails(
                {"box": _box(thumbnails), **_row(thumbnails, _THUMBNAILS)} if thumbnails else {}
            ),
        )
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidProfile(f'Preset "{id}" is not valid: {error}.') from error


# The columns of the tables in `system_presets`, by the names of the API.
_VIDEO = {
    "Codec": "codec",
    "BitRate": "kbps",
    "FrameRate": "rate",
    "MaxFrameRate": "max_rate",
    "KeyframesMaxDist": "gop",
    "FixedGOP": "fixed",
    "DisplayAspectRatio": "aspect",
    "SizingPolicy": "sizing",
    "PaddingPolicy": "padding",
}
_CODEC_OPTIONS = {
    "Profile": "profile",
    "Level": "level",
    "MaxReferenceFrames": "refs",
    "MaxBitRate": "max",
    "BufferSize": "buffer",
    "InterlacedMode": "interlaced",
}
_AUDIO = {"Codec": "codec", "BitRate": "kbps", "SampleRate": "hz", "Channels": "channels"}
_THUMBNAILS = {
    "Format": "format",
    "Interval": "interval",
    "SizingPolicy": "sizing",
    "PaddingPolicy": "padding",
}


def _row(part: Row, columns: Mapping[str, str]) -> dict[str, str]:
    return {column: part[name] for name, column in columns.items() if name in part}


def _as_texts(given: object) -> dict[str, Any]:
    """Return the values that are set, as text: the API writes numbers as text, too."""
    if not isinstance(given, Mapping):
        raise InvalidProfile(f"A part of a preset must be a dict, got {given!r}.")
    return {
        name: value if isinstance(value, Mapping) else str(value)
        for name, value in given.items()
        if value not in (None, "")
    }


def _box(part: Row) -> str:
    """Return MaxWidth and MaxHeight as the table writes them; old presets have a Resolution."""
    resolution = part.get("Resolution", "autoxauto").replace("auto", "autoxauto")
    width, height = resolution.replace("autoxautoxautoxauto", "autoxauto").split("x", 1)
    return f"{part.get('MaxWidth', width)}x{part.get('MaxHeight', height)}"


def _rows(text: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table by their ids, without the cells that are unknown."""
    head, *lines = ([cell.strip() for cell in line.split("|")] for line in text.split("\n")[1:-1])
    rows = (dict(zip(head, line, strict=True)) for line in lines)
    return {
        row.pop("id"): {name: cell for name, cell in row.items() if cell != _UNKNOWN}
        for row in rows
    }


@functools.cache
def _retired() -> Mapping[str, str]:
    return {id: row["instead"] for id, row in _rows(system_presets.RETIRED).items()}
