"""The parsers that take bytes of others, each with its seeds and what it may answer.

A target's ``check`` returns True for an accepted input, raises one of the ``refusals``, or raises
something else: a finding.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from shift_media.core.errors import SourceError, UnsupportedType
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.imaging.probe import read_header
from tests.fuzz import seeds, texts
from tests.fuzz.mutations import Mutator
from tests.fuzz.oracle import LIMITS, Refused, check_picture, require
from tests.fuzz.structures import BOXES, ICC, LINES, TIFF, Structure
from tests.imaging import images


@dataclass(frozen=True)
class Target:
    """A parser to fuzz.

    Attributes:
        check: as above.
        seeds: returns the inputs to begin with.
        refusals: the errors that a bad input may be refused with.
        tokens: words of the language.
        structure: of all inputs; None to look at their first bytes.
        share: of the time, beside the others.
    """

    name: str
    check: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    refusals: tuple[type[Exception], ...] = ()
    tokens: tuple[bytes, ...] = ()
    structure: Structure | None = None
    share: float = 1.0

    def run(self, content: bytes) -> bool:
        """Return True if an input is accepted; raise what makes it a finding."""
        try:
            self.check(content)
        except (Refused, *self.refusals):
            return False
        return True

    def mutator(self, chance: random.Random) -> Mutator:
        """Return the mutator of its inputs."""
        return Mutator(chance, self.tokens, self.structure)


PICTURES = ("jpg", "png", "gif", "webp", "avif", "heic", "tif", "bmp", "ico", "jp2")
_NAMES = {"jpg": "jpeg", "tif": "tiff"}
_BOXED = ("avif", "heic", "jp2")
_PICTURE = (SourceError,)


def _check_header(content: bytes) -> None:
    header = read_header(io.BytesIO(content), LIMITS)
    require(1 <= header.orientation <= 8, "an orientation is 1 to 8")
    require(header.frames >= 1, "a picture has a frame")
    spans = [part for part in (*header.parts, *header.profile) if not isinstance(part, bytes)]
    require(all(min(span) >= 0 for span in spans), "no part begins before the file")


def _headers() -> list[bytes]:
    return [content for extension in PICTURES for content in seeds.pictures(extension)]


_PLAIN_JPEG = images.encoded(images.quadrants(16, 12), "jpg")
_PLAIN_PNG = images.encoded(images.quadrants(16, 12), "png")


def _check_profile(content: bytes) -> None:
    """Put a profile into a JPEG of the colours that it says it is for."""
    mode = {b"GRAY": "L", b"CMYK": "CMYK"}.get(content[16:20], "RGB")
    picture = images.quadrants(16, 12).convert(mode)
    check_picture(
        images.with_segments(
            images.encoded(picture, "jpg", subsampling=-1),
            (0xE2, b"ICC_PROFILE\0\1\1" + content[:60_000]),
        )
    )


def _check_exif(content: bytes) -> None:
    check_picture(images.with_segments(_PLAIN_JPEG, (0xE1, b"Exif\0\0" + content[:60_000])))
    check_picture(images.with_chunks(_PLAIN_PNG, (b"eXIf", content)))


def _check_detection(content: bytes) -> None:
    format = detect(content[:HEAD_BYTES])
    require(detect(content[:HEAD_BYTES] + b"") == format, "detection depends on the bytes alone")
    try:
        read_header(io.BytesIO(content), LIMITS)
    except UnsupportedType:
        return
    except SourceError:
        require(format.kind == "image", "only images are read")


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        *(
            Target(
                _NAMES.get(extension, extension),
                check_picture,
                partial(seeds.pictures, extension),
                _PICTURE,
                structure=BOXES if extension in _BOXED else None,
                share=2.0 if extension in ("jpg", "png", "gif", "webp", "avif") else 1.0,
            )
            for extension in PICTURES
        ),
        Target("headers", _check_header, _headers, _PICTURE, share=2.0),
        Target("detection", _check_detection, _headers),
        Target("icc", _check_profile, seeds.profiles, _PICTURE, structure=ICC),
        Target("exif", _check_exif, seeds.exif_blocks, _PICTURE, structure=TIFF),
        *(
            Target(
                text.name,
                text.check,
                text.seeds,
                text.refusals,
                text.tokens,
                LINES if text.of_lines else text.structure,
                share=text.share,
            )
            for text in texts.TARGETS
        ),
    )
}
"""By name."""
