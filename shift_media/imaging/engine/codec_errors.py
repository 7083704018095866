"""The one table from the exceptions of decoders to this package's errors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shift_media.core.errors import MediaError, Undecodable
from shift_media.core.faults import translated_faults
from shift_media.imaging.formats.base import Header

DECODER_ERRORS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    BufferError,
    Warning,
    struct.error,
    zlib.error,
)
"""The exceptions of Pillow on hostile files: each was observed, or is the base of one that was."""


_BYTES_PER_PIXEL: Final = 8
"""More than decoders need for a pixel of an image that they hold as a whole."""


@contextmanager
def translated_errors(header: Header) -> Iterator[None]:
    """Raise `Undecodable` in place of any exception of the decoder of an original.

    Raises `OutOfResources` instead if the machine failed, since the original may be good.
    """
    try:
        with translated_faults():
            yield
    except (Undecodable, *DECODER_ERRORS) as error:
        _check_memory(header)
        if isinstance(error, MediaError):
            raise
        raise Undecodable(f"The decoder says {type(error).__name__}: {error}") from error


def _check_memory(header: Header) -> None:
    """Raise `OutOfResources` if an original would not fit into the memory that is left.

    libjpeg and libwebp report a failed allocation as broken data.
    """
    with translated_faults():
        bytearray(header.width * header.height * _BYTES_PER_PIXEL)
