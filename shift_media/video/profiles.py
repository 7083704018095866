"""Profiles: named sets of renditions, parsed from ``SHIFT_MEDIA["PROFILES"]``.

A profile maps the file name of each rendition to its options::

    {"web": {
        "720p.mp4": {"kind": "mp4", "height": 720},
        "hls.m3u8": {"kind": "hls", "heights": [720, 480]},
        "_poster.jpg": {"kind": "poster"},
        "preview.vtt": {"kind": "sprite"},
    }}

``"language"``, ``"trim"`` and ``"watermark"`` are options of the whole profile: see
`shift_media.video.profile_options`.

A profile with ``"outputs"`` is written in the vocabulary of Elastic Transcoder:
`shift_media.video.elastic.profiles` translates it into the specs of `shift_media.video.specs`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any

from shift_media.core.errors import InvalidProfile
from shift_media.core.keys import NEW_POSTER
from shift_media.video.profile_options import NO_OPTIONS, ProfileOptions, ReadFile, parse_options
from shift_media.video.specs import (
    CODECS,
    POSTER,
    Audio,
    Captions,
    Dash,
    Hls,
    Mp4,
    PosterSpec,
    RenditionSpec,
    Sprite,
    Webm,
)

if TYPE_CHECKING:
    from shift_media.video.elastic.job import ElasticJob

PROFILE_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,59}\.([a-z0-9]{2,4})")
_SIDES = range(2, 4321)


KINDS: dict[str, type[RenditionSpec]] = {
    kind.kind: kind for kind in (Mp4, Webm, Hls, Dash, PosterSpec, Sprite, Captions, Audio)
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of renditions.

    ``elastic`` is the job from which they were translated, if the profile is written in Elastic
    Transcoder's vocabulary.
    """

    name: str
    renditions: tuple[RenditionSpec, ...]
    elastic: ElasticJob | None = None
    options: ProfileOptions = NO_OPTIONS

    def of_kind(self, kind: str) -> list[Any]:
        """Return the renditions of one kind."""
        return [rendition for rendition in self.renditions if rendition.kind == kind]

    @property
    def codecs(self) -> set[str]:
        """The video codecs of the renditions that are not of Elastic Transcoder's vocabulary."""
        files = [*self.of_kind("mp4"), *self.of_kind("webm")]
        named = {one.codec for one in files if one.encoding is None}
        playlists = [one for one in self.of_kind("hls") if not one.streams]
        return named.union(*(one.codecs for one in playlists))

    @property
    def payload(self) -> dict[str, object]:
        """The project's own metadata, which is stored with a complete job."""
        if self.elastic is None or not self.elastic.user_metadata:
            return {}
        return {"userMetadata": dict(self.elastic.user_metadata)}


BUILT_IN: dict[str, dict[str, dict[str, Any]]] = {
    "web": {
        "720p.mp4": {"kind": "mp4", "height": 720},
        "480p.mp4": {"kind": "mp4", "height": 480},
        "hls.m3u8": {"kind": "hls", "heights": [720, 480]},
        POSTER: {"kind": "poster"},
        "preview.vtt": {"kind": "sprite"},
        "captions.vtt": {"kind": "captions"},
    },
    "animation": {
        "loop.webm": {"kind": "webm", "height": 720},
        "loop.mp4": {"kind": "mp4", "height": 720},
    },
    "audio": {
        "listen.m4a": {"kind": "audio", "kbps": 128, "loudness": -16},
        "listen.ogg": {"kind": "audio", "kbps": 96, "loudness": -16},
        POSTER: {"kind": "poster"},
    },
}
"""The profiles of every site; a profile of the same name in the settings replaces one."""


def parse_profile(name: object, given: object, read: ReadFile | None = None) -> Profile:
    """Parse one profile. Raises `InvalidProfile`, whose text says what to write.

    ``read`` returns the bytes of a watermark's file, and raises `InvalidSpec` if it cannot.
    """
    check_name(name)
    options, renditions = NO_OPTIONS, dict[str, Any]()
    if isinstance(given, Mapping):
        options, renditions = parse_options(given, read)
    if not renditions:
        raise InvalidProfile(
            f'{name!r} is {given!r}. Write {{"720p.mp4": {{"kind": "mp4", "height": 720}}}}.'
        )
    parsed = tuple(parse_rendition(*item) for item in renditions.items())
    profile = Profile(str(name), parsed, options=options)
    _check_segments(profile)
    _check_manifests(profile)
    return profile


def _check_segments(profile: Profile) -> None:
    for playlist in profile.of_kind("hls"):
        for option, default in (("codecs", ("h264",)), ("sounds", "one")):
            if playlist.segments == "ts" and getattr(playlist, option) != default:
                raise InvalidProfile(
                    f'"{playlist.file}": "{option}" needs "segments": "fmp4". Players read other '
                    "codecs and sounds that are apart in fragmented MP4."
                )


