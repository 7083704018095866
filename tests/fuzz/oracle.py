"""The promises that hold for a picture, whatever its bytes are.

An error that is not one of the named ones passes through and is a finding; so is a `Violation`.
"""

from __future__ import annotations

import random
import warnings
import zlib
from io import BytesIO

from PIL import Image

from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop, LimitExceeded, SourceError
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.exif_facts import read_exif_facts
from shift_media.imaging.formats.base import SourceLimits
from shift_media.imaging.probe import ImageFacts, probe
from shift_media.imaging.strip import can_strip, strip

LIMITS = SourceLimits(pixels=1_000_000, frames=60)
"""Small, so that an execution is short. What is over them is refused as on a site."""

SPECS = (
    Spec.make("40x30", format="png"),
    Spec.make("64x64", format="jpg", mode="fill", focal=(10, 90)),
    Spec.make("20x50", format="webp", mode="pad"),
    Spec.make("33x21", format="gif", mode="stretch"),
    Spec.make("50x", format="png", rotate=90, flip="h", gray=True),
    Spec.make("30x30", format="webp", crop=(2, 3, 9, 9), upscale=True, sharpen=20),
    Spec.make("24x24", format="jpg", blur=4, background="102030"),
    Spec.make("16x16", format="avif", mode="fill"),
)


class Violation(AssertionError):
    """A promise that the package did not keep."""


class Refused(Exception):
    """An input that a parser answers with something else than an error."""


def require(condition: object, promise: str) -> None:
    if not condition:
        raise Violation(promise)


def check_picture(content: bytes) -> bool:
    """Check one picture with one resize; return True if it is accepted."""
    chance = random.Random(zlib.crc32(content))
    facts = probe(BytesIO(content), LIMITS)
    require(facts.width > 0 and facts.height > 0 and facts.frames > 0, "sides are positive")
    most = LIMITS.pixels * (LIMITS.shrinking if facts.format.extension == "jpg" else 1)
    require(facts.width * facts.height <= most, "a frame is within the limit")
    read_exif_facts_of(content, facts)
    accepted = _check_resize(content, facts, chance)
    if can_strip(facts.format):
        _check_strip(content, facts, accepted)
    return accepted


def read_exif_facts_of(content: bytes, facts: ImageFacts) -> None:
    """Read the EXIF block of a format that can have one, as an upload does."""
    if facts.format.extension in ("jpg", "png", "webp", "avif", "heic"):
        found = read_exif_facts(BytesIO(content), facts.format)
        require(len(found.camera) <= 100 and found.camera.isprintable(), "camera is a short text")


def _check_resize(content: bytes, facts: ImageFacts, chance: random.Random) -> bool:
    spec = chance.choice(SPECS)
    decoder = chance.choice(("pillow", "pillow", "vips"))
    try:
        made = engine.make(BytesIO(content), spec, limits=LIMITS, decoder=decoder)
    except (EmptyCrop, LimitExceeded):
        return False
    except SourceError:
        _check_preview(content)
        return False
    promised = geometry.output_size(spec, facts.width, facts.height)
    seen = probe(BytesIO(made.content))
    require((made.width, made.height) == promised, "the size made is the size promised")
    require((seen.width, seen.height) == promised, "the file has the size promised")
    require(seen.format.extension == spec.format, "the file has the format of the spec")
    require(metadata_in(made.content) == set(), "no metadata is in a resize")
    needed = engine.needed_bytes(BytesIO(content), spec, limits=LIMITS)
    require(0 < needed <= len(content), "no more bytes are needed than there are")
    _check_preview(content)
    return True


def _check_preview(content: bytes) -> None:
    """Check the preview, which decodes all data: it may refuse what one resize does not need."""
    try:
        preview = engine.preview(BytesIO(content), limits=LIMITS)
    except SourceError:
        return
    require(len(preview.placeholder) <= 400, "a placeholder has at most 400 characters")
    require(len(preview.color) == 7, "a colour has seven characters")


def _check_strip(content: bytes, facts: ImageFacts, accepted: bool) -> None:
    try:
        clean = strip(BytesIO(content), LIMITS).read()
    except SourceError:
        return
    again = strip(BytesIO(clean), LIMITS).read()
    require(again == clean, "stripping twice is the same as once")
    require(probe(BytesIO(clean), LIMITS) == facts, "the facts of a stripped picture stay")
    if not accepted:
        return
    try:
        before = _pixels(content)
    except SourceError:
        return
    require(_pixels(clean) == before, "stripping keeps each pixel")
    require(metadata_in(clean) == set(), "no metadata is in a stripped picture")


def _pixels(content: bytes) -> tuple[str, tuple[int, int], bytes]:
    image = engine.open_picture(BytesIO(content), limits=LIMITS)
    return image.mode, image.size, image.tobytes()


_TEXTS = {"xmp", "comment", "photoshop", "mp", "mpoffset", "XML:com.adobe.xmp"}


def metadata_in(content: bytes) -> set[str]:
    """Return the metadata that Pillow finds, beside an orientation and a profile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(BytesIO(content)) as image:
                found = {name for name in _TEXTS if any(image.info.get(name) or ())}
                tags = set(image.getexif())
                # A TIFF has tags of its own. JPEG 2000 keeps the length of a comment, in zeros.
                private = tags & _PRIVATE if image.format == "TIFF" else tags - {_ORIENTATION}
                return found | {f"tag {tag:#x}" for tag in private}
        except (Image.UnidentifiedImageError, Image.DecompressionBombError):
            return set()  # Pillow's own detection is narrower: there is nothing to compare.
        except (OSError, SyntaxError, ValueError, KeyError, EOFError, IndexError):
            return set()


_ORIENTATION = 0x0112
_PRIVATE = {
    0x10D, 0x10E, 0x10F, 0x110, 0x131, 0x132, 0x13B, 0x13C, 0x2BC, 0x8298, 0x83BB, 0x8649, 0x8769,
    0x8825, 0xC4A5,
}  # fmt: skip
"""Tags of a TIFF that say who made it, when, where and with what."""
