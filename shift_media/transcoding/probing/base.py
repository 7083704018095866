"""What PyAV and ffprobe have in common: asked for files, they answer with the same raw facts.

A dict per file: ``format``, ``duration``, ``audio``, ``channels``, ``video``, ``width``,
``height``, ``fps``, ``hdr`` and ``frames`` as in `VideoFacts`, but the sides as they are stored,
with ``rotation`` in degrees and ``pixel_ratio`` as numerator and denominator; or ``refused``, why
there are none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shift_media.sandbox.process import Bounds

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be opened and decoded."""

    protocols: str
    formats: str
    pixels: int


class ProbeReader(ABC):
    """Reads the files of one folder, in processes of its own."""

    def __init__(self, folder: Path, rules: Rules, bounds: Bounds) -> None:
        self.folder, self.rules, self.bounds = folder, rules, bounds

    @classmethod
    @abstractmethod
    def is_available(cls) -> bool:
        """Tell whether it is installed."""

    @abstractmethod
    def ask(self, names: Sequence[str], seconds: float) -> None:
        """Begin to read files, for so many seconds at most."""

    @abstractmethod
    def answers(self) -> Iterator[Raw | None]:
        """Give the facts of each file in order, and None whenever it is silent for a tick.

        Raises `TranscodeError` at the deadline and where a process fails, ``ValueError`` where
        what it says makes no sense.
        """

    @abstractmethod
    def end(self) -> None:
        """End all processes."""
