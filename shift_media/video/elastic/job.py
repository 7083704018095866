"""Jobs as projects wrote them for ``create_job``, parsed and validated.

The outer level has the names of boto 2, which most projects used. Outputs and playlists have the
service's own names::

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
from dataclasses import dataclass, replace
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
"""The keys of a profile in this vocabulary; all other keys are names of renditions."""

MAX_KEY_LENGTH = 255
MAX_OUTPUTS = MAX_PLAYLISTS = 30
MAX_METADATA = 7
"""The service allows ten pairs of user metadata; three are reserved for shift_media."""

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
_PARSED = ("Key", "PresetId", "ThumbnailPattern", "SegmentDuration")
_SEGMENT_SECONDS = 1, 60


@dataclass(frozen=True, slots=True)
class ElasticOutput:
    """An output.

    Attributes:
        preset: None if its definition is not known here.
        segment_seconds: 0 for a single file.
        extra: options that are passed to the service unchanged, such as ``Watermarks``.
    """

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
    output_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ElasticJob:
    """A job of the service, and its translation for other transcoders.

    Attributes:
        files: file names of renditions, by the outputs' keys.
        playlist_files: file names of renditions, by the playlists' names.
        assumptions: sentences about properties that were chosen here or are made differently.
        impossible: sentences about outputs that no other transcoder makes.
        additional: files of renditions outside this vocabulary, which the service cannot make.
    """

    outputs: tuple[ElasticOutput, ...]
    playlists: tuple[ElasticPlaylist, ...]
    prefix: str
    user_metadata: Mapping[str, str]
    files: Mapping[str, str]
    playlist_files: Mapping[str, str]
    assumptions: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()

    def output(self, key: str) -> ElasticOutput:
        """Return the output with this key."""
        return next(output for output in self.outputs if output.key == key)

    def is_listed(self, output: ElasticOutput) -> bool:
        """Return True if a master playlist contains the output."""
        return any(output.key in playlist.output_keys for playlist in self.playlists)

    def is_segmented(self, output: ElasticOutput) -> bool:
        """Return True if the output has a playlist of its own."""
        is_ts = output.preset is not None and output.preset.container == "ts"
        return is_ts and bool(output.segment_seconds or self.is_listed(output))


def parse_job(options: Mapping[str, Any]) -> ElasticJob:
    """Parse a job, without its translation for other transcoders. Raises `InvalidProfile`."""
    own = _dict(options, "presets")
    known = {id: presets.from_definition(id, given) for id, given in own.items()}
    outputs = _outputs(options, known)
    _check_lengths(options, outputs)
    playlists = tuple(_playlist(given, outputs) for given in _list(options, "playlists"))
    names = [playlist.name for playlist in playlists]
    if len(playlists) > MAX_PLAYLISTS or len(set(names)) < len(names):
        raise InvalidProfile(
            f'"playlists" may have at most {MAX_PLAYLISTS}, each with its own Name.'
        )
    prefix = options.get("output_key_prefix", "")
    if not isinstance(prefix, str) or (prefix and "/" not in prefix[1:]):
        raise InvalidProfile(
            f'"output_key_prefix" is {prefix!r}. The service wants a / in it, as in "videos/".'
        )
    return ElasticJob(outputs, playlists, prefix, _metadata(options), {}, {})


def _outputs(options: Mapping[str, Any], known: Mapping[str, Preset]) -> tuple[ElasticOutput, ...]:
    given = _list(options, OUTPUTS)
    if not 0 < len(given) <= MAX_OUTPUTS:
        raise InvalidProfile(
            f'"outputs" must have from 1 to {MAX_OUTPUTS} items, got {len(given)}.'
        )
    outputs = [_output(one, known) for one in given]
    keys = [output.key for output in outputs]
    if len(set(keys)) < len(keys):
        raise InvalidProfile(f'"outputs" has a Key twice: {keys}. Give each output its own.')
    pattern = _pattern("thumbnail_pattern", options.get("thumbnail_pattern", ""))
    return tuple(_with_pattern(outputs, pattern)) if pattern else tuple(outputs)


def _check_lengths(options: Mapping[str, Any], outputs: tuple[ElasticOutput, ...]) -> None:
    """Refuse what is too long for the service, and so for ``Rendition.legacy_key``."""
    named = {f'"{o.key[:40]}…", Key': o.key for o in outputs}
    named |= {f'"{o.key[:40]}", ThumbnailPattern': o.thumbnail_pattern for o in outputs}
    named['"output_key_prefix"'] = str(options.get("output_key_prefix", ""))
    for playlist in _list(options, "playlists"):
        if isinstance(playlist, Mapping):
            named["A playlist's Name"] = str(playlist.get("Name", ""))
    for where, text in named.items():
        if len(text) > MAX_KEY_LENGTH:
            raise InvalidProfile(
                f"{where} has {len(text)} characters, at most {MAX_KEY_LENGTH} are allowed."
            )


def _with_pattern(outputs: list[ElasticOutput], pattern: str) -> list[ElasticOutput]:
    """Add the job's pattern to the first output with video: two would overwrite each other."""
    for at, output in enumerate(outputs):
        if output.preset is None or output.preset.has_video:
            if output.thumbnail_pattern:
                return outputs
            return [
                *outputs[:at],
                replace(output, thumbnail_pattern=pattern),
                *outputs[at + 1 :],
            ]
    return outputs


