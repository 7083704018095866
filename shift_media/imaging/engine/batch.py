"""Many resizes of one original from one decode: the largest first, the others down its steps.

What is decoded is as large as the largest resize needs. Whatever shows the same is made from the
smallest one that was made before and is clearly larger, or else from what was decoded, halved by a
box filter as often as leaves it finer than the resize. So no original is read or decoded twice,
and none of its pixels is held while an encoder works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.geometry import Box, Size
from shift_media.imaging.engine import animation, decode, encode, transform
from shift_media.imaging.engine.codec_errors import decoding
from shift_media.imaging.engine.decode import Decoded
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.engine.vips import Decoder
from shift_media.imaging.formats.base import Header

_TOGETHER: Final = 16_000_000
"""Pixels of resizes that are held at once; of more, the original is decoded again."""
_FINER: Final = 2 / decode.SHARPNESS
"""How much finer than what a resize wants its source stays at least: twice as fine as itself."""
_STEP: Final = 1.6
"""How much larger than a resize the one that it is made from is at least. At 1.6 no photograph or
drawing comes out less like one of all its pixels than by halves; at 1.5 and 1.2 drawings do."""
_BAND_PIXELS: Final = 4_000_000

_Seen = tuple[Box, Box, Size]
"""What makes two resizes of an original the same pixels, but for canvas and encoder."""


def contents(
    source: BinaryIO, header: Header, pipelines: Sequence[Pipeline], decoder: Decoder
) -> Iterator[bytes]:
    """Make the files of many resizes, in their order. Raises `Undecodable`."""
    for animated, group in groupby(pipelines, lambda each: animation.stays(header, each.spec)):
        if animated:
            for pipeline in group:
                with decoding():
                    content = animation.make(source, header, pipeline.spec, pipeline)
                yield content
        else:
            for batch in _batches(list(group)):
                yield from _stills(source, header, batch, decoder)


def wanted(pipelines: Sequence[Pipeline]) -> tuple[float, float]:
    """Tell the share of the original's width and height that is enough for each."""
    return max(each.wanted[0] for each in pipelines), max(each.wanted[1] for each in pipelines)


def _stills(
    source: BinaryIO, header: Header, batch: Sequence[Pipeline], decoder: Decoder
) -> Iterator[bytes]:
    with decoding():
        shown = _pixels(source, header, batch, decoder)
    for pipeline in batch:
        with decoding():
            content = encode.encode(pipeline.placed(shown[_seen(pipeline)]), pipeline.spec)
        yield content


def _batches(pipelines: Sequence[Pipeline]) -> Iterator[list[Pipeline]]:
    """Split resizes, in their order, into those whose pixels are held at once."""
    batch: list[Pipeline] = []
    held: dict[_Seen, int] = {}
    for pipeline in pipelines:
        seen, area = _seen(pipeline), math.prod(pipeline.size)
        if batch and seen not in held and sum(held.values()) + area > _TOGETHER:
            yield batch
            batch, held = [], {}
        batch.append(pipeline)
        held[seen] = area
    yield batch


def _seen(pipeline: Pipeline) -> _Seen:
    """Tell what of the original a resize shows, and how large."""
    return pipeline.box, pipeline.region, pipeline.size


def _pixels(
    source: BinaryIO, header: Header, pipelines: Sequence[Pipeline], decoder: Decoder
) -> dict[_Seen, Image.Image]:
    """Decode the first frame once and resize it for each, before canvas and encoder."""
    decoded = decode.still(source, header, wanted(pipelines), decoder)
    different = {_seen(pipeline): pipeline for pipeline in pipelines}
    steps: dict[tuple[Box, Box], list[Image.Image]] = {}
    made: dict[_Seen, Image.Image] = {}
    for pipeline in sorted(different.values(), key=lambda each: _excess(decoded, each)):
        larger = steps.setdefault((pipeline.box, pipeline.region), [])
        step = _step(larger, pipeline.size)
        if step is not None:
            seen = transform.smaller(step, pipeline.size)
        else:
            while len(different) > 1 and _excess(decoded, pipeline) >= 2 * _FINER:
                decoded = _halved(decoded)
            seen = pipeline.resampled(*decoded)
        if not pipeline.enlarges:
            larger.append(seen)
        made[_seen(pipeline)] = pipeline.finished(seen)
    return made


def _step(larger: list[Image.Image], size: Size) -> Image.Image | None:
    """Find the smallest image that is clearly larger; forget those that are larger still."""
    enough = [
        index
        for index, image in enumerate(larger)
        if min(image.width / size[0], image.height / size[1]) >= _STEP
    ]
    if not enough:
        return None
    del larger[: enough[-1]]
    return larger[0]


def _excess(decoded: Decoded, pipeline: Pipeline) -> float:
    """Tell how many times as fine as wanted the decoded pixels are."""
    return min(decoded.scale[0] / pipeline.wanted[0], decoded.scale[1] / pipeline.wanted[1])


def _halved(decoded: Decoded) -> Decoded:
    """Halve both sides, in bands, so that no converted copy of a large original is made."""
    image, (across, down) = decoded
    rows = max(2, _BAND_PIXELS // image.width // 2 * 2)
    result: Image.Image | None = None
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        whole = (top, bottom) == (0, image.height)
        band = decode.working(image if whole else image.crop((0, top, image.width, bottom)))
        half = band.reduce(2)
        if result is None:
            result = Image.new(half.mode, (half.width, (image.height + 1) // 2))
        result.paste(half, (0, top // 2))
    assert result is not None  # noqa: S101 (an image has at least one row)
    return Decoded(result, (across / 2, down / 2))
