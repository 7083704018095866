"""The settings of frames: size, place of the picture in it, and captures of single frames."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from shift_media.video.sizing import FrameSize, Sides

Settings = dict[str, Any]


def frame_settings(width: int, height: int) -> Settings:
    """Return the settings of a frame that has the source's ratio.

    HDR is mapped to BT.709. Frames of two fields become whole; others stay as they are.
    """
    return {
        "Width": width,
        "Height": height,
        # Even sides differ from the exact ratio by a pixel at most; other values add black bars.
        "ScalingBehavior": "STRETCH_TO_OUTPUT",
        "TimecodeInsertion": "DISABLED",
        "VideoPreprocessors": {
            "Deinterlacer": {
                "Mode": "DEINTERLACE",
                "Algorithm": "INTERPOLATE",
                "Control": "NORMAL",
            },
            "ColorCorrector": {
                "ColorSpaceConversion": "FORCE_709",
                "HdrToSdrToneMapper": "PRESERVE_DETAILS",
            },
        },
    }


def placement(frame: FrameSize, source: Sides) -> Settings:
    """Return how the source is cropped and placed in the frame; the rest of it is black.

    ``Crop`` is in pixels of the source, ``Position`` in pixels of the frame.
    """
    settings: Settings = {}
    if frame.cropped != frame.scaled:
        width, height = _in_source(frame.cropped, frame, source)
        offset = _in_source(frame.crop_offset, frame, source)
        settings["Crop"] = _rectangle(offset, (max(2, width), max(2, height)))
    if frame.sides != frame.cropped:
        settings["Position"] = _rectangle(frame.pad_offset, frame.cropped)
    return settings


def _in_source(sides: Sides, frame: FrameSize, source: Sides) -> Sides:
    """Return sides or an offset in the scaled picture in pixels of the source, rounded to even."""
    return (
        sides[0] * source[0] // frame.scaled[0] // 2 * 2,
        sides[1] * source[1] // frame.scaled[1] // 2 * 2,
    )


def _rectangle(offset: Sides, sides: Sides) -> Settings:
    return {"X": offset[0], "Y": offset[1], "Width": sides[0], "Height": sides[1]}


def capture_output(frame: Settings, interval: float, max_captures: int, quality: int) -> Settings:
    """Return an output that captures a JPEG each ``interval`` seconds, beginning at 0."""
    rate = 1 / Fraction(max(1, round(interval * 1000)), 1000)
    captures = {
        "FramerateNumerator": rate.numerator,
        "FramerateDenominator": rate.denominator,
        "MaxCaptures": max_captures,
        "Quality": quality,
    }
    codec = {"Codec": "FRAME_CAPTURE", "FrameCaptureSettings": captures}
    return {
        "ContainerSettings": {"Container": "RAW"},
        "VideoDescription": {**frame, "CodecSettings": codec},
    }
