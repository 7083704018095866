"""The base class of the readers, PyAV and ffprobe, which return the same raw facts.

Raw facts are a dict for each file with the names of `VideoFacts`, but its times and ``hdr``. Width
and height are those of the stored frames, so there are also ``rotation`` in degrees and
``pixel_ratio`` as numerator and denominator. ``unknown_audio`` is the number of audio streams that
have no decoder. The times are ``duration`` and ``start`` of the container, and ``ends`` and
``packets`` as in `shift_media.transcoding.probing.timing`. A file that cannot be read has
``refused`` instead, with the reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shift_media.sandbox.process import Bounds

RawFacts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """The limits of a reader.

    Attributes:
        protocols: names that FFmpeg's ``protocol_whitelist`` takes, separated by commas.
        formats: names that FFmpeg's ``format_whitelist`` takes, separated by commas.
        pixels: of the largest frame that is decoded.
    """

    protocols: str
    formats: str
    pixels: int


class ProbeReader(ABC):
    """A reader of the files of one folder, which runs in processes of its own."""

    def __init__(self, folder: Path, rules: ProbeRules, bounds: Bounds) -> None:
        self.folder, self.rules, self.bounds = folder, rules, bounds

    @classmethod
    @abstractmethod
    def is_available(cls) -> bool:
        """Return True if the reader is installed."""

    @abstractmethod
    def start(self, names: Sequence[str], seconds: float, *, reads_packets: bool) -> None:
        """Begin to read files, each for at most ``seconds``.

        Packets are read if the header does not say when each stream ends, or if it is asked for.
        """

    @abstractmethod
    def results(self) -> Iterator[RawFacts | None]:
        """Yield the facts of each file in order, and None for each tick without output.

        Raises `TranscodeError` at the deadline or if a process fails, ``ValueError`` for output
        that cannot be parsed.
        """

    @abstractmethod
    def end(self) -> None:
        """End all processes."""
