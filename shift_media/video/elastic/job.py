"""Jobs as projects wrote them for ``create_job``, read with types and refused with a reason.

The names of the outer level are those of boto 2, and of most projects; within an output and a
playlist they are the service's own::

    {"outputs": [{"Key": "hls/1m", "PresetId": "1351620000001-200030", "SegmentDuration": "10"}],
     "playlists": [{"Name": "hls/index", "Format": "HLSv3", "OutputKeys": ["hls/1m"]}],
     "output_key_prefix": "videos/{stem}/",
     "thumbnail_pattern": "thumbs/{count}",
     "user_metadata": {"site": "example"},
     "presets": {"1441234567890-abc123": {"Container": "mp4", "Video": {…}}}}
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic import presets
from shift_media.video.elastic.naming import COUNT, FORMATS, Format
from shift_media.video.elastic.presets import Preset

OUTPUTS = "outputs"
KEYS = (
    OUTPUTS,
    "output_key_prefix",
    "thumbnail_pattern",
    "playlists",
    "user_metadata",
    "presets",
)
"""What a profile in this vocabulary may have beside renditions of ours."""

LONGEST_KEY = 255
MOST_OUTPUTS = MOST_PLAYLISTS = 30
MOST_METADATA = 7
"""Of the ten pairs that a job may have; three are ours."""

_OUTPUT_KEYS = (
    "Key",
    "PresetId",
    "ThumbnailPattern",
    "ThumbnailEncryption",
    "Rotate",
    "SegmentDuration",
    "Watermarks",
    "AlbumArt",
    "Composition",
    "Captions",
    "Encryption",
)
_OWN = ("Key", "PresetId", "ThumbnailPattern", "SegmentDuration")
_SECONDS = 1, 60


@dataclass(frozen=True, slots=True)
class ElasticOutput:
    """An output: ``preset`` is None where it is not known here; ``extra`` is all that is rare."""

    key: str
    preset_id: str
    preset: Preset | None
    thumbnail_pattern: str
    segment_seconds: float
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ElasticPlaylist:
    """A master playlist over outputs."""

    name: str
    format: Format
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ElasticJob:
    """What was asked for, and what comes of it where that service is not there.

    Attributes:
        files: our file names, by the outputs' keys.
        playlist_files: our file names, by the playlists' names.
        notes: what had to be chosen here, or is done in another way.
        impossible: what no other transcoder makes.
        mixed: files of renditions of ours beside them, which that service cannot make.
    """

    outputs: tuple[ElasticOutput, ...]
    playlists: tuple[ElasticPlaylist, ...]
    prefix: str
    user_metadata: Mapping[str, str]
    files: Mapping[str, str]
    playlist_files: Mapping[str, str]
    notes: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()
    mixed: tuple[str, ...] = ()

    def output(self, key: str) -> ElasticOutput:
        """Find an output."""
        return next(output for output in self.outputs if output.key == key)

    def is_listed(self, output: ElasticOutput) -> bool:
        """Tell whether a master playlist has an output."""
        return any(output.key in playlist.keys for playlist in self.playlists)

    def is_segmented(self, output: ElasticOutput) -> bool:
        """Tell whether an output has a playlist of its own."""
        ts = output.preset is not None and output.preset.container == "ts"
        return ts and bool(output.segment_seconds or self.is_listed(output))


def parse_job(options: Mapping[str, Any]) -> ElasticJob:
    """Read a job; raises `InvalidProfile`. What it makes elsewhere is not said yet."""
    own = _dict(options, "presets")
    known = {id: presets.from_definition(id, given) for id, given in own.items()}
    outputs = _outputs(options, known)
    _check_lengths(options, outputs)
    playlists = tuple(_playlist(given, outputs) for given in _list(options, "playlists"))
    names = [playlist.name for playlist in playlists]
    if len(playlists) > MOST_PLAYLISTS or len(set(names)) < len(names):
        raise InvalidProfile(f'"playlists": at most {MOST_PLAYLISTS}, each with its own Name.')
    prefix = options.get("output_key_prefix", "")
    if not isinstance(prefix, str) or (prefix and "/" not in prefix[1:]):
        raise InvalidProfile(
            f'"output_key_prefix" is {prefix!r}: the service wants a / in it, as in "videos/".'
        )
    return ElasticJob(outputs, playlists, prefix, _metadata(options), {}, {})


def _outputs(options: Mapping[str, Any], known: Mapping[str, Preset]) -> tuple[ElasticOutput, ...]:
    given = _list(options, OUTPUTS)
    if not 0 < len(given) <= MOST_OUTPUTS:
        raise InvalidProfile(f'"outputs" has {len(given)}: from 1 to {MOST_OUTPUTS}.')
    made = [_output(one, known) for one in given]
    keys = [output.key for output in made]
    if len(set(keys)) < len(keys):
        raise InvalidProfile(f'"outputs" has a Key twice: {keys}.')
    pattern = _pattern("thumbnail_pattern", options.get("thumbnail_pattern", ""))
    return tuple(_with_pattern(made, pattern)) if pattern else tuple(made)


def _check_lengths(options: Mapping[str, Any], outputs: tuple[ElasticOutput, ...]) -> None:
    """Refuse what the service would: a column of ours has room for a prefix and a key of these."""
    named = {f'"{o.key[:40]}…", Key': o.key for o in outputs}
    named |= {f'"{o.key[:40]}", ThumbnailPattern': o.thumbnail_pattern for o in outputs}
    named['"output_key_prefix"'] = str(options.get("output_key_prefix", ""))
    for playlist in _list(options, "playlists"):
        if isinstance(playlist, Mapping):
            named["A playlist's Name"] = str(playlist.get("Name", ""))
    for where, text in named.items():
        if len(text) > LONGEST_KEY:
            raise InvalidProfile(f"{where} has {len(text)} characters: at most {LONGEST_KEY}.")


def _with_pattern(outputs: list[ElasticOutput], pattern: str) -> list[ElasticOutput]:
    """Give the first output with pictures the job's pattern: two would overwrite each other."""
    for at, output in enumerate(outputs):
        if output.preset is None or output.preset.has_picture:
            if output.thumbnail_pattern:
                return outputs
            own = (output.segment_seconds, output.extra)
            named = ElasticOutput(output.key, output.preset_id, output.preset, pattern, *own)
            return [*outputs[:at], named, *outputs[at + 1 :]]
    return outputs


