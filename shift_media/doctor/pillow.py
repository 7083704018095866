"""The formats that the installed Pillow writes and reads."""

from __future__ import annotations

import io
from collections.abc import Iterator

import PIL
from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.doctor.findings import Finding, error, ok

_MEND = (
    "Install the wheel, which brings all codecs. Built from its sources it has those alone whose "
    "libraries it found: libjpeg-dev, zlib1g-dev, libwebp-dev and libavif-dev on Debian."
)
_RUN = "python -m pip install --force-reinstall --only-binary :all: Pillow"


def check_pillow() -> Iterator[Finding]:
    """Write and read a picture in every format."""
    names = {format.name: format.pillow or "" for format in RESIZE_FORMATS.values()}
    lacking = [name for name, pillow in names.items() if not works(pillow)]
    version = f"Pillow {PIL.__version__}"
    if lacking:
        yield error("pillow-formats", f"{version} has no {', '.join(lacking)}.", _MEND, _RUN)
    else:
        yield ok("pillow-formats", f"{version} writes and reads {', '.join(names)}.")


def works(format: str) -> bool:
    """Tell whether Pillow writes a format, by its own name, and reads what it has written."""
    file = io.BytesIO()
    try:
        Image.new("RGB", (16, 16), "#4080c0").save(file, format)
        with Image.open(file, formats=[format]) as image:
            image.load()
    except (KeyError, OSError, ValueError):
        return False
    return True
