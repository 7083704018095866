"""The formats that the installed Pillow writes and reads."""

from __future__ import annotations

import io
from collections.abc import Iterator

import PIL
from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.doctor.findings import Finding, error, ok

_FIX = (
    "Install the wheel, which contains all codecs. A Pillow that was built from source has only "
    "those whose libraries were installed: libjpeg-dev, zlib1g-dev, libwebp-dev and libavif-dev "
    "on Debian."
)
_RUN = "python -m pip install --force-reinstall --only-binary :all: Pillow"


def check_pillow() -> Iterator[Finding]:
    """Write and read an image in every format of resizes."""
    names = {format.name: format.pillow or "" for format in RESIZE_FORMATS.values()}
    missing = [name for name, pillow in names.items() if not supports(pillow)]
    version = f"Pillow {PIL.__version__}"
    if missing:
        yield error("pillow-formats", f"{version} has no {', '.join(missing)}.", _FIX, _RUN)
    else:
        yield ok("pillow-formats", f"{version} writes and reads {', '.join(names)}.")


def supports(format: str) -> bool:
    """Return True if Pillow writes a format, by Pillow's name of it, and reads its own output."""
    file = io.BytesIO()
    try:
        Image.new("RGB", (16, 16), "#4080c0").save(file, format)
        with Image.open(file, formats=[format]) as image:
            image.load()
    except (KeyError, OSError, ValueError):
        return False
    return True
