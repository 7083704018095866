"""Reading by ffprobe, of Debian's package ``ffmpeg``: one process for each step of a file."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from shift_media.core.errors import TranscodeError
from shift_media.sandbox.process import Bounds, Program
from shift_media.transcoding.probing.base import ProbeReader, ProbeRules, RawFacts
from shift_media.video.facts import MATRICES

HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}  # FFmpeg's names of PQ and HLG
TEXT_CODECS = {"subrip", "webvtt", "mov_text", "ass", "ssa", "text"}
INTERLACED = {"tt", "bb", "tb", "bt"}  # FFmpeg's names of the orders of two fields

_PACKETS = (8, 100)
"""Packets that are decoded in search of a frame, at first and if that finds none: the first
packets of a stream may hold no complete frame."""

_PACKET_ENTRIES = "packet=stream_index,pts_time,dts_time,duration_time"
_COMPACT = "compact=print_section=0"
"""A line for each packet, of which there may be millions."""

_COLORS = ("color_space", "color_primaries", "color_transfer")
_UNKNOWN = "unknown"
_DURATION_TAG = re.compile(r"(\d{1,6}):(\d{1,6}):(\d{1,6}\.\d{1,20})")
_MAX_REASON = 500  # characters
_MAX_OUTPUT = 10_000_000
"""Characters of the description of streams and of a frame."""


class FFprobe(ProbeReader):
    """Reads the streams of a file, and then a frame if the frames are within the limits."""

    def __init__(self, folder: Path, rules: ProbeRules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        self._programs: list[Program] = []
        self._names: list[str] = []
        self._reads_packets = False

    @classmethod
    def is_available(cls) -> bool:
        """Return True if ``ffprobe`` is on the path."""
        return shutil.which("ffprobe") is not None

    def start(self, names: Sequence[str], seconds: float, *, reads_packets: bool) -> None:
        """Start one process for each file."""
        self.bounds = replace(self.bounds, seconds=seconds)
        self._reads_packets = reads_packets
        self._programs += [self._run(name, "-show_format", "-show_streams") for name in names]
        self._names += names

    def _run(self, name: str, *options: str, output: str = "json") -> Program:
        rules = self.rules
        lists = ["-protocol_whitelist", rules.protocols] if rules.protocols else []
        lists += ["-format_whitelist", rules.formats] if rules.formats else []
        command = [shutil.which("ffprobe") or "ffprobe", "-v", "error", *lists, "-threads", "1"]
        return Program([*command, "-of", output, *options, name], self.folder, self.bounds)

    def results(self) -> Iterator[RawFacts | None]:
        """Parse the output of each process."""
        while self._programs:
            output = yield from self._read_output()
            name = self._names.pop(0)
            stream = None if "refused" in output else _find_video(output)
            if stream and stream["width"] * stream["height"] <= self.rules.pixels:
                output["frames"] = yield from self._frames(name, stream["index"])
            facts = _facts(output)
            if "refused" not in facts and (self._reads_packets or _lacks_an_end(facts)):
                facts["packets"] = yield from self._packet_times(name, output["streams"])
            yield facts

    def _frames(self, name: str, index: int) -> Generator[None, None, list[Any]]:
        """Decode packets until there is a frame; return no more than a few frames."""
        chosen = ["-show_frames", "-select_streams", str(index)]
        limit = ["-max_pixels", str(self.rules.pixels)]
        for packets in _PACKETS:
            interval = ["-read_intervals", f"%+#{packets}"]
            self._programs.insert(0, self._run(name, *limit, *chosen, *interval))
            if frames := (yield from self._read_output()).get("frames"):
                return list(frames)
        return []

    def _packet_times(
        self, name: str, streams: list[dict[str, Any]]
    ) -> Generator[None, None, dict[str, list[float]]]:
        """Return the times of all packets, by the kind of their stream; empty if refused."""
        chosen = ["-show_packets", "-show_entries", _PACKET_ENTRIES]
        self._programs.insert(0, self._run(name, *chosen, output=_COMPACT))
        times: dict[str, list[float]] = {}
        kinds = {str(stream["index"]): kind for stream, kind in _kinds(streams)}
        refused = yield from self._read_lines(lambda line: _add_packet(times, kinds, line))
        return {} if refused else times

    def _read_output(self) -> Generator[None, None, dict[str, Any]]:
        """Return the parsed output of the first process, or why ffprobe refuses the file.

        Raises `TranscodeError` at the deadline.
        """
        text: list[str] = []
        length = 0

        def take(line: str) -> None:
            nonlocal length
            length += len(line)
            if length > _MAX_OUTPUT:
                raise TranscodeError("The file has far more streams or tags than usual.")
            text.append(line)

        if refused := (yield from self._read_lines(take)):
            return {"refused": refused}
        output: dict[str, Any] = json.loads("\n".join(text))
        return output

    def _read_lines(self, take: Callable[[str], None]) -> Generator[None, None, str]:
        """Pass the lines of the first process on; return why ffprobe refuses the file, or ``""``.

        Raises `TranscodeError` at the deadline.
        """
        program = self._programs[0]
        try:
            for line in program.lines():
                if line:
                    take(line)
                else:
                    yield None
        except TranscodeError as error:
            if error.code == "deadline":
                raise
            errors = program.error_output().splitlines() or [str(error)]
            return errors[-1][-_MAX_REASON:]
        finally:
            self._programs.pop(0).end()
        return ""

    def end(self) -> None:
        """End all processes."""
        for program in self._programs:
            program.end()
        self._programs.clear()
        self._names.clear()


def _facts(output: dict[str, Any]) -> RawFacts:
    if "refused" in output:
        return {"refused": output["refused"]}
    streams = output.get("streams", [])
    container = output.get("format", {})
    facts: RawFacts = {
        "format": container.get("format_name", ""),
        "duration": max(0.0, _seconds(container, "duration") or 0.0),
        "start": _seconds(container, "start_time") or 0.0,
        "ends": _end_times(streams),
        "packets": {},
    }
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    # ffprobe knows the format of samples only if it has a decoder.
    known = [(n, stream) for n, stream in enumerate(sounds) if stream.get("sample_fmt")]
    facts["unknown_audio"] = len(sounds) - len(known)
    facts["sounds"] = [[n, stream.get("tags", {}).get("language", "")] for n, stream in known]
    texts = [stream for stream in streams if stream.get("codec_type") == "subtitle"]
    facts["captions"] = [
        [number, stream.get("tags", {}).get("language", "")]
        for number, stream in enumerate(texts)
        if stream.get("codec_name") in TEXT_CODECS
    ]
    if known:
        number, sound = known[0]
        facts |= {"audio": sound.get("codec_name", ""), "audio_stream": number}
        facts["channels"] = int(sound.get("channels", 0))
    video = _find_video(output)
    return facts | (_video_facts(streams, video, output.get("frames", [])) if video else {})


def _find_video(output: dict[str, Any]) -> dict[str, Any] | None:
    return next(filter(_is_moving, output.get("streams", [])), None)


def _is_moving(stream: dict[str, Any]) -> bool:
    """Return True for a video that is not the cover of a song."""
    is_video = stream.get("codec_type") == "video" and bool(stream.get("width"))
    return is_video and not stream.get("disposition", {}).get("attached_pic")


def _kinds(streams: Sequence[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each stream and its kind, as `timing` has it; empty for a cover.

    Only the first video is transcoded, so that any other one is no more than data.
    """
    chosen = next(filter(_is_moving, streams), None)
    for stream in streams:
        kind = str(stream.get("codec_type"))
        is_cover = kind == "video" and not _is_moving(stream)
        is_played = kind == "audio" or stream is chosen
        yield stream, "" if is_cover else kind if is_played else "other"


