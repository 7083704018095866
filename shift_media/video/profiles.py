"""Profiles: named sets of renditions, as ``SHIFT_MEDIA["PROFILES"]`` writes them, typed.

Each maps the file name of a rendition to its options::

    {"web": {
        "720p.mp4": {"kind": "mp4", "height": 720},
        "hls.m3u8": {"kind": "hls", "heights": [720, 480]},
        "_poster.jpg": {"kind": "poster"},
        "preview.vtt": {"kind": "sprite"},
    }}

One with ``"outputs"`` is written in the vocabulary of Elastic Transcoder: see
`shift_media.video.elastic.profiles`, which makes of it what is here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from shift_media.core.errors import InvalidProfile
from shift_media.video.encoding import Encoding, SoundEncoding
from shift_media.video.sizing import FrameSize, Padding, Policy, Sides, framed

if TYPE_CHECKING:
    from shift_media.video.elastic.job import ElasticJob

POSTER = "_poster.jpg"
"""The file of a poster, which lies beside the original and has no profile in its key."""

PROFILE_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}\.([a-z0-9]{2,4})")
_SIDES = range(2, 4321)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionSpec:
    """One file, or one set of files, of a profile.

    ``legacy`` is what Elastic Transcoder would have called it, with placeholders.
    """

    kind: ClassVar[str]
    extension: ClassVar[str]
    file: str
    legacy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mp4(RenditionSpec):
    """H.264 and AAC in an MP4 that plays while it loads; ``height`` is of the short side.

    ``encoding`` says more than the options can, and is stronger.
    """

    kind = "mp4"
    extension = "mp4"
    height: int = 720
    crf: int = 23
    preset: str = "veryfast"
    audio_kbps: int = 128
    encoding: Encoding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webm(Mp4):
    """VP8 or VP9 and Vorbis in a WebM, as ``encoding`` says. No option of settings gives it."""

    kind = "webm"
    extension = "webm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hls(RenditionSpec):
    """A playlist with one stream of fMP4 segments for each rung.

    ``streams`` has names and encodings of rungs, and is stronger than ``heights``.
    """

    kind = "hls"
    extension = "m3u8"
    heights: tuple[int, ...] = (720, 480)
    segment_seconds: int = 6
    crf: int = 23
    preset: str = "veryfast"
    audio_kbps: int = 128
    streams: tuple[tuple[str, Encoding], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSpec(RenditionSpec):
    """A still picture, from ``at`` percent of the duration."""

    kind = "poster"
    extension = "jpg"
    at: int = 10
    height: int = 4320


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite(RenditionSpec):
    """Small pictures in one JPEG, and a WebVTT file that says where each one lies."""

    kind = "sprite"
    extension = "vtt"
    height: int = 90
    most: int = 100
    seconds: int = 2
    columns: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(RenditionSpec):
    """The sound alone, as AAC in an M4A file, unless ``encoding`` says otherwise."""

    kind = "audio"
    extension = "m4a"
    kbps: int = 128
    encoding: SoundEncoding | None = None

    @property
    def is_mp3(self) -> bool:
        """Whether it is a bare MP3."""
        return self.encoding is not None and self.encoding.codec == "mp3"


@dataclass(frozen=True, slots=True, kw_only=True)
class StillsSpec(RenditionSpec):
    """Pictures in files of their own, one each so many seconds: the thumbnails of a job.

    ``file`` is the first, which ends in ``-00001``. No option of settings gives them.
    """

    kind = "stills"
    extension = "png"
    box: Sides = (192, 108)
    policy: Policy = "ShrinkToFit"
    padding: Padding = "NoPad"
    seconds: int = 60

    def frame(self, width: int, height: int) -> FrameSize:
        """Choose the frame of a source with square pixels."""
        return framed(self.policy, self.padding, (width, height), self.box)

    def numbered(self, number: int) -> str:
        """Name one of them, from 1 on."""
        stem, _, extension = self.file.rpartition(".")
        return f"{stem.removesuffix('00001')}{number:05}.{extension}"


KINDS: dict[str, type[RenditionSpec]] = {
    kind.kind: kind for kind in (Mp4, Hls, PosterSpec, Sprite, Audio)
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of renditions; ``elastic`` is what they were made of, where that is a job."""

    name: str
    renditions: tuple[RenditionSpec, ...]
    elastic: ElasticJob | None = None

    def of_kind(self, kind: str) -> list[Any]:
        """List the renditions of one kind."""
        return [rendition for rendition in self.renditions if rendition.kind == kind]


