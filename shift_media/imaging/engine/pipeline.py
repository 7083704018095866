"""One picture through all steps but the encoder, which stills and frames of animations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.geometry import ResizePlan, clip_crop, turned_size
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Spec
from shift_media.imaging.engine import color, decode, decorate, transform
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.encode import Effort
from shift_media.imaging.formats.base import Header

_LARGE: Final = 8_000_000
"""Pixels of an original whose every second pixel shows all but a thousandth of its SSIM."""
_HALF: Final = 0.5
_LEAST_SHARPNESS: Final = 1.25
"""`decode.SHARPNESS` if the next step is a large original at its full size: three times dearer.
Small ones are sharper; decoded by half they would lose up to .009 of SSIM."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The steps from decoded pixels of one original to those of one resize.

    Attributes:
        area: the part of the stored pixels that the resize shows; filters may read around it as
            far as the crop reaches, if there is one.
        orientation: of the stored pixels, with the turn of the spec.
        effects: those of a preset.
        effort: of the encoder.
    """

    header: Header
    spec: Spec
    plan: ResizePlan
    profile: bytes | None
    area: Area
    orientation: int
    effects: PresetEffects | None = None
    effort: Effort = "fast"

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
            Area(
                transform.stored_box(plan.box, orientation, size),
                transform.stored_box(region, orientation, size),
                transform.stored_size(plan.size, orientation),
            ),
            orientation,
        )

    @property
    def min_scale(self) -> tuple[float, float]:
        """The scale of the original's width and height at which it is decoded at least."""
        across, down = (decode.SHARPNESS / ratio for ratio in self.area.ratios)
        if self.header.shrinks and self.header.width * self.header.height >= _LARGE:
            most = max(across, down)
            if _HALF < most <= _HALF * decode.SHARPNESS / _LEAST_SHARPNESS:
                across, down = min(across, _HALF), min(down, _HALF)
        return min(across, 1.0), min(down, 1.0)

    @property
    def flat_color(self) -> tuple[int, int, int] | None:
        """The colour on which transparent pixels may be flattened before they are resampled.

        The result is the same, because both are sums of pixels. None if the resize may keep alpha,
        or if something else happens to the colours between the two.
        """
        spec = self.spec
        is_converted = self.profile is not None or self.header.color_space is not None
        has_effects = spec.gray or spec.blur or spec.sharpen or self.effects is not None
        if is_converted or has_effects:
            return None
        return transform.background_color(spec, alpha=RESIZE_FORMATS[spec.format].alpha)

    def run(self, image: Image.Image) -> Image.Image:
        """Return the pixels of the resize, upright, in sRGB and on their canvas.

        ``image`` has all pixels of the original, as stored.
        """
        return self.complete(transform.resample(image, self.area))

    def complete(self, resampled: Image.Image) -> Image.Image:
        """Do the same with pixels of the area, resized."""
        return self.place(self.finish(resampled))

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