def _output(given: object, known: Mapping[str, Preset]) -> ElasticOutput:
    if not isinstance(given, Mapping):
        raise InvalidProfile(f'An output is {given!r}: write {{"Key": …, "PresetId": …}}.')
    _check_names(given, _OUTPUT_KEYS, "An output")
    key, id = given.get("Key"), given.get("PresetId")
    if not isinstance(key, str) or not key or not isinstance(id, str):
        raise InvalidProfile(f'An output is {dict(given)!r}: it needs a "Key" and a "PresetId".')
    try:
        seconds = float(given.get("SegmentDuration", 0))
    except (TypeError, ValueError):
        seconds = -1
    if seconds and not _SECONDS[0] <= seconds <= _SECONDS[1]:
        raise InvalidProfile(
            f'Output "{key}", SegmentDuration is {given["SegmentDuration"]!r}: write seconds '
            f'from {_SECONDS[0]} to {_SECONDS[1]}, such as "10".'
        )
    return ElasticOutput(
        key,
        id,
        presets.find(id, known),
        _pattern(f'Output "{key}", ThumbnailPattern', given.get("ThumbnailPattern", "")),
        seconds,
        {name: value for name, value in given.items() if name not in _OWN},
    )


def _playlist(given: object, outputs: Collection[ElasticOutput]) -> ElasticPlaylist:
    if not isinstance(given, Mapping):
        raise InvalidProfile(
            f'A playlist is {given!r}: write {{"Name": …, "Format": "HLSv3", "OutputKeys": […]}}.'
        )
    names = "Name", "Format", "OutputKeys", "HlsContentProtection", "PlayReadyDrm"
    _check_names(given, names, "A playlist")
    name, format, keys = given.get("Name"), given.get("Format"), given.get("OutputKeys")
    if not isinstance(name, str) or not name:
        raise InvalidProfile(f'A playlist is {dict(given)!r}: it needs a "Name".')
    if format not in FORMATS:
        raise InvalidProfile(f'Playlist "{name}" has the Format {format!r}: {", ".join(FORMATS)}.')
    there = {output.key for output in outputs}
    if not isinstance(keys, list | tuple) or not keys or not set(keys) <= there:
        raise InvalidProfile(
            f'Playlist "{name}" has the OutputKeys {keys!r}: a list of {sorted(there)}.'
        )
    folder = name.rpartition("/")[0]
    for key in keys:
        if key.rpartition("/")[0] != folder:
            raise InvalidProfile(
                f'Playlist "{name}" has "{key}" in another folder, which the service refused: '
                "let both begin alike, up to the last /."
            )
    if names[3] in given or names[4] in given:
        raise InvalidProfile(f'Playlist "{name}" is encrypted, which is not supported.')
    return ElasticPlaylist(name, cast("Format", format), tuple(keys))


def _metadata(options: Mapping[str, Any]) -> Mapping[str, str]:
    given = _dict(options, "user_metadata")
    texts = all(isinstance(text, str) for pair in given.items() for text in pair)
    if not texts or len(given) > MOST_METADATA:
        raise InvalidProfile(f'"user_metadata" has {given!r}: at most {MOST_METADATA} texts.')
    return dict(given)


def _pattern(where: str, given: object) -> str:
    if not isinstance(given, str) or (given and COUNT not in given):
        raise InvalidProfile(f'{where} is {given!r}: write "thumbs/{COUNT}", or nothing.')
    return given


def _check_names(given: Mapping[Any, Any], allowed: Collection[str], where: str) -> None:
    for name in given:
        if name not in allowed:
            near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0)[0]
            raise InvalidProfile(f'{where} has no {name!r}: did you mean "{near}"?')


def _list(options: Mapping[str, Any], name: str) -> list[Any]:
    given = options.get(name, [])
    if not isinstance(given, list | tuple):
        raise InvalidProfile(f'"{name}" is {given!r}: write a list of dicts.')
    return list(given)


def _dict(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = options.get(name, {})
    if not isinstance(given, Mapping):
        raise InvalidProfile(f'"{name}" is {given!r}: write a dict.')
    return given
