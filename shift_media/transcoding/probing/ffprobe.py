"""Reading by ffprobe, which Debian's package ``ffmpeg`` brings: a process for each look."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from shift_media.transcoding.base import TranscodeError
from shift_media.transcoding.probing.reader import Raw, Reader, Rules
from shift_media.transcoding.process import Bounds, Program

HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}  # PQ and HLG, as ffmpeg names them

_FIRST, _FURTHER = "%+#8", "%+#100"
"""Packets that are decoded: the first few, of all streams; then more of the pictures alone."""


class FFprobe(Reader):
    """Asks for the streams and the first frame at once."""

    def __init__(self, folder: Path, rules: Rules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        self._asked: list[tuple[str, Program]] = []

    @classmethod
    def is_available(cls) -> bool:
        """Tell whether there is one on the path."""
        return shutil.which("ffprobe") is not None

    def ask(self, names: Sequence[str], seconds: float) -> None:
        """Start one process for each file."""
        self.bounds = replace(self.bounds, seconds=seconds)
        self._asked += [(name, self._start(name, _FIRST)) for name in names]

    def _start(self, name: str, interval: str, *more: str) -> Program:
        rules = self.rules
        lists = ["-protocol_whitelist", rules.protocols] if rules.protocols else []
        lists += ["-format_whitelist", rules.formats] if rules.formats else []
        limits = ["-max_pixels", str(rules.pixels), "-threads", "1"]
        shown = ["-show_format", "-show_streams", "-show_frames", "-read_intervals", interval]
        command = [shutil.which("ffprobe") or "ffprobe", "-v", "error", *lists, *limits]
        return Program([*command, "-of", "json", *shown, *more, name], self.folder, self.bounds)

    def answers(self) -> Iterator[Raw | None]:
        """Read what each prints; where no frame was among the first packets, look further."""
        while self._asked:
            name, program = self._asked[0]
            said = yield from _heard(program)
            found = _facts(said)
            if found.get("frames") == 0 and found["width"] * found["height"] <= self.rules.pixels:
                self._asked[0] = name, self._start(name, _FURTHER, "-select_streams", "v")
                program.end()
                said["frames"] = (yield from _heard(self._asked[0][1])).get("frames", [])
                found = _facts(said)
            self._asked.pop(0)[1].end()
            yield found

    def end(self) -> None:
        """End what still runs."""
        for _, program in self._asked:
            program.end()
        self._asked.clear()


def _heard(program: Program) -> Generator[None, None, dict[str, Any]]:
    """Collect its JSON; raises `TranscodeError` for a file that it refuses, or at the deadline."""
    text = []
    try:
        for line in program.lines():
            if line:
                text.append(line)
            else:
                yield None
    except TranscodeError as error:
        if error.code == "deadline":
            raise
        complaints = program.complaints().splitlines() or [str(error)]
        return {"refused": complaints[-1][-500:]}
    said: dict[str, Any] = json.loads("\n".join(text))
    return said


def _facts(said: dict[str, Any]) -> Raw:
    if "refused" in said:
        return {"refused": said["refused"]}
    streams = said.get("streams", [])
    form = said.get("format", {})
    found: Raw = {
        "format": form.get("format_name", ""),
        "duration": max(0.0, float(form.get("duration", 0))),
    }
    sounds = [stream for stream in streams if stream.get("codec_type") == "audio"]
    if sounds:
        found["audio"] = sounds[0].get("codec_name", "")
        found["channels"] = int(sounds[0].get("channels", 0))
    pictures = [s for s in streams if s.get("codec_type") == "video" and s.get("width")]
    return found | (_picture(pictures[0], said.get("frames", [])) if pictures else {})


def _picture(stream: dict[str, Any], frames: list[dict[str, Any]]) -> Raw:
    own = [frame for frame in frames if frame.get("stream_index") == stream["index"]]
    frame = own[0] if own else {}
    ratio = _fraction(str(stream.get("sample_aspect_ratio", "")).replace(":", "/"))
    return {
        "video": stream.get("codec_name", ""),
        "width": int(frame.get("width") or stream["width"]),
        "height": int(frame.get("height") or stream["height"]),
        "fps": float(_fraction(stream.get("avg_frame_rate", ""))),
        "pixel_ratio": [ratio.numerator, ratio.denominator] if ratio else [1, 1],
        "hdr": stream.get("color_transfer") in HDR_TRANSFERS,
        "rotation": _rotation(frame) or _rotation(stream),
        "frames": len(own[:1]),
    }


def _rotation(of: dict[str, Any]) -> int:
    sides = of.get("side_data_list", [])
    return next((int(side["rotation"]) for side in sides if "rotation" in side), 0)


def _fraction(text: str) -> Fraction:
    """Read ``"25/1"``; 0 for what is no number, such as ``"0/0"`` and ``"N/A"``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
