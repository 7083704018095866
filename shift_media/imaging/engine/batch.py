"""Many resizes of one original from one decode: the largest first, smaller ones from it.

The original is decoded as large as the largest resize needs. A resize is made from the smallest
earlier one of the same box that is clearly larger, or else from the decoded pixels, halved by a
box filter as often as leaves them finer than the resize. So no original is read or decoded twice,
and none of its pixels is held while an encoder works.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.geometry import Box, Size
from shift_media.imaging.engine import animation, codecs, decode, encode, modes, stills, transform
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.codec_errors import translated_errors
from shift_media.imaging.engine.decode import Decoded
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.engine.vips import Decoder
from shift_media.imaging.formats.base import Header

_MAX_HELD_PIXELS: Final = 16_000_000
"""Pixels of resizes that are held at once; for more, the original is decoded again."""
_MIN_FINENESS: Final = 2 / decode.SHARPNESS
"""How many times finer than `Pipeline.min_scale` a halved source stays: twice the resize."""
_STEP: Final = 1.6
"""How much larger than a resize its source resize is at least. At 1.6 no photograph or drawing is
less like one made of all pixels than by halves; at 1.5 and 1.2 drawings are."""
_BAND_PIXELS: Final = 4_000_000

_PixelKey = tuple[Area, tuple[object, ...]]
"""Area and effects: with the same, pixels are the same before canvas and encoder."""


def make_files(
    source: BinaryIO, header: Header, pipelines: Sequence[Pipeline], decoder: Decoder
) -> Iterator[bytes]:
    """Yield the files of many resizes, in their order. Raises `Undecodable`."""
    for animated, group in groupby(
        pipelines, lambda each: animation.is_animated(header, each.spec)
    ):
        if animated:
            for pipeline in group:
                with translated_errors(header):
                    content = animation.make_animation(source, header, pipeline.spec, pipeline)
                yield content
        else:
            for batch in _batches(list(group)):
                yield from _make_stills(source, header, batch, decoder)


def min_scale(pipelines: Sequence[Pipeline]) -> tuple[float, float]:
    """Return the scale of width and height at which the original is decoded for all of them."""
    scales = [pipeline.min_scale for pipeline in pipelines]
    return max(across for across, _ in scales), max(down for _, down in scales)


def _make_stills(
    source: BinaryIO, header: Header, batch: Sequence[Pipeline], decoder: Decoder
) -> Iterator[bytes]:
    with translated_errors(header):
        pixels = _resize_all(source, header, batch, decoder)
    for pipeline in batch:
        with translated_errors(header):
            image = pipeline.place(pixels[_pixel_key(pipeline)])
            content = encode.encode(image, pipeline.spec, pipeline.effort)
        yield content


def _batches(pipelines: Sequence[Pipeline]) -> Iterator[list[Pipeline]]:
    """Split resizes, in their order, into lists whose pixels are held at once."""
    batch: list[Pipeline] = []
    held: dict[_PixelKey, int] = {}
    for pipeline in pipelines:
        key, area = _pixel_key(pipeline), math.prod(pipeline.area.size)
        if batch and key not in held and sum(held.values()) + area > _MAX_HELD_PIXELS:
            yield batch
            batch, held = [], {}
        batch.append(pipeline)
        held[key] = area
    yield batch


def _pixel_key(pipeline: Pipeline) -> _PixelKey:
    return pipeline.area, pipeline.finish_key


def _resize_all(
    source: BinaryIO, header: Header, pipelines: Sequence[Pipeline], decoder: Decoder
) -> dict[_PixelKey, Image.Image]:
    """Decode the first frame once and resize it for each pipeline, before canvas and encoder."""
    different = {_pixel_key(pipeline): pipeline for pipeline in pipelines}
    finished = _resize_by_libvips(source, header, different, decoder)
    left = [pipeline for key, pipeline in different.items() if key not in finished]
    return finished | _resize_by_pillow(source, header, left) if left else finished


def _resize_by_libvips(
    source: BinaryIO, header: Header, different: Mapping[_PixelKey, Pipeline], decoder: Decoder
) -> dict[_PixelKey, Image.Image]:
    """Resize all that libvips can, each from the decoded pixels, which cost it little."""
    able = {key: each for key, each in different.items() if not each.area.enlarges}
    areas = [pipeline.area for pipeline in able.values()]
    if not able:
        return {}
    least = min_scale(list(able.values()))
    pixels = stills.open_pixels(source, header, areas, least, decoder)
    if pixels is None:
        return {}
    made = ((key, each, pixels.resample(each.area)) for key, each in able.items())
    return {key: each.finish(image) for key, each, image in made if image is not None}


def _resize_by_pillow(
    source: BinaryIO, header: Header, pipelines: Sequence[Pipeline]
) -> dict[_PixelKey, Image.Image]:
    decoded = decode.decode_still(source, header, min_scale(pipelines))
    sources: dict[tuple[Box, Box], list[Image.Image]] = {}
    finished: dict[_PixelKey, Image.Image] = {}
    for pipeline in sorted(pipelines, key=lambda each: _fineness(decoded, each)):
        area = pipeline.area
        larger = sources.setdefault((area.box, area.region), [])
        best = _smallest_source(larger, area.size)
        if best is not None:
            resampled = transform.shrink(best, area.size)
        else:
            while len(pipelines) > 1 and _fineness(decoded, pipeline) >= 2 * _MIN_FINENESS:
                decoded = _halve(decoded)
            resampled = transform.resample(decoded.image, area.scaled(decoded.scale))
        if not area.enlarges:
            larger.append(resampled)
        finished[_pixel_key(pipeline)] = pipeline.finish(resampled)
    return finished


def _smallest_source(larger: list[Image.Image], size: Size) -> Image.Image | None:
    """Return the smallest image that is clearly larger; drop those that are larger still."""
    usable = [
        index
        for index, image in enumerate(larger)
        if min(image.width / size[0], image.height / size[1]) >= _STEP
    ]
    if not usable:
        return None
    del larger[: usable[-1]]
    return larger[0]


def _fineness(decoded: Decoded, pipeline: Pipeline) -> float:
    """Return how many times finer than necessary the decoded pixels are."""
    least = pipeline.min_scale
    return min(decoded.scale[0] / least[0], decoded.scale[1] / least[1])


def _halve(decoded: Decoded) -> Decoded:
    """Halve both sides, in bands, so that no converted copy of a large original is made."""
    image, (across, down) = decoded
    rows = max(2, _BAND_PIXELS // image.width // 2 * 2)
    result: Image.Image | None = None
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        whole = (top, bottom) == (0, image.height)
        band = image if whole else codecs.crop(image, (0, top, image.width, bottom))
        half = modes.to_working_mode(band).reduce(2)
        if result is None:
            result = Image.new(half.mode, (half.width, (image.height + 1) // 2))
        result.paste(half, (0, top // 2))
    assert result is not None  # noqa: S101 (an image has at least one row)
    return Decoded(result, (across / 2, down / 2))
