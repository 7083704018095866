"""Presets by their ids: the system's, as far as they are known, and a project's own.

What is not known is None, and stays so: whoever uses a preset takes a default and says so.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic import system_presets
from shift_media.video.sizing import PADDINGS, POLICIES, Padding, Policy, Sides, exact_rate

PRESET_ID = re.compile(r"\d{13}-\w{6}")
AUTO_BOX = 1920, 1080
"""What ``auto`` means for MaxWidth and MaxHeight."""

_UNKNOWN = "-"
_AUTO = "auto"
_CODECS = {"H.264": "h264", "AAC": "aac"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The pictures of a preset.

    Attributes:
        kbps: the bit rate; 0 is auto, and so is ``rate``.
        cap: the highest frame rate where it is auto.
        gop: the most frames from one whole picture to the next.
        shape: display aspect ratio; 0 is auto, pixels are square.
    """

    codec: str | None = None
    profile: str | None = None
    level: str | None = None
    box: Sides | None = None
    policy: Policy | None = None
    padding: Padding | None = None
    kbps: int | None = None
    most_kbps: int | None = None
    buffer_kbit: int | None = None
    rate: Fraction | None = None
    cap: Fraction | None = None
    gop: int | None = None
    fixed_gop: bool | None = None
    references: int | None = None
    shape: Fraction | None = None
    interlaced: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """The sound of a preset; 0 is auto."""

    codec: str | None = None
    kbps: int | None = None
    hz: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stills:
    """The thumbnails of a preset, one each so many seconds."""

    format: str | None = None
    box: Sides | None = None
    policy: Policy | None = None
    padding: Padding | None = None
    interval: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a preset makes; ``has_picture`` and ``has_sound`` may be unknown as well."""

    id: str
    name: str
    container: str | None
    has_picture: bool | None
    has_sound: bool | None
    picture: Picture
    sound: Sound
    stills: Stills


def find(id: str, own: Mapping[str, Preset]) -> Preset | None:
    """Find a preset; None for one that a project made and has not described.

    Raises `InvalidProfile`, which names a retired one's replacement.
    """
    if id in own:
        return own[id]
    if instead := replacement(id):
        raise InvalidProfile(f'Preset "{id}" was retired by the service: write "{instead}".')
    if not PRESET_ID.fullmatch(id):
        raise InvalidProfile(f'{id!r} is no id of a preset: write "1351620000001-000010".')
    if id.startswith(system_presets.PREFIX) and id not in system():
        near = difflib.get_close_matches(id, system(), n=1, cutoff=0)[0]
        raise InvalidProfile(f'There is no system preset "{id}": did you mean "{near}"?')
    return system().get(id)


def replacement(id: str) -> str:
    """Name what is to be written instead of a retired preset; empty for another."""
    found = ""
    while id in _retired():  # One of them was replaced by another that was retired later.
        found = id = _retired()[id]
    return found


@functools.cache
def system() -> Mapping[str, Preset]:
    """Read the table of the service's own presets."""
    videos, shapes = _rows(system_presets.VIDEO), _rows(system_presets.SHAPE)
    sounds, stills = _rows(system_presets.AUDIO), _rows(system_presets.THUMBNAILS)
    return {
        system_presets.PREFIX + digits: Preset(
            id=system_presets.PREFIX + digits,
            name=row["name"],
            container=row.get("container"),
            has_picture=_truth(row.get("video")),
            has_sound=_truth(row.get("audio")),
            picture=_picture({**videos.get(digits, {}), **shapes.get(digits, {})}),
            sound=_sound(sounds.get(digits, {})),
            stills=_stills(stills.get(digits, {})),
        )
        for digits, row in _rows(system_presets.PRESETS).items()
    }


def from_definition(id: str, given: object) -> Preset:
    """Read a preset as ``read_preset`` told of it: ``{"Container": "mp4", "Video": {…}}``."""
    if not isinstance(given, Mapping) or not isinstance(given.get("Container"), str):
        raise InvalidProfile(f'Preset "{id}" is {given!r}: write what read_preset told of it.')
    parts = {name: _known(given.get(name) or {}) for name in ("Video", "Audio", "Thumbnails")}
    video, audio, stills = parts["Video"], parts["Audio"], parts["Thumbnails"]
    options = _known(video.get("CodecOptions") or {})
    try:
        return Preset(
            id=id,
            name=str(given.get("Name", id)),
            container=given["Container"],
            has_picture=bool(video),
            has_sound=bool(audio) and audio.get("Channels") != "0",
            picture=_picture(
                {
                    "box": _box(video),
                    **{ours: video[theirs] for theirs, ours in _VIDEO.items() if theirs in video},
                    **{ours: options[its] for its, ours in _OPTIONS.items() if its in options},
                }
            ),
            sound=_sound({ours: audio[its] for its, ours in _AUDIO.items() if its in audio}),
            stills=_stills(
                {
                    "box": _box(stills),
                    **{ours: stills[its] for its, ours in _STILLS.items() if its in stills},
                }
                if stills
                else {}
            ),
        )
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidProfile(f'Preset "{id}" cannot be read: {error}.') from error


