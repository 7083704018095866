"""Makes resizes with Pillow: header first, then one decoder, shrunk while decoding.

libvips decodes PNG and WebP where it is asked for (``decoder``). Changes no global state of
Pillow, and may run in any number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image

from shift_media.core import geometry
from shift_media.core.errors import InvalidSpec, LimitExceeded, SourceError
from shift_media.core.geometry import ResizePlan
from shift_media.core.spec import Limits, Spec
from shift_media.imaging.engine import animation, batch, decode, encode
from shift_media.imaging.engine.codec_errors import decoding
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.engine.placeholder import Preview, preview
from shift_media.imaging.engine.vips import ENGINES, Decoder
from shift_media.imaging.formats.base import ByteReader, Header
from shift_media.imaging.probe import DEFAULT_LIMITS, SourceLimits, read_header

__all__ = ["ENGINES", "Decoder", "Preview", "Result", "enough", "make", "make_many", "preview"]

_DEFAULT_OUTPUT = Limits()


@dataclass(frozen=True, slots=True)
class Result:
    """A resize that was made.

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
) -> Result:
    """Make the resize that a spec asks for of an original, from any seekable binary file.

    Its size is the one that `geometry.output_size` promises. Raises `UnsupportedType`,
    `Undecodable`, `TooManyPixels`, `TooManyFrames`, `EmptyCrop` and `LimitExceeded`.
    """
    header = read_header(source, limits)
    plan = _plan(header, spec, limits, output)
    with decoding():
        pipeline = Pipeline.of(source, header, spec, plan)
        if animation.stays(header, spec):
            content = animation.make(source, header, spec, pipeline)
        else:
            content = encode.encode(_still(source, header, pipeline, decoder), spec)
    return Result(content, *plan.canvas, spec.format)


def make_many(
    source: BinaryIO,
    specs: Sequence[Spec],
    *,
    limits: SourceLimits = DEFAULT_LIMITS,
    output: Limits = _DEFAULT_OUTPUT,
    decoder: Decoder = "pillow",
) -> Iterator[Result]:
    """Make many resizes of one original, which is read and decoded once, in the order of specs.

    Each is what `make` makes of it, within the tolerance of a filter, and has the same size.
    Animations are made one by one. The source must stay open until the last is taken. Raises what
    `make` raises: at once where the header or a spec is wrong, else with the first result.
    """
    header = read_header(source, limits)
    plans = [_plan(header, spec, limits, output) for spec in specs]
    with decoding():
        pipelines = [
            Pipeline.of(source, header, spec, plan)
            for spec, plan in zip(specs, plans, strict=True)
        ]
    contents = batch.contents(source, header, pipelines, decoder)
    return (
        Result(content, *pipeline.plan.canvas, pipeline.spec.format)
        for pipeline, content in zip(pipelines, contents, strict=True)
    )


def enough(source: BinaryIO, *specs: Spec, limits: SourceLimits = DEFAULT_LIMITS) -> int:
    """Tell how many bytes from its beginning `make`, or `make_many`, reads of an original.

    All of them, but for progressive JPEGs that are made so small that their last scans could not
    be seen. Reads no further than that; what would be refused needs all.
    """
    try:
        header = read_header(source, limits)
        plans = [(spec, geometry.plan(spec, *header.upright)) for spec in specs]
        wanted = [Pipeline.of(source, header, *each).wanted for each in plans]
        front = decode.front(
            source, header, (max(w for w, _ in wanted), max(h for _, h in wanted))
        )
    except (SourceError, InvalidSpec):
        front = None
    return ByteReader(source).size if front is None else front.end


def _plan(header: Header, spec: Spec, limits: SourceLimits, output: Limits) -> ResizePlan:
    """Plan one resize, and check that it is not too large."""
    plan = geometry.plan(spec, *header.upright)
    output.check(*plan.canvas)
    frames = header.frames if animation.stays(header, spec) else 1
    if frames * plan.canvas[0] * plan.canvas[1] > max(limits.pixels, output.area):
        raise LimitExceeded(f"A resize of {frames} frames of {plan.canvas} is over the limits.")
    return plan


def _still(source: BinaryIO, header: Header, pipeline: Pipeline, decoder: Decoder) -> Image.Image:
    """Decode and run; the original's pixels are gone before the encoder needs memory."""
    return pipeline.run(*decode.still(source, header, pipeline.wanted, decoder))
