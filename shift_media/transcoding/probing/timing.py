"""The times of a source, computed from what its container and its packets say.

A reader returns ``ends`` and ``packets`` for the kinds ``video``, ``audio`` and ``other``. All
times are in seconds on the container's own clock, which may begin anywhere:

- ``ends``: the end of the longest stream of the kind by its header; None if the header has none.
- ``packets``: ``[first, last, end]`` of the kind by its packets, if they were read: the times at
  which the first and the last one begin, and the end of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TOLERANCE_SECONDS = 0.5
_TOLERANCE_SHARE = 0.02
"""Containers round, and count the padding of audio. The larger tolerance counts."""

_LEAST_SECONDS = 0.001
"""The end of a stream that is empty, or whose only packet has no duration. 0 means unknown."""

_PLAYED = ("video", "audio")


def measure_times(raw: Mapping[str, Any]) -> dict[str, float]:
    """Return the times of `VideoFacts` on a clock that begins with the first stream.

    A later subtitle or data stream does not make the video longer. The container's own duration
    counts only if it exceeds that of all streams: then the file may be truncated.
    """
    origin, packets = raw["start"], raw["packets"]
    ends = {
        kind: times[2] if (times := packets.get(kind)) else end
        for kind, end in raw["ends"].items()
    }
    known = {kind: end for kind, end in ends.items() if end is not None}
    played = max((known[kind] - origin for kind in _PLAYED if kind in known), default=0.0)
    times = {"duration": _choose_duration(raw["duration"], played, known.values(), origin)}
    if video := packets.get("video"):
        times["picture_start"] = max(0.0, video[0] - origin)
        # A decoder shows the last picture for the time of one frame, whatever its packet says.
        frame = 1 / raw["fps"] if raw.get("fps") else video[2] - video[1]
        times["picture_end"] = max(min(video[1] + frame, video[2]) - origin, _LEAST_SECONDS)
        times["last_end"] = played
    if packets and "audio" in raw:
        audio = packets.get("audio", [origin] * 3)
        times["sound_start"] = max(0.0, audio[0] - origin)
        times["sound_end"] = max(audio[2] - origin, _LEAST_SECONDS)
    return {name: round(max(0.0, seconds), 6) for name, seconds in times.items()}


def _choose_duration(claimed: float, played: float, ends: Any, origin: float) -> float:
    """Return the duration of picture and sound, or the container's if no stream explains it."""
    if not played:
        return float(claimed)
    # In Matroska the duration of a container may include the time before its first stream.
    latest = max(ends)
    explained = max(latest, latest - origin)
    tolerance = max(_TOLERANCE_SECONDS, _TOLERANCE_SHARE * explained)
    return float(claimed) if claimed > explained + tolerance else played
