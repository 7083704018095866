"""One picture through all steps but the encoder, which stills and frames of animations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.geometry import Box, ResizePlan, Size, clip_crop, turned_size
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Spec
from shift_media.imaging.engine import color, decode, decorate, transform
from shift_media.imaging.formats.base import Header

_LARGE: Final = 8_000_000
"""Pixels of an original whose every second pixel shows all but a thousandth of its SSIM."""
_HALF: Final = 0.5
_DIGITS: Final = 6
"""Of a coordinate in pixels, after the point."""
_LEAST_SHARPNESS: Final = 1.25
"""`decode.SHARPNESS` if the next step is a large original at its full size: three times dearer.
Small ones are sharper; decoded by half they would lose up to .009 of SSIM."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps from decoded pixels of one original to those of one resize.

    Attributes:
        box: the part of the stored pixels that the resize shows.
        region: the part that filters may read around it: the crop, or all.
        size: of the box once resized, not yet upright.
        orientation: of the stored pixels, with the turn of the spec.
        effects: those of a preset.
    """

    header: Header
    spec: Spec
    plan: ResizePlan
    profile: bytes | None
    box: Box
    region: Box
    size: Size
    orientation: int
    effects: PresetEffects | None = None

    @classmethod
    def build(cls, source: BinaryIO, header: Header, spec: Spec, plan: ResizePlan) -> Pipeline:
        """Compute the boxes in stored pixels, and read the profile."""
        orientation = transform.turned_orientation(header.orientation, spec.rotate, spec.flip)
        size = turned_size(spec, *header.upright_size)
        x, y, width, height = clip_crop(spec.crop, *size)
        region = (float(x), float(y), float(x + width), float(y + height))
        return cls(
            header,
            spec,
            plan,
            color.read_profile(source, header),
            transform.stored_box(plan.box, orientation, size),
            transform.stored_box(region, orientation, size),
            transform.stored_size(plan.size, orientation),
            orientation,
        )

    @property
    def min_scale(self) -> tuple[float, float]:
        """The scale of the original's width and height at which it is decoded at least."""
        box, size = self.box, self.size
        across = decode.SHARPNESS * size[0] / (box[2] - box[0])
        down = decode.SHARPNESS * size[1] / (box[3] - box[1])
        if self.header.shrinks and self.header.width * self.header.height >= _LARGE:
            most = max(across, down)
            if _HALF < most <= _HALF * decode.SHARPNESS / _LEAST_SHARPNESS:
                across, down = min(across, _HALF), min(down, _HALF)
        return min(across, 1.0), min(down, 1.0)

    @property
    def enlarges(self) -> bool:
        """True if the resize is larger than the part of the original that it shows."""
        box, size = self.box, self.size
        return size[0] > box[2] - box[0] or size[1] > box[3] - box[1]

    @property
    def whole_size(self) -> Size | None:
        """The size of a resize that shows all of the original, smaller; None for others."""
        whole = (0.0, 0.0, float(self.header.width), float(self.header.height))
        return self.size if self.box == whole and not self.enlarges else None

    def run(self, image: Image.Image, scale: tuple[float, float] = (1.0, 1.0)) -> Image.Image:
        """Return the pixels of the resize, upright, in sRGB and on their canvas."""
        return self.place(self.finish(self.resample(image, scale)))

    def resample(self, image: Image.Image, scale: tuple[float, float]) -> Image.Image:
        """Return the box of the original, resized, in its own colours and orientation.

        ``scale`` is how many pixels of ``image`` one pixel of the original is.
        """
        return transform.resample(
            image, _scale_box(self.box, scale), self.size, _scale_box(self.region, scale)
        )

    def finish(self, resampled: Image.Image) -> Image.Image:
        """Convert resampled pixels to sRGB, turn them, and apply the effects of the spec."""
        upright = transform.apply_orientation(
            color.to_srgb(resampled, self.profile, self.header.color_space), self.orientation
        )
        image = transform.apply_effects(upright, self.spec, self.plan.size)
        return image if self.effects is None else decorate.decorate(image, self.effects)

    @property
    def finish_key(self) -> tuple[object, ...]:
        """All that `finish` depends on, beside the resampled pixels."""
        spec = self.spec
        return self.orientation, spec.gray, spec.blur, spec.sharpen

    def place(self, finished: Image.Image) -> Image.Image:
        """Return finished pixels on the canvas of the resize."""
        alpha = RESIZE_FORMATS[self.spec.format].alpha
        return transform.place_on_canvas(finished, self.plan, self.spec, alpha=alpha)


def _scale_box(box: Box, scale: tuple[float, float]) -> Box:
    """Scale a box; whole pixels stay whole, although the scale is a rounded fraction."""
    left, top, right, bottom = box
    sides = (left * scale[0], top * scale[1], right * scale[0], bottom * scale[1])
    left, top, right, bottom = (round(side, _DIGITS) for side in sides)
    return left, top, right, bottom
