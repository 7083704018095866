"""Resizes for tests, each compared with its promised size."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from shift_media.core import geometry
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from tests.imaging import images


def made(content: bytes, size: str, format: str = "png", **options: object) -> Image.Image:
    """Make a resize, check its size and format, and decode it."""
    spec = Spec.make(size, format=format, **options)  # type: ignore[arg-type]
    source = BytesIO(content)
    result = engine.make(source, spec)
    facts = probe(source)
    image = images.opened(result.content)
    promised = geometry.output_size(spec, facts.width, facts.height)
    assert image.size == (result.width, result.height) == promised
    assert result.format == format == probe(BytesIO(result.content)).format.extension
    return image
