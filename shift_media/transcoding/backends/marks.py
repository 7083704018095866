"""The watermark of a profile as pictures, one for each size of video."""

from __future__ import annotations

from dataclasses import dataclass

from shift_media.imaging import engine
from shift_media.imaging.engine.decorate import place_mark
from shift_media.video.planned import TranscodePlan


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark as large as it is in videos of one size.

    Attributes:
        file: the name of its PNG.
        sides: in pixels.
        place: its top left corner in the video.
    """

    file: str
    content: bytes
    sides: tuple[int, int]
    place: tuple[int, int]


def draw_marks(plan: TranscodePlan) -> dict[tuple[int, int], Mark]:
    """Return the watermark for each size of the videos of a plan; nothing without a watermark."""
    marks: dict[tuple[int, int], Mark] = {}
    if plan.watermark is None:
        return marks
    for video in plan.videos:
        size = video.width, video.height
        if size not in marks:
            picture, place = place_mark(plan.watermark, size)
            content = engine.save_picture(picture, "png")
            file = f"mark-{size[0]}x{size[1]}.png"
            marks[size] = Mark(file, content, picture.size, place)
    return marks
