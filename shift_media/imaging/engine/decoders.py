"""The decoders of the format table, each imported by its path and no other way."""

from __future__ import annotations

from functools import cache
from pkgutil import resolve_name
from typing import Any

from shift_media.core.errors import MissingExtra
from shift_media.core.formats import Format
from shift_media.imaging.formats import IMAGE_FORMATS


@cache
def load(decoder: str, extra: str | None) -> Any:
    """Return the class that ``"module:Class"`` names; raise `MissingExtra` without its extra.

    A class that needs more than packages has a method ``check_installed``, which raises it.

    Pillow's plugins are used directly, because `Image.open` would detect the format anew, warn
    through global filters and turn some JPEG into MPO.
    """
    try:
        found = resolve_name(decoder)
    except ImportError as error:
        if extra is None:
            raise
        package = decoder.partition(":")[0].replace("_", "-")
        raise MissingExtra(package, extra) from error
    check = getattr(found, "check_installed", None)
    if check is not None:
        check()
    return found


def load_decoder(format: Format) -> Any:
    """Return the decoder of an image format; raise `MissingExtra` if it is not installed."""
    return load(IMAGE_FORMATS[format.extension].decoder, format.extra)


def find_missing(format: Format) -> MissingExtra | None:
    """Return the error for a format whose decoder is not installed; None if it is, or has none.

    Raises `OutOfResources` if the machine cannot find out at the moment.
    """
    if format.extra is None or format.extension not in IMAGE_FORMATS:
        return None
    try:
        load_decoder(format)
    except MissingExtra as error:
        return error
    return None


def _load_decoders() -> None:
    """Import the decoders of the usual images, so that no request waits for it.

    The others are imported when the first file of their format is decoded, if ever.
    """
    for image_format in IMAGE_FORMATS.values():
        if image_format.format.in_wildcard:
            load_decoder(image_format.format)


_load_decoders()