BUILT_IN: dict[str, dict[str, dict[str, Any]]] = {
    "web": {
        "720p.mp4": {"kind": "mp4", "height": 720},
        "480p.mp4": {"kind": "mp4", "height": 480},
        "hls.m3u8": {"kind": "hls", "heights": [720, 480]},
        POSTER: {"kind": "poster"},
        "preview.vtt": {"kind": "sprite"},
    }
}
"""The profiles that every site has, unless it gives one of the same name."""


def parse_profile(name: object, renditions: object) -> Profile:
    """Read one profile; raises `InvalidProfile`, which says what to write."""
    check_name(name)
    if not isinstance(renditions, Mapping) or not renditions:
        raise InvalidProfile(
            f'{name!r} is {renditions!r}: write {{"720p.mp4": {{"kind": "mp4", "height": 720}}}}.'
        )
    return Profile(str(name), tuple(parse_rendition(*item) for item in renditions.items()))


def check_name(name: object) -> None:
    """Raise `InvalidProfile` for what is no name of a profile."""
    if not isinstance(name, str) or not PROFILE_NAME.fullmatch(name):
        raise InvalidProfile(
            f"{name!r} is no name of a profile: 2 to 32 of a-z, 0-9 and -, a letter first."
        )


def parse_rendition(file: object, options: object) -> RenditionSpec:
    """Read one rendition; raises `InvalidProfile`."""
    if not isinstance(options, Mapping) or options.get("kind") not in KINDS:
        kinds = ", ".join(KINDS)
        raise InvalidProfile(f'{file!r} is {options!r}: write {{"kind": …}}, one of {kinds}.')
    kind = KINDS[options["kind"]]
    _check_file(file, kind)
    types = {field.name: field for field in fields(kind) if field.name not in _OURS}
    values: dict[str, Any] = {}
    for option, value in options.items():
        if option == "kind":
            continue
        if option not in types:
            near = difflib.get_close_matches(str(option), types, n=1, cutoff=0)[0]
            raise InvalidProfile(f'{file!r} has no option {option!r}: did you mean "{near}"?')
        default = types[option].default
        assert default is not MISSING  # noqa: S101 (all options have one)
        values[option] = _value(f"{file!r}, {option}", option, value, default)
    return kind(file=str(file), **values)


def _check_file(file: object, kind: type[RenditionSpec]) -> None:
    if kind is PosterSpec:
        if file != POSTER:
            raise InvalidProfile(f'A poster has one name, "{POSTER}", not {file!r}.')
        return
    match = _FILE.fullmatch(file) if isinstance(file, str) else None
    if match is None or match[1] != kind.extension:
        raise InvalidProfile(
            f"{file!r} is no name for {kind.kind}: a-z, 0-9, . _ - and, at its end, "
            f'".{kind.extension}".'
        )


def _value(where: str, option: str, value: object, default: object) -> object:
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not value:
            raise InvalidProfile(f"{where} is {value!r}: write a list such as {list(default)}.")
        return tuple(_number(where, "height", item) for item in value)
    if isinstance(default, str):
        if value not in _PRESETS:
            raise InvalidProfile(f"{where} is {value!r}: one of {', '.join(_PRESETS)}.")
        return value
    return _number(where, option, value)


_OURS = "file", "legacy", "encoding", "streams"  # no options
_PRESETS = "ultrafast superfast veryfast faster fast medium slow slower".split()
_RANGES = {
    "height": _SIDES,
    "crf": range(52),
    "at": range(101),
    "most": range(1, 1001),
    "seconds": range(1, 3601),
    "segment_seconds": range(1, 61),
    "columns": range(1, 101),
    "audio_kbps": range(16, 513),
    "kbps": range(16, 513),
}


def _number(where: str, option: str, value: object) -> int:
    allowed = _RANGES[option]
    if type(value) is not int or value not in allowed:
        raise InvalidProfile(
            f"{where} is {value!r}: write a whole number from {allowed[0]} to {allowed[-1]}."
        )
    return value
