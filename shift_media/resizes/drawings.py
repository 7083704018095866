"""Pictures of drawings and pages, from which their resizes are made."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO, TypeVar

from shift_media.core.errors import MissingExtra, NoSuchPage, UnsupportedType
from shift_media.core.rasters import RASTER_SIDE, Size, raster_side, scaled_size
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
        except MissingExtra as error:
            # This machine lacks it, unlike the one that has built the URL.
            raise UnsupportedType(str(error)) from error


def _draw(
    source: BinaryIO, extension: str, page: int, specs: Mapping[Key, Spec]
) -> tuple[BinaryIO, dict[Key, Spec]]:
    """Draw a page as small as its resizes allow: once, or once more where it was too small."""
    side = max(_guess_side(spec) for spec in specs.values())
    drawn = documents.draw(source, extension, side=side, page=page)
    size = (drawn.width, drawn.height)
    fitting = _substitute(specs, size, side)
    if fitting is None:
        while fitting is None:
            side = min(RASTER_SIDE, side * 2)
            fitting = _substitute(specs, size, side)
        drawn = documents.draw(source, extension, side=side, page=page)
    return io.BytesIO(drawn.picture), fitting


def _guess_side(spec: Spec) -> int:
    """Return the longer side of a picture that is large enough for a resize of most pages."""
    return RASTER_SIDE if spec.crop else raster_side(spec.width, spec.height)


def _substitute(specs: Mapping[Key, Spec], size: Size, side: int) -> dict[Key, Spec] | None:
    """Return the specs that make resizes from a picture of a side; None if it is too small."""
    if side >= RASTER_SIDE:
        return dict(specs)
    whole, smaller = (scaled_size(size, longer) for longer in (RASTER_SIDE, side))
    fitting: dict[Key, Spec] = {}
    for key, spec in specs.items():
        substitute = substitute_smaller(spec, whole, smaller, 1)
        if substitute is None:
            return None
        fitting[key] = substitute
    return fitting
