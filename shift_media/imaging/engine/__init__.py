"""Resizes made with Pillow: the header first, then one decoder, which shrinks while it decodes.

libvips decodes and resamples JPEG, PNG and WebP if the caller asks for it (``decoder``). No global
state of Pillow is changed, and any number of threads may call these functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from shift_media.core import geometry
from shift_media.core.errors import InvalidSpec, LimitExceeded, SourceError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.geometry import ResizePlan
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Limits, Spec
from shift_media.imaging.engine import (
    animation,
    batch,
    codecs,
    decode,
    decorate,
    encode,
    stills,
    vips,
)
from shift_media.imaging.engine.codec_errors import translated_errors
from shift_media.imaging.engine.decoders import find_missing
from shift_media.imaging.engine.encode import EFFORTS, Effort
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.engine.placeholder import Preview, preview
from shift_media.imaging.engine.upright import bake_orientation
from shift_media.imaging.engine.vips import DECODERS, Decoder
from shift_media.imaging.formats.base import ByteReader, Header
from shift_media.imaging.probe import DEFAULT_LIMITS, SourceLimits, read_header

__all__ = [
    "DECODERS",
    "EFFORTS",
    "Decoder",
    "Effort",
    "Preview",
    "Result",
    "bake_orientation",
    "find_focal",
    "find_missing",
    "finds_focal",
    "make",
    "make_many",
    "needed_bytes",
    "open_picture",
    "preview",
    "save_picture",
]

_DEFAULT_OUTPUT = Limits()


@dataclass(frozen=True, slots=True)
class Result:
    """A finished resize.

    Attributes:
        content: the whole file.
        width, height: pixels.
        format: extension, as in the spec.
    """

    content: bytes
    width: int
    height: int
    format: str


def make(
    source: BinaryIO,
    spec: Spec,
    *,
    limits: SourceLimits = DEFAULT_LIMITS,
    output: Limits = _DEFAULT_OUTPUT,
    decoder: Decoder = "pillow",
    effects: PresetEffects | None = None,
    effort: Effort = "fast",
) -> Result:
    """Return the resize of an original, in any seekable binary file, by a spec.

    Its size is the one that `geometry.output_size` promises, unless the ``effects`` of a preset
    trim it. Raises `UnsupportedType`,
    `Undecodable`, `TooManyPixels`, `TooManyFrames`, `EmptyCrop` and `LimitExceeded`.
    """
    header = read_header(source, limits)
    if effects is not None and effects.trim is not None:
        with translated_errors(header):
            spec = decorate.trim_spec(source, header, spec, effects.trim, decoder)
    plan = _plan(header, spec, limits, output)
    with translated_errors(header):
        pipeline = Pipeline.build(source, header, spec, plan)
        pipeline = replace(pipeline, effects=effects, effort=effort)
        _check_decoded(header, pipeline, limits)
        if animation.is_animated(header, spec):
            content = animation.make_animation(source, header, spec, pipeline)
        else:
            image = _resize_still(source, header, pipeline, decoder)
            most = effects.max_bytes if effects else None
            # The search for the quality encodes up to eight times.
            content = encode.encode_within(image, spec, most, "fast" if most else effort)
    return Result(content, *plan.canvas, spec.format)


def make_many(
    source: BinaryIO,
    specs: Sequence[Spec],
    *,
    limits: SourceLimits = DEFAULT_LIMITS,
    output: Limits = _DEFAULT_OUTPUT,
    decoder: Decoder = "pillow",
    effort: Effort = "fast",
) -> Iterator[Result]:
    """Return an iterator over many resizes of one original, in the order of the specs.

    The original is read and decoded once. Each resize is what `make` returns, within the tolerance
    of a filter, and has the same size. Animations are made one by one. The source must stay open
    until the last resize is taken. Raises what `make` raises: at once if the header or a spec is
    wrong, else with the first resize.
    """
    header = read_header(source, limits)
    plans = [_plan(header, spec, limits, output) for spec in specs]
    with translated_errors(header):
        pipelines = [
            replace(Pipeline.build(source, header, spec, plan), effort=effort)
            for spec, plan in zip(specs, plans, strict=True)
        ]
    for pipeline in pipelines:
        _check_decoded(header, pipeline, limits)
    files = batch.make_files(source, header, pipelines, decoder)
    return (
        Result(content, *pipeline.plan.canvas, pipeline.spec.format)
        for pipeline, content in zip(pipelines, files, strict=True)
    )


def needed_bytes(source: BinaryIO, *specs: Spec, limits: SourceLimits = DEFAULT_LIMITS) -> int:
    """Return how many bytes from its beginning `make`, or `make_many`, reads of an original.

    That is all of them, but for progressive JPEG whose last scans would not show in resizes so
    small. No more than the result is read. The result is all bytes for an original or a spec that
    `make` refuses.
    """
    try:
        header = read_header(source, limits)
        plans = [(spec, geometry.plan(spec, *header.upright_size)) for spec in specs]
        pipelines = [Pipeline.build(source, header, *each) for each in plans]
        scans = decode.select_scans(source, header, batch.min_scale(pipelines))
    except (SourceError, InvalidSpec):
        scans = None
    return ByteReader(source).size if scans is None else scans.end


def finds_focal() -> bool:
    """Return True if `find_focal` has the library that it needs."""
    return vips.is_installed()


def find_focal(
    source: BinaryIO, *, limits: SourceLimits = DEFAULT_LIMITS, decoder: Decoder = "pillow"
) -> tuple[int, int] | None:
    """Return the point of an image that stands out, in percent, upright, by libvips' attention.

    None if nothing stands out, and where libvips cannot be used. Raises what `make` raises.
    """
    if not finds_focal():
        return None
    spec = Spec.make(f"{vips.ATTENTION_SIDE}x{vips.ATTENTION_SIDE}", format="jpg", quality=95)
    made = make(source, spec, limits=limits, decoder=decoder)
    return vips.find_attention(open_picture(BytesIO(made.content)))


def open_picture(source: BinaryIO, *, limits: SourceLimits = DEFAULT_LIMITS) -> Image.Image:
    """Return all pixels of an image as stored; raise as `make` does."""
    header = read_header(source, limits.whole)
    with translated_errors(header):
        return decode.decode_all_data(source, header, (1.0, 1.0)).image


def save_picture(image: Image.Image, extension: str, **options: Any) -> bytes:
    """Return an image in a format of resizes, with options of Pillow's own encoder.

    `Image.save` takes the encoder that was registered last, which may be another app's.
    """
    return codecs.save(image, RESIZE_FORMATS[extension].pillow or "", options)


def _plan(header: Header, spec: Spec, limits: SourceLimits, output: Limits) -> ResizePlan:
    """Return the plan of one resize; raise `LimitExceeded` if it would be too large."""
    plan = geometry.plan(spec, *header.upright_size)
    output.check(*plan.canvas)
    frames = header.frames if animation.is_animated(header, spec) else 1
    if frames * plan.canvas[0] * plan.canvas[1] > max(limits.pixels, output.area):
        raise LimitExceeded(f"A resize of {frames} frames of {plan.canvas} is over the limits.")
    return plan


def _check_decoded(header: Header, pipeline: Pipeline, limits: SourceLimits) -> None:
    """Raise `LimitExceeded` if a resize needs more pixels of a JPEG than may be held at once.

    Of a JPEG over ``MAX_PIXELS``, which is shrunk while it is decoded, these are crops of few
    pixels, made large.
    """
    area = header.width * header.height
    if header.shrinks and area > limits.pixels:
        shrink = decode.find_shrink(max(pipeline.min_scale))
        if area > limits.pixels * shrink**2:
            raise LimitExceeded(
                f"A resize needs {area // shrink**2} pixels of the original at once, the limit is "
                f'{limits.pixels} (SHIFT_MEDIA["MAX_PIXELS"]): a smaller size or a larger crop '
                "needs fewer."
            )


def _resize_still(
    source: BinaryIO, header: Header, pipeline: Pipeline, decoder: Decoder
) -> Image.Image:
    """Decode and resize; on return the original's pixels are freed, before an encoder starts."""
    resampled = stills.resample(
        source, header, pipeline.area, pipeline.min_scale, decoder, pipeline.flat_color
    )
    return pipeline.complete(resampled)
