"""Reading by ffprobe, which Debian's package ``ffmpeg`` brings: a process for each look."""

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
from shift_media.transcoding.probing.base import ProbeReader, Raw, Rules

HDR_TRANSFERS = {"smpte2084", "arib-std-b67"}  # PQ and HLG, as ffmpeg names them

_PACKETS = (8, 100)
"""How many packets are decoded in search of a frame: a few, and then more."""


class FFprobe(ProbeReader):
    """Asks for the streams, and then, where they are within the limits, for a frame."""

    def __init__(self, folder: Path, rules: Rules, bounds: Bounds) -> None:
        super().__init__(folder, rules, bounds)
        self._asked: list[Program] = []
        self._names: list[str] = []

    @classmethod
    def is_available(cls) -> bool:
        """Tell whether there is one on the path."""
        return shutil.which("ffprobe") is not None

    def ask(self, names: Sequence[str], seconds: float) -> None:
        """Start one process for each file."""
        self.bounds = replace(self.bounds, seconds=seconds)
        self._asked += [self._start(name, "-show_format", "-show_streams") for name in names]
        self._names += names

    def _start(self, name: str, *what: str) -> Program:
        rules = self.rules
        lists = ["-protocol_whitelist", rules.protocols] if rules.protocols else []
        lists += ["-format_whitelist", rules.formats] if rules.formats else []
        command = [shutil.which("ffprobe") or "ffprobe", "-v", "error", *lists, "-threads", "1"]
        return Program([*command, "-of", "json", *what, name], self.folder, self.bounds)

    def answers(self) -> Iterator[Raw | None]:
        """Read what each prints."""
        while self._asked:
            said = yield from self._heard()
            name = self._names.pop(0)
            stream = None if "refused" in said else _picture_of(said)
            if stream and stream["width"] * stream["height"] <= self.rules.pixels:
                said["frames"] = yield from self._frames(name, stream["index"])
            yield _facts(said)

    def _frames(self, name: str, index: int) -> Generator[None, None, list[Any]]:
        """Decode as little as gives a frame."""
        chosen = ["-show_frames", "-select_streams", str(index)]
        limit = ["-max_pixels", str(self.rules.pixels)]
        for packets in _PACKETS:
            interval = ["-read_intervals", f"%+#{packets}"]
            self._asked.insert(0, self._start(name, *limit, *chosen, *interval))
            if found := (yield from self._heard()).get("frames"):
                return list(found)
        return []

    def _heard(self) -> Generator[None, None, dict[str, Any]]:
        """Collect the JSON of the first that was asked, or why it refuses.

        Raises `TranscodeError` at the deadline.
        """
        program, text = self._asked[0], []
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
        finally:
            self._asked.pop(0).end()
        said: dict[str, Any] = json.loads("\n".join(text))
        return said

    def end(self) -> None:
        """End what still runs."""
        for program in self._asked:
            program.end()
        self._asked.clear()
        self._names.clear()


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
    picture = _picture_of(said)
    return found | (_picture(picture, said.get("frames", [])) if picture else {})


def _picture_of(said: dict[str, Any]) -> dict[str, Any] | None:
    streams = said.get("streams", [])
    return next((s for s in streams if s.get("codec_type") == "video" and s.get("width")), None)


def _picture(stream: dict[str, Any], frames: list[dict[str, Any]]) -> Raw:
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


def _rotation(of: dict[str, Any]) -> int:
    sides = of.get("side_data_list", [])
    return next((int(side["rotation"]) for side in sides if "rotation" in side), 0)


def _fraction(text: str) -> Fraction:
    """Read ``"25/1"``; 0 for what is no number, such as ``"0/0"`` and ``"N/A"``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