def _end_times(streams: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the end of the longest stream of each kind, or None if one has no duration."""
    ends: dict[str, float | None] = {}
    for stream, kind in _kinds(streams):
        if kind:
            end, known = _stream_end(stream), ends.get(kind, 0.0)
            ends[kind] = None if end is None or known is None else max(known, end)
    return ends


def _stream_end(stream: dict[str, Any]) -> float | None:
    """Return the end by the stream's duration, or by the tag that Matroska has instead."""
    if duration := _seconds(stream, "duration"):
        return duration + (_seconds(stream, "start_time") or 0.0)
    return parse_duration(stream.get("tags", {}).get("DURATION", ""))


def parse_duration(text: str) -> float | None:
    """Return the seconds of a tag of Matroska, ``"00:01:02.500000000"``; None for other texts."""
    tag = _DURATION_TAG.fullmatch(text)
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else None


def _lacks_an_end(facts: RawFacts) -> bool:
    return any(facts["ends"].get(kind) is None for kind in ("video", "audio") if kind in facts)


def _add_packet(times: dict[str, list[float]], kinds: dict[str, str], line: str) -> None:
    """Add a line of ffprobe to the times of the first and the last packet, and the end of it."""
    packet = dict(entry.partition("=")[::2] for entry in line.split("|"))
    kind, start = kinds.get(packet.get("stream_index", "")), _seconds(packet, "pts_time")
    start = _seconds(packet, "dts_time") if start is None else start
    if not kind or start is None:
        return
    end = start + (_seconds(packet, "duration_time") or 0.0)
    known = times.setdefault(kind, [start, start, end])
    known[:] = min(known[0], start), max(known[1], start), max(known[2], end)


def _seconds(entry: dict[str, Any], name: str) -> float | None:
    """Return a time of ffprobe's output; None for ``"N/A"`` and for what is missing."""
    try:
        return float(entry[name])
    except (KeyError, ValueError):
        return None


def _video_facts(
    streams: list[dict[str, Any]], stream: dict[str, Any], frames: list[dict[str, Any]]
) -> RawFacts:
    frame = frames[0] if frames else {}
    ratio = _fraction(str(stream.get("sample_aspect_ratio", "")).replace(":", "/"))
    order, transfer = stream.get("field_order", ""), stream.get("color_transfer", "")

    pictures = [each["index"] for each in streams if each.get("codec_type") == "video"]
    return {
        "video": stream.get("codec_name", ""),
        "video_stream": pictures.index(stream["index"]),
        "width": int(frame.get("width") or stream["width"]),
        "height": int(frame.get("height") or stream["height"]),
        "fps": float(_fraction(stream.get("avg_frame_rate", ""))),
        "pixel_ratio": [ratio.numerator, ratio.denominator] if ratio else [1, 1],
        "transfer": transfer if transfer in HDR_TRANSFERS else "",
        "pixel_format": stream.get("pix_fmt", ""),
        "full_range": stream.get("color_range") == "pc",
        **_colors(frame, stream),
        "claims_fields": order in INTERLACED,
        "interlaced": bool(int(frame.get("interlaced_frame", 0))),
        "rotation": _rotation(frame) or _rotation(stream),
        "frames": len(frames[:1]),
    }


def _colors(*entries: dict[str, Any]) -> RawFacts:
    """Return what the first entry that says it says of the colours."""
    known = [
        next((one[name] for one in entries if one.get(name, _UNKNOWN) != _UNKNOWN), "")
        for name in _COLORS
    ]
    return {"matrix": known[0] if known[0] in MATRICES else "", "has_colors": all(known)}


def _rotation(entry: dict[str, Any]) -> int:
    side_data = entry.get("side_data_list", [])
    return next((int(one["rotation"]) for one in side_data if "rotation" in one), 0)


def _fraction(text: str) -> Fraction:
    """Parse ``"25/1"``; return 0 for what is not a number, such as ``"0/0"`` and ``"N/A"``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
