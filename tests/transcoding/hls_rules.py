"""The rules of RFC 8216 and of Apple's HLS Authoring Specification, as far as files show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shift_media.video.playlists import parse_playlist

_ATTRIBUTE = re.compile(r'([A-Z-]+)=("[^"]*"|[^,]*)')
_REQUIRED = ("BANDWIDTH", "AVERAGE-BANDWIDTH", "CODECS", "RESOLUTION", "FRAME-RATE")
_TOLERANCE = 0.1  # Apple: the measured peak must be within a tenth of BANDWIDTH.


def find_faults(master: Path) -> list[str]:
    """Return what is wrong with a master playlist on disk and with everything that it names."""
    return [*_master_faults(master)]


def parse_attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}


def _master_faults(master: Path) -> Iterator[str]:
    lines = master.read_text().splitlines()
    if lines[0] != "#EXTM3U":
        yield "The first line is not #EXTM3U."
    if sum(line.startswith("#EXT-X-VERSION:") for line in lines) != 1:
        yield "There is not exactly one EXT-X-VERSION."
    media = [parse_attributes(line) for line in lines if line.startswith("#EXT-X-MEDIA:")]
    entries = [
        (parse_attributes(line), master.parent / lines[place + 1])
        for place, line in enumerate(lines)
        if line.startswith("#EXT-X-STREAM-INF:")
    ]
    for entry, index in entries:
        yield from _entry_faults(entry, index, media)
    for index in [
        *(index for _, index in entries),
        *(master.parent / one["URI"] for one in media),
    ]:
        yield from _media_faults(index)
    yield from _ladder_faults([entry for entry, _ in entries])
    durations = {tuple(_measure(index)[2]) for _, index in entries}
    if len(durations) != 1:
        yield f"The streams have segments of different durations: {durations}."


def _ladder_faults(entries: list[dict[str, str]]) -> Iterator[str]:
    """Yield codecs without a complete ladder (Apple, "multiple codecs"), and H.264 not first."""
    ladders: dict[str, list[str]] = {}
    for entry in entries:
        ladders.setdefault(entry["CODECS"][:4], []).append(entry["RESOLUTION"])
    if len({tuple(sizes) for sizes in ladders.values()}) > 1:
        yield f"The codecs have different ladders: {ladders}."
    if "avc1" in ladders and next(iter(ladders)) != "avc1":
        yield "Players that know H.264 alone begin with the first entry."


def _entry_faults(
    entry: dict[str, str], index: Path, media: list[dict[str, str]]
) -> Iterator[str]:
    yield from (f"{name} is missing." for name in _REQUIRED if name not in entry)
    peak, average, _ = _measure(index)
    for kind in ("AUDIO", "SUBTITLES"):
        group = [one for one in media if (one["TYPE"], one["GROUP-ID"]) == (kind, entry.get(kind))]
        if kind in entry and not group:
            yield f"There is no group {entry[kind]}."
        if len({one["NAME"] for one in group}) < len(group):
            yield f"Members of {entry[kind]} have the same NAME."
        if sum(one["DEFAULT"] == "YES" for one in group) > 1:
            yield f"{entry[kind]} has more than one DEFAULT."
        if group and kind == "AUDIO":
            sounds = [_measure(index.parent.parent / one["URI"])[:2] for one in group]
            peak, average = peak + max(sounds)[0], average + max(sounds)[1]
    for name, measured in (("BANDWIDTH", peak), ("AVERAGE-BANDWIDTH", average)):
        if abs(int(entry[name]) - measured) > _TOLERANCE * measured:
            yield f"{name} is {entry[name]}, measured are {measured:.0f}."
    if int(entry["BANDWIDTH"]) < peak - 1:
        yield "BANDWIDTH is below the measured peak."


def _measure(index: Path) -> tuple[float, float, list[float]]:
    playlist = parse_playlist(index.read_text())
    sizes = [(index.parent / name).stat().st_size * 8 for name, _ in playlist.segments]
    durations = [seconds for _, seconds in playlist.segments]
    peak = max(size / seconds for size, seconds in zip(sizes, durations, strict=True))
    return peak, sum(sizes) / sum(durations), durations


def _media_faults(index: Path) -> Iterator[str]:
    lines = index.read_text().splitlines()
    where = f"{index.parent.name}/{index.name}"
    if lines[0] != "#EXTM3U" or lines[-1] != "#EXT-X-ENDLIST":
        yield f"{where} has no beginning or no end."
    target = [int(line.partition(":")[2]) for line in lines if "TARGETDURATION" in line]
    version = [int(line.partition(":")[2]) for line in lines if "EXT-X-VERSION" in line]
    playlist = parse_playlist(index.read_text())
    if len(target) != 1 or any(round(s) > target[0] for _, s in playlist.segments):
        yield f"{where} has a segment above its EXT-X-TARGETDURATION."
    if 0 in target:
        yield f"{where} has an EXT-X-TARGETDURATION of 0, by which players wait."
    needed = 6 if any(line.startswith("#EXT-X-MAP") for line in lines) else 3
    if len(version) != 1 or version[0] < needed:
        yield f"{where} needs EXT-X-VERSION {needed}."
    if "#EXT-X-PLAYLIST-TYPE:VOD" not in lines:
        yield f"{where} is not VOD."
    for name in playlist.files:
        if "/" in name or not (index.parent / name).is_file():
            yield f"{where} names {name}, which is not there."
