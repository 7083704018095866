"""One picture through all steps but the encoder: what stills and frames of animations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.geometry import Box, ResizePlan, Size, cut
from shift_media.core.spec import Spec
from shift_media.imaging.engine import color, decode, transform
from shift_media.imaging.formats.base import Header

_LARGE: Final = 8_000_000
"""Pixels of an original whose every second pixel shows all but a thousandth of its SSIM."""
_HALF: Final = 0.5
_LEAST_SHARPNESS: Final = 1.25
"""`decode.SHARPNESS` where the next step is a large original at its full size: three times dearer.
Small ones are sharper; decoded by half they would lose up to .009 of SSIM."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps from decoded pixels of one original to those of one resize.

    Attributes:
        box: what is seen of the stored pixels.
        region: what may be looked at around it: the crop, or all.
        size: of the box once resized, not yet upright.
    """

    header: Header
    spec: Spec
    plan: ResizePlan
    profile: bytes | None
    box: Box
    region: Box
    size: Size

    @classmethod
    def of(cls, source: BinaryIO, header: Header, spec: Spec, plan: ResizePlan) -> Pipeline:
        """Work out the boxes in stored pixels, and read the profile."""
        turn, upright = header.orientation, header.upright
        x, y, width, height = cut(spec.crop, *upright)
        region = (float(x), float(y), float(x + width), float(y + height))
        return cls(
            header,
            spec,
            plan,
            color.profile_of(source, header),
            transform.stored_box(plan.box, turn, upright),
            transform.stored_box(region, turn, upright),
            transform.stored_size(plan.size, turn),
        )

    @property
    def wanted(self) -> tuple[float, float]:
        """The share of the original's width and height that has to be decoded at least."""
        box, size = self.box, self.size
        wide = decode.SHARPNESS * size[0] / (box[2] - box[0])
        high = decode.SHARPNESS * size[1] / (box[3] - box[1])
        if self.header.shrinks and self.header.width * self.header.height >= _LARGE:
            most = max(wide, high)
            if _HALF < most <= _HALF * decode.SHARPNESS / _LEAST_SHARPNESS:
                wide, high = min(wide, _HALF), min(high, _HALF)
        return min(wide, 1.0), min(high, 1.0)

    @property
    def enlarges(self) -> bool:
        """Whether it is larger than what it shows of the original."""
        box, size = self.box, self.size
        return size[0] > box[2] - box[0] or size[1] > box[3] - box[1]

    def run(self, image: Image.Image, scale: tuple[float, float] = (1.0, 1.0)) -> Image.Image:
        """Give the pixels of the resize, upright, in sRGB and on their canvas."""
        return self.placed(self.shown(image, scale))

    def shown(self, image: Image.Image, scale: tuple[float, float]) -> Image.Image:
        """Give what is seen of the original, resized, upright and in sRGB."""
        return self.finished(self.resampled(image, scale))

    def resampled(self, image: Image.Image, scale: tuple[float, float]) -> Image.Image:
        """Give what is seen of the original, resized, still as it is stored."""
        return transform.resample(
            image, _times(self.box, scale), self.size, _times(self.region, scale)
        )

    def finished(self, resampled: Image.Image) -> Image.Image:
        """Turn what is resized upright and into sRGB."""
        return transform.upright(color.to_srgb(resampled, self.profile), self.header.orientation)

    def placed(self, shown: Image.Image) -> Image.Image:
        """Put what is seen on the canvas of the resize."""
        alpha = RESIZE_FORMATS[self.spec.format].alpha
        return transform.placed(shown, self.plan, self.spec, alpha=alpha)


def _times(box: Box, scale: tuple[float, float]) -> Box:
    return (box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1])
