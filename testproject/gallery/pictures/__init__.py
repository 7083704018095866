"""The pictures of the demo, which are drawn so that nothing has to be downloaded."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from testproject.gallery.pictures import landscapes, patterns

ORIENTATION = 0x0112
"""The number of the EXIF tag Orientation."""


@dataclass(frozen=True)
class Picture:
    """A drawing with its texts; ``draw`` returns the bytes of its file."""

    file_name: str
    title: str
    alt: str
    draw: Callable[[], bytes]
    focal: tuple[int, int] | None = None


def jpeg(draw: Callable[[], Image.Image]) -> bytes:
    """Draw a picture and store it as JPEG."""
    return _bytes(draw(), "JPEG", quality=88)


def sideways_jpeg(draw: Callable[[], Image.Image]) -> bytes:
    """Store a picture on its side, as phones do, with the EXIF tag that turns it upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return _bytes(draw().transpose(Image.Transpose.ROTATE_90), "JPEG", quality=88, exif=exif)


def png(draw: Callable[[], Image.Image]) -> bytes:
    """Draw a picture and store it as PNG, transparency kept."""
    return _bytes(draw(), "PNG", compress_level=4)


def webp(draw: Callable[[], Image.Image]) -> bytes:
    """Draw a picture and store it as WebP."""
    return _bytes(draw(), "WEBP", quality=85, method=1)


def animated_gif(draw: Callable[[], list[Image.Image]]) -> bytes:
    """Draw the frames of an animation and store them as an endless GIF."""
    first, *others = draw()
    options = {"save_all": True, "append_images": others, "duration": 60, "loop": 0}
    return _bytes(first, "GIF", optimize=False, disposal=1, **options)


def _bytes(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


PICTURES: tuple[Picture, ...] = (
    Picture(
        "ridges-at-dawn.jpg",
        "Ridges at dawn",
        "Seven mountain ridges, one behind the other, before a rising sun",
        lambda: jpeg(landscapes.dawn),
        focal=(68, 47),
    ),
    Picture(
        "spirograph.png",
        "Spirograph",
        "A flower of fine blue, red and yellow loops on a transparent ground",
        lambda: png(patterns.spirograph),
    ),
    Picture(
        "dunes.jpg",
        "Dunes",
        "Sand dunes with shaded slopes under a pale sun",
        lambda: jpeg(landscapes.dunes),
        focal=(30, 62),
    ),
    Picture(
        "wave.gif",
        "Wave",
        "Dots on a grid that swell and shrink in rings, moving outwards",
        lambda: animated_gif(patterns.wave),
    ),
    Picture(
        "paper-hills.jpg",
        "Paper hills",
        "Seven layers of cut paper from cream to dark violet",
        lambda: jpeg(patterns.paper),
    ),
    Picture(
        "balloons.jpg",
        "Balloons",
        "Four hot-air balloons over green hills",
        lambda: sideways_jpeg(landscapes.balloons),
        focal=(45, 38),
    ),
    Picture(
        "evening-sea.jpg",
        "Evening sea",
        "The sun touching the horizon, its light glittering on violet water",
        lambda: jpeg(landscapes.sea),
        focal=(42, 52),
    ),
    Picture(
        "current.jpg",
        "Current",
        "White, orange and blue strokes that follow an unseen current",
        lambda: jpeg(patterns.current),
    ),
    Picture(
        "quarter-circles.jpg",
        "Quarter circles",
        "A poster of tiles with quarter circles, rings and triangles in five colours",
        lambda: jpeg(patterns.tiles),
    ),
    Picture(
        "lake-at-night.jpg",
        "Lake at night",
        "The Milky Way over a still lake with pines on its shore",
        lambda: jpeg(landscapes.night),
        focal=(62, 20),
    ),
    Picture(
        "sunflower.webp",
        "Sunflower",
        "Dots laid out like the seeds of a sunflower, from dark red to yellow",
        lambda: webp(patterns.seeds),
    ),
    Picture(
        "folded-light.jpg",
        "Folded light",
        "A mesh of triangles from dark blue to apricot, as if folded from paper",
        lambda: jpeg(patterns.mesh),
        focal=(72, 30),
    ),
)
