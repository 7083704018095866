"""Reading by ffprobe, of Debian's package ``ffmpeg``: one process for each step of a file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from shift_media.core.errors import TranscodeError
from shift_media.sandbox.process import Bounds, Program
from shift_media.transcoding.probing.base import ProbeReader, ProbeRules, RawFacts

HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}  # FFmpeg's names of PQ and HLG

_PACKETS = (8, 100)
"""Packets that are decoded in search of a frame, at first and if that finds none: the first
packets of a stream may hold no complete frame."""

_MAX_REASON = 500  # characters


class FFprobe(ProbeReader):
    """Reads the streams of a file, and then a frame if the frames are within the limits."""

    def __init__(self, folder: Path, rules: ProbeRules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        self._programs: list[Program] = []
        self._names: list[str] = []

    @classmethod
    def is_available(cls) -> bool:
        """Return True if ``ffprobe`` is on the path."""
        return shutil.which("ffprobe") is not None

    def start(self, names: Sequence[str], seconds: float) -> None:
        """Start one process for each file."""
        self.bounds = replace(self.bounds, seconds=seconds)
        self._programs += [self._run(name, "-show_format", "-show_streams") for name in names]
        self._names += names

    def _run(self, name: str, *options: str) -> Program:
        rules = self.rules
        lists = ["-protocol_whitelist", rules.protocols] if rules.protocols else []
        lists += ["-format_whitelist", rules.formats] if rules.formats else []
        command = [shutil.which("ffprobe") or "ffprobe", "-v", "error", *lists, "-threads", "1"]
        return Program([*command, "-of", "json", *options, name], self.folder, self.bounds)

    def results(self) -> Iterator[RawFacts | None]:
        """Parse the output of each process."""
        while self._programs:
            output = yield from self._read_output()
            name = self._names.pop(0)
            stream = None if "refused" in output else _find_video(output)
            if stream and stream["width"] * stream["height"] <= self.rules.pixels:
                output["frames"] = yield from self._frames(name, stream["index"])
            yield _facts(output)

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

    def _read_output(self) -> Generator[None, None, dict[str, Any]]:
        """Return the parsed output of the first process, or why ffprobe refuses the file.

        Raises `TranscodeError` at the deadline.
        """
        program, text = self._programs[0], []
        try:
            for line in program.lines():
                if line:
                    text.append(line)
                else:
                    yield None
        except TranscodeError as error:
            if error.code == "deadline":
                raise
            errors = program.error_output().splitlines() or [str(error)]
            return {"refused": errors[-1][-_MAX_REASON:]}
        finally:
            self._programs.pop(0).end()
        output: dict[str, Any] = json.loads("\n".join(text))
        return output

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
        "duration": max(0.0, float(container.get("duration", 0))),
    }
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if sounds:
        facts["audio"] = sounds[0].get("codec_name", "")
        facts["channels"] = int(sounds[0].get("channels", 0))
    video = _find_video(output)
    return facts | (_video_facts(video, output.get("frames", [])) if video else {})


def _find_video(output: dict[str, Any]) -> dict[str, Any] | None:
    streams = output.get("streams", [])
    return next((s for s in streams if s.get("codec_type") == "video" and s.get("width")), None)


def _video_facts(stream: dict[str, Any], frames: list[dict[str, Any]]) -> RawFacts:
    frame = frames[0] if frames else {}
    ratio = _fraction(str(stream.get("sample_aspect_ratio", "")).replace(":", "/"))
    return {
        "video": stream.get("codec_name", ""),
        "width": int(frame.get("width") or stream["width"]),
        "height": int(frame.get("height") or stream["height"]),
        "fps": float(_fraction(stream.get("avg_frame_rate", ""))),
        "pixel_ratio": [ratio.numerator, ratio.denominator] if ratio else [1, 1],
        "hdr": stream.get("color_transfer") in HDR_TRANSFERS,
        "rotation": _rotation(frame) or _rotation(stream),
        "frames": len(frames[:1]),
    }


def _rotation(entry: dict[str, Any]) -> int:
    side_data = entry.get("side_data_list", [])
    return next((int(one["rotation"]) for one in side_data if "rotation" in one), 0)


def _fraction(text: str) -> Fraction:
    """Parse ``"25/1"``; return 0 for what is not a number, such as ``"0/0"`` and ``"N/A"``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
