"""The layout of preview sprites: small pictures side by side in one JPEG, listed by WebVTT."""

from __future__ import annotations

from shift_media.video.facts import VideoFacts, choose_tiles, fit_short_side
from shift_media.video.specs import Sprite


class SpriteLayout:
    """Where the tiles of a sprite lie.

    Attributes:
        file: name of the JPEG.
        width, height: of one tile, in pixels.
        count: number of tiles.
        interval: seconds that one tile covers.
        columns, rows: of the JPEG, in tiles.
    """

    def __init__(self, sprite: Sprite, facts: VideoFacts) -> None:
        self.file = f"{sprite.file.removesuffix('.vtt')}.jpg"
        self.width, self.height = fit_short_side(facts.width, facts.height, sprite.height)
        self.count, self.interval = choose_tiles(facts.duration, sprite.most, sprite.seconds)
        self.columns = min(sprite.columns, self.count)
        self.rows = -(-self.count // self.columns)
        self._duration = facts.duration

    def webvtt(self) -> str:
        """Return a WebVTT file with one cue for each tile, which names its part of the JPEG.

        The parts are media fragments: ``#xywh=left,top,width,height`` in pixels
        (https://www.w3.org/TR/media-frags/#naming-space).
        """
        cues = ["WEBVTT"]
        for number in range(self.count):
            start, end = number * self.interval, (number + 1) * self.interval
            left = number % self.columns * self.width
            top = number // self.columns * self.height
            cues.append(
                f"{format_time(start)} --> {format_time(min(end, self._duration))}\n"
                f"{self.file}#xywh={left},{top},{self.width},{self.height}"
            )
        return "\n\n".join(cues) + "\n"


def format_time(seconds: float) -> str:
    """Return a time as WebVTT has it, with hours."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"