def _check_manifests(profile: Profile) -> None:
    playlists = {one.file for one in profile.of_kind("hls") if one.segments == "fmp4"}
    for manifest in profile.of_kind("dash"):
        if manifest.playlist_file not in playlists:
            raise InvalidProfile(
                f'"{manifest.file}" lists the segments of "{manifest.playlist_file}", and the '
                'profile has no such playlist with "segments": "fmp4". Name the manifest as a '
                "playlist."
            )


def check_name(name: object) -> None:
    """Raise `InvalidProfile` for an invalid name of a profile."""
    if not isinstance(name, str) or not PROFILE_NAME.fullmatch(name):
        raise InvalidProfile(
            f"{name!r} is not a valid name of a profile. Use 2 to 32 of the characters a-z, 0-9 "
            "and -, beginning with a letter."
        )
    if name == NEW_POSTER:
        raise InvalidProfile(
            f"{name!r} is the name under which new posters are stored. Choose another one."
        )


def new_poster_profile(second: float) -> Profile:
    """Return the profile of the job that takes a new poster at a second of a video."""
    return Profile(NEW_POSTER, (PosterSpec(file=POSTER, second=second),))


def parse_rendition(file: object, options: object) -> RenditionSpec:
    """Parse one rendition. Raises `InvalidProfile`."""
    name = options.get("kind") if isinstance(options, Mapping) else None
    if not isinstance(options, Mapping) or not isinstance(name, str) or name not in KINDS:
        kinds = ", ".join(KINDS)
        raise InvalidProfile(f'{file!r} is {options!r}. Write {{"kind": …}} with one of {kinds}.')
    kind = KINDS[name]
    _check_file(file, kind)
    types = {field.name: field for field in fields(kind) if field.name not in kind.not_options}
    values: dict[str, Any] = {}
    for option, value in options.items():
        if option == "kind":
            continue
        if option not in types:
            near = difflib.get_close_matches(str(option), types, n=1, cutoff=0)[0]
            raise InvalidProfile(f'{file!r} has no option {option!r}. Did you mean "{near}"?')
        default = types[option].default
        assert default is not MISSING  # noqa: S101 (all options have one)
        values[option] = _value(f"{file!r}, {option}", option, value, default)
    return kind(file=str(file), **values)


def _check_file(file: object, kind: type[RenditionSpec]) -> None:
    if kind is PosterSpec:
        if file != POSTER:
            raise InvalidProfile(f'The file of a poster must be "{POSTER}", got {file!r}.')
        return
    match = _FILE.fullmatch(file) if isinstance(file, str) else None
    if match is None or match[1] not in (kind.extension, *kind.other_extensions):
        raise InvalidProfile(
            f"{file!r} is not a valid file name for {kind.kind}. Use the characters a-z, 0-9, "
            f'., _ and -, and end with ".{kind.extension}".'
        )


def _value(where: str, option: str, value: object, default: object) -> object:
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple) or not value:
            raise InvalidProfile(f"{where} must be a list such as {list(default)}, got {value!r}.")
        parse = _choice if option in _CHOICES else _number
        return tuple(dict.fromkeys(parse(where, option, item) for item in value))
    parse = _choice if isinstance(default, str) else _number
    return parse(where, option, value)


def _choice(where: str, option: str, value: object) -> object:
    if value not in _CHOICES[option]:
        choices = ", ".join(_CHOICES[option])
        raise InvalidProfile(f"{where} must be one of {choices}, got {value!r}.")
    return value


_CHOICES = {
    "codec": CODECS,
    "codecs": CODECS,
    "sounds": ["one", "all"],
    "preset": "ultrafast superfast veryfast faster fast medium slow slower".split(),
    "segments": ["fmp4", "ts"],
}
_RANGES = {
    "height": _SIDES,
    "heights": _SIDES,
    "crf": range(52),
    "at": range(101),
    "second": range(-1, 86_401),
    "most": range(1, 1001),
    "seconds": range(1, 3601),
    "segment_seconds": range(1, 61),
    "columns": range(1, 101),
    "audio_kbps": range(16, 513),
    "kbps": range(16, 513),
    "max_kbps": range(200_001),
    "loudness": range(-31, 1),
}


def _number(where: str, option: str, value: object) -> int:
    allowed = _RANGES[option]
    if type(value) is not int or value not in allowed:
        raise InvalidProfile(
            f"{where} must be a whole number from {allowed[0]} to {allowed[-1]}, got {value!r}."
        )
    return value