_VIDEO = {
    "Codec": "codec",
    "BitRate": "kbps",
    "FrameRate": "rate",
    "MaxFrameRate": "cap",
    "KeyframesMaxDist": "gop",
    "FixedGOP": "fixed",
    "DisplayAspectRatio": "aspect",
    "SizingPolicy": "sizing",
    "PaddingPolicy": "padding",
}
_OPTIONS = {
    "Profile": "profile",
    "Level": "level",
    "MaxReferenceFrames": "refs",
    "MaxBitRate": "most",
    "BufferSize": "buffer",
    "InterlacedMode": "interlaced",
}
_AUDIO = {"Codec": "codec", "BitRate": "kbps", "SampleRate": "hz", "Channels": "channels"}
_STILLS = {
    "Format": "format",
    "Interval": "interval",
    "SizingPolicy": "sizing",
    "PaddingPolicy": "padding",
}

Row = Mapping[str, str]


def _known(given: object) -> dict[str, Any]:
    """Take the values that are set, as text, which is how that service has all of them."""
    if not isinstance(given, Mapping):
        raise InvalidProfile(f"{given!r} is no part of a preset: write a dict.")
    return {
        name: value if isinstance(value, Mapping) else str(value)
        for name, value in given.items()
        if value not in (None, "")
    }


def _box(part: Row) -> str:
    """Write MaxWidth and MaxHeight as the table does; old presets have a Resolution."""
    resolution = part.get("Resolution", "autoxauto").replace(_AUTO, "autoxauto")
    wide, high = resolution.replace("autoxautoxautoxauto", "autoxauto").split("x", 1)
    return f"{part.get('MaxWidth', wide)}x{part.get('MaxHeight', high)}"


def _picture(row: Row) -> Picture:
    codec = row.get("codec")
    return Picture(
        codec=None if codec is None else _CODECS.get(codec, codec.lower()),
        profile=row.get("profile"),
        level=row.get("level"),
        box=_sides(row.get("box")),
        policy=cast("Policy | None", _one_of(POLICIES, row.get("sizing"))),
        padding=cast("Padding | None", _one_of(PADDINGS, row.get("padding"))),
        kbps=_whole(row.get("kbps")),
        most_kbps=_whole(row.get("most")),
        buffer_kbit=_whole(row.get("buffer")),
        rate=_rate(row.get("rate")),
        cap=_rate(row.get("cap")),
        gop=_whole(row.get("gop")),
        fixed_gop=_truth(row.get("fixed")),
        references=_whole(row.get("refs")),
        shape=_shape(row.get("aspect")),
        interlaced=row.get("interlaced"),
    )


def _sound(row: Row) -> Sound:
    codec = row.get("codec")
    return Sound(
        codec=None if codec is None else _CODECS.get(codec, codec.lower()),
        kbps=_whole(row.get("kbps")),
        hz=_whole(row.get("hz")),
        channels=_whole(row.get("channels")),
    )


def _stills(row: Row) -> Stills:
    return Stills(
        format=row.get("format"),
        box=_sides(row.get("box")),
        policy=cast("Policy | None", _one_of(POLICIES, row.get("sizing"))),
        padding=cast("Padding | None", _one_of(PADDINGS, row.get("padding"))),
        interval=_whole(row.get("interval")),
    )


def _rows(text: str) -> dict[str, dict[str, str]]:
    """Read a table; what is unknown is left out."""
    head, *lines = ([cell.strip() for cell in line.split("|")] for line in text.split("\n")[1:-1])
    rows = (dict(zip(head, line, strict=True)) for line in lines)
    return {
        row.pop("id"): {name: cell for name, cell in row.items() if cell != _UNKNOWN}
        for row in rows
    }


@functools.cache
def _retired() -> Mapping[str, str]:
    return {id: row["instead"] for id, row in _rows(system_presets.RETIRED).items()}


def _truth(text: str | None) -> bool | None:
    return None if text is None else text.lower() in ("yes", "true")


def _whole(text: str | None) -> int | None:
    return 0 if text == _AUTO else None if text is None else int(text)


def _rate(text: str | None) -> Fraction | None:
    return Fraction(0) if text == _AUTO else None if text is None else exact_rate(text)


def _shape(text: str | None) -> Fraction | None:
    if text is None or text == _AUTO:
        return None if text is None else Fraction(0)
    return Fraction(text.replace(":", "/"))


def _sides(text: str | None) -> Sides | None:
    if text is None:
        return None
    wide, high = text.split("x")
    return (
        AUTO_BOX[0] if wide == _AUTO else int(wide),
        AUTO_BOX[1] if high == _AUTO else int(high),
    )


def _one_of(allowed: tuple[str, ...], text: str | None) -> str | None:
    if text is not None and text not in allowed:
        raise ValueError(f"{text!r} is none of {', '.join(allowed)}")
    return text
