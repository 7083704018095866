"""The one table from what decoders raise to errors of ours."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from PIL import Image

from shift_media.core.errors import MediaError, TooManyPixels, Undecodable

BROKEN: Final = (
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
"""What Pillow raises on hostile files; each class was seen, or stands for its relatives."""


@contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever a decoder raises into `Undecodable` or `TooManyPixels`."""
    try:
        yield
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        raise TooManyPixels(str(error)) from error
    except BROKEN as error:
        raise Undecodable(f"The decoder says {type(error).__name__}: {error}") from error
