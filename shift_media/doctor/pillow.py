"""The formats that the installed Pillow writes and reads."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import PIL
from PIL import Image

from shift_media.core.errors import SourceError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.doctor.findings import Finding, error, ok
from shift_media.imaging import engine

_FIX = (
    "Install the wheel, which contains all codecs. A Pillow that was built from source has only "
    "those whose libraries were installed: libjpeg-dev, zlib1g-dev, libwebp-dev and libavif-dev "
    "on Debian."
)
_RUN = "python -m pip install --force-reinstall --only-binary :all: Pillow"


def check_pillow() -> Iterator[Finding]:
    """Write and read an image in every format of resizes."""
    names = {format.name: extension for extension, format in RESIZE_FORMATS.items()}
    missing = [name for name, extension in names.items() if not supports(extension)]
    version = f"Pillow {PIL.__version__}"
    if missing:
        yield error("pillow-formats", f"{version} has no {', '.join(missing)}.", _FIX, _RUN)
    else:
        yield ok("pillow-formats", f"{version} writes and reads {', '.join(names)}.")


def supports(extension: str) -> bool:
    """Return True if Pillow writes a format of resizes, and reads its own output.

    The codecs are those of the engine, which other apps cannot replace.
    """
    try:
        content = engine.save_picture(Image.new("RGB", (16, 16), (64, 128, 192)), extension)
        engine.open_picture(BytesIO(content))
    except (KeyError, OSError, ValueError, SourceError):
        return False
    return True
