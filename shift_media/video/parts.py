"""The part of a source that a profile uses: from one second to another, in one language."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shift_media.core.errors import TranscodeError
from shift_media.video.facts import VideoFacts


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a source.

    Attributes:
        start: in seconds from the beginning.
        end: in seconds from the beginning of the source; 0 for its end.
    """

    start: float = 0.0
    end: float = 0.0

    def __bool__(self) -> bool:
        """Return True if it is not the whole source."""
        return bool(self.start or self.end)

    @property
    def seconds(self) -> float:
        """Its duration; 0 if it lasts until the end of the source."""
        return self.end - self.start if self.end else 0.0

    def cut(self, facts: VideoFacts) -> VideoFacts:
        """Return the facts of this part, as if it were a file of its own.

        Raises `TranscodeError` if the source ends before it, or has no picture in it.
        """
        if not self:
            return facts
        if self.start >= facts.duration:
            raise TranscodeError(
                f'The file lasts {facts.duration:.1f} seconds, but the "trim" of the profile '
                f"begins at {self.start:g}.",
                code="trimmed_away",
            )
        moved = replace(
            facts,
            duration=self._end_of(facts.duration),
            picture_start=max(0.0, facts.picture_start - self.start),
            picture_end=self._end_of(facts.picture_end),
            sound_start=max(0.0, facts.sound_start - self.start),
            sound_end=self._end_of(facts.sound_end),
            last_end=self._end_of(facts.last_end),
        )
        if facts.video and facts.picture_end and moved.picture_end <= moved.picture_start:
            text = 'There is no picture in the part that the "trim" of the profile names.'
            raise TranscodeError(text, code="trimmed_away")
        if facts.sound_end and not moved.sound_end:  # It ends before this part begins.
            return replace(moved, audio="", unknown_audio=0, sounds=())
        return moved

    def _end_of(self, seconds: float) -> float:
        """Return an end as this part has it; 0 stays, because it is unknown."""
        end = min(seconds, self.end) if self.end else seconds
        return round(max(0.0, end - self.start), 6) if seconds else 0.0


WHOLE = Part()
"""All of a source."""


def choose_sound(facts: VideoFacts, language: str) -> VideoFacts:
    """Return the facts with the first sound of a language; the first of all if none has it."""
    for stream, spoken in facts.sounds:
        if language and spoken == language:
            return replace(facts, audio_stream=stream)
    return facts
