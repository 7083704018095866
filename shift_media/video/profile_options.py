"""The options of a profile that hold for all of its renditions: language, trim and watermark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shift_media.core.errors import InvalidProfile, InvalidSpec
from shift_media.core.preset_effects import Watermark, make_watermark
from shift_media.video.languages import UNKNOWN_LANGUAGE, parse_language
from shift_media.video.parts import WHOLE, Part

NAMES = ("language", "trim", "watermark")
"""The keys of a profile that are options. File names of renditions have a dot."""

_MOST_SECONDS = 86_400

ReadFile = Callable[[str, str], bytes]


@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """The options of a profile.

    Attributes:
        language: of the sound that is used, if the source has one; empty for the first sound.
        part: what is cut out of the source.
        watermark: is laid over MP4s and HLS; not over posters, sprites and stills.
    """

    language: str = ""
    part: Part = WHOLE
    watermark: Watermark | None = None


NO_OPTIONS = ProfileOptions()


def _read_none(path: str, storage: str) -> bytes:
    raise InvalidSpec(f"The watermark {path} can be read in settings only.")


def parse_options(
    given: Mapping[str, Any], read: ReadFile | None = None
) -> tuple[ProfileOptions, dict[str, Any]]:
    """Return the options of a profile, and its renditions. Raises `InvalidProfile`.

    ``read`` returns the bytes of a file, which must be a picture.
    """
    renditions = {file: value for file, value in given.items() if file not in NAMES}
    try:
        watermark = make_watermark(given.get("watermark"), read or _read_none)
    except InvalidSpec as error:
        raise InvalidProfile(f'"watermark": {error}') from error
    options = ProfileOptions(
        _parse_language(given.get("language", "")), _parse_trim(given.get("trim")), watermark
    )
    return options, renditions


def _parse_language(given: object) -> str:
    language = parse_language(given) if isinstance(given, str) else UNKNOWN_LANGUAGE
    if given and language == UNKNOWN_LANGUAGE:
        raise InvalidProfile(f'"language" must be a code such as "de", got {given!r}.')
    return language if given else ""


def _parse_trim(given: object) -> Part:
    if given is None:
        return WHOLE
    example = '{"start": 5, "end": 65}, in seconds from the beginning'
    is_dict = isinstance(given, Mapping) and bool(given) and given.keys() <= {"start", "end"}
    values = dict(given) if isinstance(given, Mapping) else {}
    right = is_dict and all(
        type(value) in (int, float) and 0 <= value <= _MOST_SECONDS for value in values.values()
    )
    part = Part(float(values.get("start", 0)), float(values.get("end", 0))) if right else WHOLE
    if not right or ("end" in values and part.end <= part.start):
        raise InvalidProfile(f'"trim" must be a dict such as {example}, got {given!r}.')
    return part
