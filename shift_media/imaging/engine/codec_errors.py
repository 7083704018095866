"""The one table from the exceptions of decoders to this package's errors."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image

from shift_media.core.errors import MediaError, TooManyPixels, Undecodable

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
    MemoryError,
    BufferError,
    Warning,
    struct.error,
    zlib.error,
)
"""The exceptions of Pillow on hostile files: each was observed, or is the base of one that was."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `Undecodable` or `TooManyPixels` in place of any exception of a decoder."""
    try:
        yield
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixels(str(error)) from error
    except DECODER_ERRORS as error:
        raise Undecodable(f"The decoder says {type(error).__name__}: {error}") from error
