"""Resizes of still JPEG, PNG and WebP by libvips (extra ``vips``)."""

from shift_media.imaging.engine.vips.choice import DECODERS, Decoder, should_resample
from shift_media.imaging.engine.vips.library import is_installed, load, process
from shift_media.imaging.engine.vips.resampling import Pixels, decode, resample

__all__ = [
    "DECODERS",
    "Decoder",
    "Pixels",
    "decode",
    "is_installed",
    "load",
    "process",
    "resample",
    "should_resample",
]
