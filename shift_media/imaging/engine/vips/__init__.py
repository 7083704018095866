"""Resizes of still JPEG, PNG and WebP by libvips, and focal points (extra ``vips``)."""

from shift_media.imaging.engine.vips.attention import SIDE as ATTENTION_SIDE
from shift_media.imaging.engine.vips.attention import find_attention
from shift_media.imaging.engine.vips.choice import DECODERS, Decoder, should_resample
from shift_media.imaging.engine.vips.library import is_installed, load, process
from shift_media.imaging.engine.vips.resampling import Pixels, decode, resample

__all__ = [
    "ATTENTION_SIDE",
    "DECODERS",
    "Decoder",
    "Pixels",
    "decode",
    "find_attention",
    "is_installed",
    "load",
    "process",
    "resample",
    "should_resample",
]
