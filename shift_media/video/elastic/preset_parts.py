"""Rows of text parsed into the parts of a preset: the cells of a table, or values of the API.

The columns are those of `shift_media.video.elastic.system_presets`. A missing column is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

from shift_media.video.sizing import (
    PADDINGS,
    POLICIES,
    Padding,
    Policy,
    Sides,
    parse_frame_rate,
)

AUTO_BOX = 1920, 1080
"""The meaning of ``auto`` for MaxWidth and MaxHeight, in pixels."""

_AUTO = "auto"
_CODECS = {"H.264": "h264", "AAC": "aac"}

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetVideo:
    """The video stream of a preset; None is unknown.

    Attributes:
        kbps: bit rate in kbit/s; 0 is auto.
        frame_rate: frames per second; 0 is auto.
        max_frame_rate: the highest frame rate if it is auto.
        gop: the most frames from one keyframe to the next.
        display_ratio: display aspect ratio; 0 is auto, which means square pixels.
    """

    codec: str | None = None
    profile: str | None = None
    level: str | None = None
    box: Sides | None = None
    policy: Policy | None = None
    padding: Padding | None = None
    kbps: int | None = None
    max_kbps: int | None = None
    buffer_kbit: int | None = None
    frame_rate: Fraction | None = None
    max_frame_rate: Fraction | None = None
    gop: int | None = None
    fixed_gop: bool | None = None
    reference_frames: int | None = None
    display_ratio: Fraction | None = None
    interlaced: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetAudio:
    """The audio stream of a preset; None is unknown, 0 is auto."""

    codec: str | None = None
    kbps: int | None = None
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetThumbnails:
    """The thumbnails of a preset, at an interval of ``seconds``; None is unknown."""

    format: str | None = None
    box: Sides | None = None
    policy: Policy | None = None
    padding: Padding | None = None
    seconds: int | None = None


def parse_video(row: Row) -> PresetVideo:
    """Parse a video stream. Raises `ValueError` or `ZeroDivisionError`."""
    return PresetVideo(
        codec=_parse_codec(row.get("codec")),
        profile=row.get("profile"),
        level=row.get("level"),
        box=_parse_box(row.get("box")),
        policy=cast("Policy | None", _check_choice(POLICIES, row.get("sizing"))),
        padding=cast("Padding | None", _check_choice(PADDINGS, row.get("padding"))),
        kbps=_parse_int(row.get("kbps")),
        max_kbps=_parse_int(row.get("max")),
        buffer_kbit=_parse_int(row.get("buffer")),
        frame_rate=_parse_rate(row.get("rate")),
        max_frame_rate=_parse_rate(row.get("max_rate")),
        gop=_parse_int(row.get("gop")),
        fixed_gop=parse_bool(row.get("fixed")),
        reference_frames=_parse_int(row.get("refs")),
        display_ratio=_parse_ratio(row.get("aspect")),
        interlaced=row.get("interlaced"),
    )


def parse_audio(row: Row) -> PresetAudio:
    """Parse an audio stream. Raises `ValueError`."""
    return PresetAudio(
        codec=_parse_codec(row.get("codec")),
        kbps=_parse_int(row.get("kbps")),
        sample_rate=_parse_int(row.get("hz")),
        channels=_parse_int(row.get("channels")),
    )


def parse_thumbnails(row: Row) -> PresetThumbnails:
    """Parse thumbnails. Raises `ValueError`."""
    return PresetThumbnails(
        format=row.get("format"),
        box=_parse_box(row.get("box")),
        policy=cast("Policy | None", _check_choice(POLICIES, row.get("sizing"))),
        padding=cast("Padding | None", _check_choice(PADDINGS, row.get("padding"))),
        seconds=_parse_int(row.get("interval")),
    )


def _parse_codec(text: str | None) -> str | None:
    return None if text is None else _CODECS.get(text, text.lower())


def parse_bool(text: str | None) -> bool | None:
    """Parse yes and no, true and false; None is unknown."""
    return None if text is None else text.lower() in ("yes", "true")


def _parse_int(text: str | None) -> int | None:
    return 0 if text == _AUTO else None if text is None else int(text)


def _parse_rate(text: str | None) -> Fraction | None:
    return Fraction(0) if text == _AUTO else None if text is None else parse_frame_rate(text)


def _parse_ratio(text: str | None) -> Fraction | None:
    if text is None or text == _AUTO:
        return None if text is None else Fraction(0)
    return Fraction(text.replace(":", "/"))


def _parse_box(text: str | None) -> Sides | None:
    if text is None:
        return None
    width, height = text.split("x")
    return (
        AUTO_BOX[0] if width == _AUTO else int(width),
        AUTO_BOX[1] if height == _AUTO else int(height),
    )


def _check_choice(allowed: tuple[str, ...], text: str | None) -> str | None:
    if text is not None and text not in allowed:
        raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
    return text
