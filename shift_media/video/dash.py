"""MPEG-DASH manifests (ISO/IEC 23009-1) over the segments that an HLS playlist lists."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import quoteattr

from shift_media.video.languages import UNKNOWN_LANGUAGE
from shift_media.video.playlists import SEGMENTS_BEGIN_AT, SoundEntry, StreamEntry

_TIMESCALE = 1_000_000  # units in a second
_PROFILE = "urn:mpeg:dash:profile:isoff-live:2011"


def write_manifest(
    streams: Sequence[StreamEntry], sounds: Sequence[SoundEntry], duration: float
) -> str:
    """Return a static manifest of fragmented MP4; ``duration`` is in seconds.

    Each codec is a set of its own, because players keep to one set, and each sound is, too.
    """
    longest = max(seconds for stream in streams for _, _, seconds in stream.segments)
    head = {
        "xmlns": "urn:mpeg:dash:schema:mpd:2011",
        "profiles": _PROFILE,
        "type": "static",
        "mediaPresentationDuration": _format_duration(duration),
        "minBufferTime": _format_duration(longest),
    }
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<MPD{_attributes(head)}>", "<Period>"]
    for _, ladder in groupby(streams, key=lambda stream: stream.codecs[0].partition(".")[0]):
        lines += _adaptation_set("video", list(ladder))
    for sound in sounds:
        lines += _adaptation_set("audio", [sound.stream], sound.language)
    return "\n".join([*lines, "</Period>", "</MPD>"]) + "\n"


def _adaptation_set(
    kind: str, streams: Sequence[StreamEntry], language: str = UNKNOWN_LANGUAGE
) -> list[str]:
    head = {
        "contentType": kind,
        "mimeType": f"{kind}/mp4",
        "segmentAlignment": "true",
        "startWithSAP": "1",
    }
    head |= {} if language == UNKNOWN_LANGUAGE else {"lang": language}
    lines = [f"<AdaptationSet{_attributes(head)}>"]
    for stream in streams:
        lines += _representation(stream)
    return [*lines, "</AdaptationSet>"]


def _representation(stream: StreamEntry) -> list[str]:
    folder = stream.uri.rpartition("/")[0]
    head = {
        "id": folder,
        "bandwidth": str(stream.peak_bandwidth),
        "codecs": ",".join(stream.codecs),
    }
    if stream.width:
        head |= {"width": str(stream.width), "height": str(stream.height)}
    if stream.fps:
        head |= {"frameRate": f"{round(stream.fps * 1000)}/1000"}
    time = SEGMENTS_BEGIN_AT * _TIMESCALE
    template = {
        "timescale": str(_TIMESCALE),
        "presentationTimeOffset": str(time),
        "initialization": f"{folder}/{stream.header}",
        "media": f"{folder}/s$Number%05d$.m4s",
        "startNumber": "0",
    }
    lines = [f"<Representation{_attributes(head)}>", f"<SegmentTemplate{_attributes(template)}>"]
    lines.append("<SegmentTimeline>")
    for _, _, seconds in stream.segments:
        units = round(seconds * _TIMESCALE)
        lines.append(f'<S t="{time}" d="{units}"/>')
        time += units
    return [*lines, "</SegmentTimeline>", "</SegmentTemplate>", "</Representation>"]


def _attributes(values: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


def _format_duration(seconds: float) -> str:
    return f"PT{seconds:.3f}S"
