"""Pictures of drawings and pages, from which their resizes are made."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO, TypeVar

from shift_media.core.errors import NoSuchPage
from shift_media.core.rasters import RASTER_SIDE, raster_side, scaled_size
from shift_media.core.spec import Spec
from shift_media.imaging.mezzanine import substitute_smaller
from shift_media.sandbox import documents

Key = TypeVar("Key")


def draw_pictures(
    source: BinaryIO, extension: str, specs: Mapping[Key, Spec]
) -> Iterator[tuple[BinaryIO | NoSuchPage, dict[Key, Spec]]]:
    """Yield a picture of each page that specs ask for, and the specs that make them from it.

    In place of a picture the error of a page that the document does not have. Each picture is as
    small as its resizes allow. Raises a `SourceError` for a file that cannot be drawn.
    """
    pages: dict[int, dict[Key, Spec]] = {}
    for key, spec in specs.items():
        pages.setdefault(spec.page, {})[key] = spec
    for page, of_page in pages.items():
        try:
            yield _draw(source, extension, page, of_page)
        except NoSuchPage as error:
            yield error, of_page


def _draw(
    source: BinaryIO, extension: str, page: int, specs: Mapping[Key, Spec]
) -> tuple[BinaryIO, dict[Key, Spec]]:
    sides = [
        RASTER_SIDE if spec.crop else raster_side(spec.width, spec.height)
        for spec in specs.values()
    ]
    side = max(sides)
    if side < RASTER_SIDE:
        drawn = documents.draw(source, extension, side=side, page=page)
        size = (drawn.width, drawn.height)
        whole, smaller = (scaled_size(size, longer) for longer in (RASTER_SIDE, side))
        fitting = {k: substitute_smaller(spec, whole, smaller, 1) for k, spec in specs.items()}
        if all(fitting.values()):
            return io.BytesIO(drawn.picture), {k: spec for k, spec in fitting.items() if spec}
    # A crop, or a box that is covered by a picture much wider or higher than it.
    drawn = documents.draw(source, extension, side=RASTER_SIDE, page=page)
    return io.BytesIO(drawn.picture), dict(specs)
