"""The functions that decode files of any origin, as calls with plain data.

They run in this process or in a worker alike. `Call.run` takes a file and arguments and yields
results. `Call.pack` turns a result into facts, which are values of JSON, and bytes; `Call.unpack`
turns these into the result again. What is unpacked may come from a worker that a hostile file has
taken over, so it is checked as other input is: a wrong value raises ``ValueError``, ``TypeError``
or ``KeyError``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO, Final, cast

from PIL import Image

from shift_media.core.errors import BY_CODE, EmptyCrop, InvalidSpec, MediaError
from shift_media.core.formats import BY_EXTENSION, RESIZE_FORMATS
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Focal, Limits, Spec
from shift_media.imaging import engine, impressions
from shift_media.imaging.engine import Decoder, Effort, Preview, Result
from shift_media.imaging.exif_facts import ExifFacts, read_exif_facts
from shift_media.imaging.formats.base import Part, SourceLimits, Span
from shift_media.imaging.formats.segments import flat_parts
from shift_media.imaging.strip import strip

Facts = dict[str, Any]
Wanted = tuple[Spec, PresetEffects | None]
"""A resize that is asked for, with the effects of its preset."""

SANDBOXED: Final = ("jxl",)
"""Extensions of formats that a program of its own decodes, which no worker could start."""

_MAX_DETAIL: Final = 2000
"""Characters of the detail of an error."""
_MAX_TEXT: Final = 200
_PREVIEW_SIDE: Final = 64
_PLACEHOLDER: Final = re.compile(r"data:image/webp;base64,[A-Za-z0-9+/]{0,400}={0,2}")
_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_BLURHASH: Final = re.compile(r"[0-9A-Za-z#$%*+,.:;=?@\[\]^_{|}~-]{6,100}")
_MODES: Final = ("RGB", "RGBA")


@dataclass(frozen=True, slots=True)
class Impressions:
    """The colours of an image, and its BlurHash."""

    palette: tuple[str, ...]
    blurhash: str


def make_many(
    source: BinaryIO,
    wanted: Sequence[Wanted],
    limits: SourceLimits,
    output: Limits,
    decoder: Decoder,
    effort: Effort = "fast",
) -> Iterator[Result | MediaError]:
    """Yield the resizes that are asked for, in their order, from one decode of an original.

    In place of one whose spec does not fit the original comes its `EmptyCrop` or `InvalidSpec`.
    Raises what `engine.make` raises.
    """
    options: dict[str, Any]
    options = {"limits": limits, "output": output, "decoder": decoder, "effort": effort}

    def plan(*specs: Spec) -> Iterator[Result]:
        return engine.make_many(source, specs, **options)

    if len(wanted) == 1:
        # It has its own way through the engine, which decodes no more than it needs.
        yield _make(source, *wanted[0], **options)
        return
    errors: dict[int, MediaError] = {}
    plain = {index: spec for index, (spec, effects) in enumerate(wanted) if effects is None}
    try:
        made = plan(*plain.values())
    except (EmptyCrop, InvalidSpec):
        # The engine plans all specs before it decodes. Those that fail are found one by one.
        for index, spec in plain.items():
            try:
                plan(spec)
            except (EmptyCrop, InvalidSpec) as error:
                errors[index] = error
        made = plan(*(spec for index, spec in plain.items() if index not in errors))
    for index, each in enumerate(wanted):
        if index in errors:
            yield errors[index]
        else:
            yield next(made) if index in plain else _make(source, *each, **options)


def _make(
    source: BinaryIO, spec: Spec, effects: PresetEffects | None, **options: Any
) -> Result | MediaError:
    try:
        return engine.make(source, spec, effects=effects, **options)
    except (EmptyCrop, InvalidSpec) as error:
        return error


def make_preview(source: BinaryIO, limits: SourceLimits, decoder: Decoder) -> Iterator[Preview]:
    """Yield the preview of an image, for which all of it is decoded."""
    yield engine.preview(source, limits=limits, decoder=decoder)


def strip_metadata(source: BinaryIO, limits: SourceLimits) -> Iterator[tuple[Part, ...]]:
    """Yield the parts of an image without its metadata, upright if browsers would ignore that."""
    upright = engine.bake_orientation(source, limits)
    if upright is not None:
        yield (upright.read(),)
    else:
        yield tuple(flat_parts(strip(source, limits), source))


def read_exif(source: BinaryIO, extension: str) -> Iterator[ExifFacts]:
    """Yield the facts in the EXIF block of an image of a format."""
    yield read_exif_facts(source, BY_EXTENSION[extension])


def read_impressions(
    source: BinaryIO, limits: SourceLimits, decoder: Decoder
) -> Iterator[Impressions]:
    """Yield the palette and the BlurHash of an image."""
    spec = Spec.make(f"{_PREVIEW_SIDE}x{_PREVIEW_SIDE}", format="png")
    made = engine.make(source, spec, limits=limits, decoder=decoder)
    picture = engine.open_picture(BytesIO(made.content))
    yield Impressions(impressions.make_palette(picture), impressions.make_blurhash(picture))


def find_focal(source: BinaryIO, limits: SourceLimits, decoder: Decoder) -> Iterator[Focal | None]:
    """Yield the point of an image that stands out; None if nothing does."""
    found = engine.find_focal(source, limits=limits, decoder=decoder)
    yield None if found is None else Focal(*found)


def read_pixels(source: BinaryIO) -> Iterator[Image.Image]:
    """Yield an image, as RGB or RGBA."""
    picture = engine.open_picture(source)
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    yield picture.convert("RGBA" if has_alpha else "RGB")


# Results as facts and bytes


def pack_error(error: MediaError) -> Facts:
    """Return the facts of an error."""
    return {"error": error.code, "detail": str(error)[:_MAX_DETAIL]}


def unpack_error(facts: Facts) -> MediaError:
    """Return the error of facts; one of another class than `MediaError` if its code is known."""
    kind = BY_CODE.get(_text(facts["error"]), MediaError)
    error = kind.__new__(kind)  # The arguments of a class differ.
    MediaError.__init__(error, _text(facts["detail"], _MAX_DETAIL))
    return error


def _pack_result(result: Result | MediaError) -> tuple[Facts, bytes]:
    if isinstance(result, MediaError):
        return pack_error(result), b""
    facts = {"width": result.width, "height": result.height, "format": result.format}
    return facts, result.content


def _unpack_result(facts: Facts, content: bytes) -> Result | MediaError:
    if "error" in facts:
        return unpack_error(facts)
    format = RESIZE_FORMATS[_text(facts["format"])].extension
    return Result(content, _number(facts["width"], 1), _number(facts["height"], 1), format)


def _pack_preview(preview: Preview) -> tuple[Facts, bytes]:
    return {"placeholder": preview.placeholder, "color": preview.color}, b""


def _unpack_preview(facts: Facts, content: bytes) -> Preview:
    return Preview(_match(_PLACEHOLDER, facts["placeholder"]), _match(_COLOR, facts["color"]))


def _pack_parts(parts: tuple[Part, ...]) -> tuple[Facts, bytes]:
    """Return each part as an offset and a length; bytes have the offset -1."""
    spans = [(-1, len(part)) if isinstance(part, bytes) else part for part in parts]
    return {"spans": spans}, b"".join(part for part in parts if isinstance(part, bytes))


def _unpack_parts(facts: Facts, content: bytes) -> tuple[Part, ...]:
    parts: list[Part] = []
    at = 0
    for offset, length in facts["spans"]:
        span = Span(_number(offset, -1), _number(length, 0))
        if span.offset < 0:
            parts.append(content[at : at + span.length])
            at += span.length
        else:
            parts.append(span)
    return tuple(parts)


def _pack_exif(facts: ExifFacts) -> tuple[Facts, bytes]:
    return {"camera": facts.camera, "taken_at": facts.taken_at, "gps": facts.gps}, b""


def _unpack_exif(facts: Facts, content: bytes) -> ExifFacts:
    gps = None
    if facts["gps"] is not None:
        latitude, longitude = facts["gps"]
        gps = _degrees(latitude, 90), _degrees(longitude, 180)
    return ExifFacts(_printable(facts["camera"]), _printable(facts["taken_at"]), gps)


def _pack_impressions(found: Impressions) -> tuple[Facts, bytes]:
    return {"palette": found.palette, "blurhash": found.blurhash}, b""


def _unpack_impressions(facts: Facts, content: bytes) -> Impressions:
    palette = tuple(_match(_COLOR, color) for color in facts["palette"])
    return Impressions(palette[: impressions.COLORS], _match(_BLURHASH, facts["blurhash"]))


def _pack_focal(focal: Focal | None) -> tuple[Facts, bytes]:
    return {"focal": focal}, b""


def _unpack_focal(facts: Facts, content: bytes) -> Focal | None:
    if facts["focal"] is None:
        return None
    x, y = facts["focal"]
    return Focal(_number(x, 0, 100), _number(y, 0, 100))


def _pack_pixels(picture: Image.Image) -> tuple[Facts, bytes]:
    return {"mode": picture.mode, "size": picture.size}, picture.tobytes()


def _unpack_pixels(facts: Facts, content: bytes) -> Image.Image:
    mode, (width, height) = facts["mode"], facts["size"]
    size = (_number(width, 1), _number(height, 1))
    if mode not in _MODES or size[0] * size[1] * len(mode) != len(content):
        raise ValueError(f"{len(content)} bytes are no picture of {size}, {mode!r:.100}.")
    return Image.frombytes(mode, size, content)


def _text(value: object, most: int = _MAX_TEXT) -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{value!r:.100} is not a text of at most {most} characters.")
    return value


def _printable(value: object) -> str:
    """Return a text without control characters and surrogates, which no JSON column stores."""
    text = _text(value)
    if not text.isprintable():
        raise ValueError(f"{text!r:.100} has characters that cannot be printed.")
    return text


def _degrees(value: object, most: int) -> float:
    if type(value) not in (int, float) or not -most <= cast("float", value) <= most:
        raise ValueError(f"{value!r:.100} is not a number of degrees up to {most}.")
    return float(cast("float", value))


def _match(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r:.100} does not match {pattern.pattern}.")
    return value


def _number(value: object, least: int, most: int | None = None) -> int:
    if type(value) is not int or value < least or (most is not None and value > most):
        raise ValueError(f"{value!r:.100} is not a whole number from {least} to {most}.")
    return value


@dataclass(frozen=True, slots=True)
class Call:
    """A function, and how its results become facts and bytes and are read again."""

    run: Callable[..., Iterator[Any]]
    pack: Callable[[Any], tuple[Facts, bytes]]
    unpack: Callable[[Facts, bytes], Any]


CALLS: Final = {
    "make_many": Call(make_many, _pack_result, _unpack_result),
    "make_preview": Call(make_preview, _pack_preview, _unpack_preview),
    "strip_metadata": Call(strip_metadata, _pack_parts, _unpack_parts),
    "read_exif": Call(read_exif, _pack_exif, _unpack_exif),
    "read_impressions": Call(read_impressions, _pack_impressions, _unpack_impressions),
    "find_focal": Call(find_focal, _pack_focal, _unpack_focal),
    "read_pixels": Call(read_pixels, _pack_pixels, _unpack_pixels),
}
"""By the name that a server sends to its worker."""
