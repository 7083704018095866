"""The engines that are compared: each makes a JPEG of quality 80 from the same bytes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pyvips
from PIL import Image

from shift_media.core.spec import Spec
from shift_media.imaging import engine


def shift_media(
    content: bytes, width: int, height: int, mode: str = "fit", decoder: engine.Decoder = "auto"
) -> bytes:
    """Make a resize as the view does."""
    spec = Spec.make(f"{width}x{height}", mode=mode, format="jpg", quality=80)
    return engine.make(BytesIO(content), spec, decoder=decoder).content


def share_read(content: bytes, width: int, height: int, mode: str) -> float:
    """Return the share of the file that `shift_media` reads."""
    spec = Spec.make(f"{width}x{height}", mode=mode, format="jpg", quality=80)
    return engine.needed_bytes(BytesIO(content), spec) / len(content)


def encoded(image: Image.Image) -> bytes:
    """Encode as all engines do."""
    output = BytesIO()
    image.save(output, "JPEG", quality=80)
    return output.getvalue()


def full(content: bytes, width: int, height: int, mode: str = "fit") -> bytes:
    """Decode all pixels and resize with LANCZOS, which the others are compared with."""
    return encoded(best(content, width, height, mode))


def best(content: bytes, width: int, height: int, mode: str = "fit") -> Image.Image:
    """Return the pixels of `full`."""
    image = on_white(Image.open(BytesIO(content)))
    if mode == "fill":
        scale = min(image.width / width, image.height / height)
        left, top = (image.width - width * scale) / 2, (image.height - height * scale) / 2
        box = (left, top, left + width * scale, top + height * scale)
        return image.resize((width, height), Image.Resampling.LANCZOS, box)
    return image.resize(fitted(image.size, width, height), Image.Resampling.LANCZOS)


def on_white(image: Image.Image) -> Image.Image:
    """Return RGB pixels, with transparent ones on white."""
    if "A" not in image.mode:
        return image.convert("RGB")
    flat = Image.new("RGB", image.size, (255, 255, 255))
    flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return flat


def fitted(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """Return a size fitted into a box."""
    scale = min(width / size[0], height / size[1])
    return round(size[0] * scale), round(size[1] * scale)


def thumbnail(content: bytes, width: int, height: int) -> bytes:
    """Use `Image.thumbnail`, the best that Pillow offers in one call."""
    image = Image.open(BytesIO(content))
    image.thumbnail((width, height), Image.Resampling.LANCZOS)
    return encoded(on_white(image))


def vips(content: bytes, width: int, height: int) -> bytes:
    """Use libvips, which shrinks while it loads."""
    image = pyvips.Image.thumbnail_buffer(content, width, height=height)
    return bytes(image.jpegsave_buffer(Q=80, keep="none", background=[255, 255, 255]))


def thumbor(content: bytes, width: int, height: int) -> bytes:
    """Use thumbor's engine without its server, with baseline JPEGs as the others make."""
    from thumbor.config import Config
    from thumbor.context import Context
    from thumbor.engines.pil import Engine as ThumborEngine

    machine = ThumborEngine(Context(config=Config(PROGRESSIVE_JPEG=False)))
    machine.load(content, None)
    machine.resize(*fitted(machine.size, width, height))
    return bytes(machine.read(".jpg", 80))


def limit(content: bytes, width: int, height: int) -> bytes:
    """Use libjpeg-turbo: a scaled decode, a box filter, an encode. No engine can do less work."""
    import simplejpeg

    head = simplejpeg.decode_jpeg_header(content)
    size = fitted((head[1], head[0]), width, height)
    pixels = simplejpeg.decode_jpeg(
        content,
        "RGB",
        min_width=round(size[0] * 1.3),
        min_height=round(size[1] * 1.3),
        min_factor=1,
    )
    image = Image.fromarray(np.asarray(pixels)).resize(size, Image.Resampling.BOX)
    return bytes(
        simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=80, colorsubsampling="420")
    )
