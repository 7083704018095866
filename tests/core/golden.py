"""The golden pictures: resizes of one drawing in each mode and format, checked by eye.

After an intended change write them again, and look at the difference:
``python -m tests.core.golden``.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from tests.imaging import images

FOLDER = Path(__file__).parent / "golden"
SIZE = (160, 120)
OUTPUTS = ("jpg", "png", "webp", "avif", "gif")
ASKED = {
    "fit": {"size": "60x60"},
    "fill": {"size": "60x60", "focal": (45, 70)},
    "pad": {"size": "60x60", "background": "204080"},
    "stretch": {"size": "60x30"},
}
"""Options of each mode; focal point and background show more than the defaults."""


@cache
def scene(alpha: bool) -> Image.Image:
    """Draw hills under a sky, with fine lines and a different thing in each corner."""
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    sky = np.stack([90 + across // 2, 140 + down // 2, 250 - down], axis=-1)
    image = Image.fromarray(sky.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.polygon([(0, 90), (50, 40), (100, 100), (160, 60), (160, 120), (0, 120)], (40, 110, 50))
    draw.ellipse((118, 8, 148, 38), (250, 220, 60))
    draw.rectangle((8, 8, 28, 20), (200, 30, 40))
    for index in range(0, 40, 4):
        draw.line((110 + index, 80, 110 + index, 112), (235, 235, 235))
    if alpha:
        veil = Image.new("L", SIZE, 255)
        ImageDraw.Draw(veil).ellipse((20, 60, 90, 118), 0)
        veil.paste(128, (120, 0, 160, 50))
        image.putalpha(veil)
    return image


def spec(mode: str, output: str) -> Spec:
    """Return the spec of one golden picture."""
    asked = {"quality": 90, **ASKED[mode]} if output in ("jpg", "webp", "avif") else ASKED[mode]
    return Spec.make(mode=mode, format=output, **asked)  # type: ignore[arg-type]


def shown(content: bytes) -> Image.Image:
    """Decode a picture, on magenta, so that transparency is visible."""
    ground = Image.new("RGBA", (image := images.opened(content).convert("RGBA")).size, "magenta")
    ground.alpha_composite(image)
    return ground.convert("RGB")


def made(mode: str, output: str, source: bytes) -> Image.Image:
    """Return the picture that the engine makes."""
    return shown(engine.make(BytesIO(source), spec(mode, output)).content)


def source(alpha: bool) -> bytes:
    """Return the drawing as a lossless file."""
    return images.encoded(scene(alpha), "png")


def stored(mode: str, output: str, alpha: bool) -> Image.Image:
    """Return a golden picture; one file holds all formats of one mode, side by side."""
    with Image.open(_path(mode, alpha)) as strip:
        width = strip.width // len(OUTPUTS)
        left = OUTPUTS.index(output) * width
        return strip.crop((left, 0, left + width, strip.height)).convert("RGB")


def _path(mode: str, alpha: bool) -> Path:
    return FOLDER / f"{mode}{'-alpha' if alpha else ''}.png"


def renew() -> None:
    """Write all golden pictures again."""
    FOLDER.mkdir(exist_ok=True)
    for mode in ASKED:
        for alpha in (False, True):
            row = [made(mode, output, source(alpha)) for output in OUTPUTS]
            width, height = row[0].size
            strip = Image.new("RGB", (len(row) * width, height))
            for index, image in enumerate(row):
                strip.paste(image, (index * width, 0))
            strip.save(_path(mode, alpha), optimize=True)


if __name__ == "__main__":
    renew()