def _output(given: object, known: Mapping[str, Preset]) -> ElasticOutput:
    if not isinstance(given, Mapping):
        raise InvalidProfile(f'An output must be {{"Key": …, "PresetId": …}}, got {given!r}.')
    _check_names(given, _OUTPUT_KEYS, "An output")
    key, id = given.get("Key"), given.get("PresetId")
    if not isinstance(key, str) or not key or not isinstance(id, str):
        raise InvalidProfile(f'An output needs a "Key" and a "PresetId", got {dict(given)!r}.')
    try:
        seconds = float(given.get("SegmentDuration", 0))
    except (TypeError, ValueError):
        seconds = -1
    if seconds and not _SEGMENT_SECONDS[0] <= seconds <= _SEGMENT_SECONDS[1]:
        raise InvalidProfile(
            f'Output "{key}", SegmentDuration must be from {_SEGMENT_SECONDS[0]} to '
            f'{_SEGMENT_SECONDS[1]} seconds, such as "10", got {given["SegmentDuration"]!r}.'
        )
    return ElasticOutput(
        key,
        id,
        presets.find(id, known),
        _pattern(f'Output "{key}", ThumbnailPattern', given.get("ThumbnailPattern", "")),
        seconds,
        {name: value for name, value in given.items() if name not in _PARSED},
    )


def _playlist(given: object, outputs: Collection[ElasticOutput]) -> ElasticPlaylist:
    if not isinstance(given, Mapping):
        raise InvalidProfile(
            'A playlist must be {"Name": …, "Format": "HLSv3", "OutputKeys": […]}, '
            f"got {given!r}."
        )
    names = "Name", "Format", "OutputKeys", "HlsContentProtection", "PlayReadyDrm"
    _check_names(given, names, "A playlist")
    name, format, keys = given.get("Name"), given.get("Format"), given.get("OutputKeys")
    if not isinstance(name, str) or not name:
        raise InvalidProfile(f'A playlist needs a "Name", got {dict(given)!r}.')
    if format not in FORMATS:
        raise InvalidProfile(
            f'Playlist "{name}" must have a Format of {", ".join(FORMATS)}, got {format!r}.'
        )
    known_keys = {output.key for output in outputs}
    if not isinstance(keys, list | tuple) or not keys or not set(keys) <= known_keys:
        raise InvalidProfile(
            f'Playlist "{name}" must have as OutputKeys a list of {sorted(known_keys)}, '
            f"got {keys!r}."
        )
    folder = name.rpartition("/")[0]
    for key in keys:
        if key.rpartition("/")[0] != folder:
            raise InvalidProfile(
                f'Playlist "{name}" has "{key}" in another folder, which the service refused. '
                "Begin both with the same folder, up to the last /."
            )
    if names[3] in given or names[4] in given:
        raise InvalidProfile(
            f'Playlist "{name}" is encrypted, which is not supported. Leave the protection out.'
        )
    return ElasticPlaylist(name, cast("Format", format), tuple(keys))


def _metadata(options: Mapping[str, Any]) -> Mapping[str, str]:
    given = _dict(options, "user_metadata")
    texts = all(isinstance(text, str) for pair in given.items() for text in pair)
    if not texts or len(given) > MAX_METADATA:
        raise InvalidProfile(
            f'"user_metadata" must have at most {MAX_METADATA} texts, got {given!r}.'
        )
    return dict(given)


def _pattern(where: str, given: object) -> str:
    if not isinstance(given, str) or (given and COUNT not in given):
        raise InvalidProfile(
            f'{where} must contain {COUNT}, as in "thumbs/{COUNT}", or be empty, got {given!r}.'
        )
    return given


def _check_names(given: Mapping[Any, Any], allowed: Collection[str], where: str) -> None:
    for name in given:
        if name not in allowed:
            near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0)[0]
            raise InvalidProfile(f'{where} has no {name!r}. Did you mean "{near}"?')


def _list(options: Mapping[str, Any], name: str) -> list[Any]:
    given = options.get(name, [])
    if not isinstance(given, list | tuple):
        raise InvalidProfile(f'"{name}" must be a list of dicts, got {given!r}.')
    return list(given)


def _dict(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    given = options.get(name, {})
    if not isinstance(given, Mapping):
        raise InvalidProfile(f'"{name}" must be a dict, got {given!r}.')
    return given
