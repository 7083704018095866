"""What every transcoder is: three calls on one kind of job, and flags that say what it can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.checks import CheckMessage, Error, Info
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from shift_media.core.errors import TranscodeError
from shift_media.core.keys import OriginalKey
from shift_media.transcoding.events import JobEvent
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import Profile

if TYPE_CHECKING:
    from shift_media.storages import MediaStorage


class State(TextChoices):
    """Where a job or a rendition is. It moves forward only; a retry is a new attempt."""

    PENDING = "pending", _("pending")
    SUBMITTED = "submitted", _("submitted")
    PROGRESSING = "progressing", _("progressing")
    COMPLETE = "complete", _("complete")
    CANCELED = "canceled", _("canceled")
    ERROR = "error", _("error")


LIVE = (State.PENDING, State.SUBMITTED, State.PROGRESSING)
"""The states of a job that is still to be done, in the order in which they come."""

RUNNING = (State.SUBMITTED, State.PROGRESSING)


def states_before(state: State) -> tuple[State, ...]:
    """List the states that may become this one within an attempt: only earlier ones, and itself.

    What has ended stays as it ended.
    """
    if state in LIVE:
        return LIVE[: LIVE.index(state) + 1]
    return LIVE


@dataclass(frozen=True, slots=True)
class Job:
    """What a transcoder is given to do: one attempt at one profile of one original.

    Attributes:
        id: the job's row, to tag an external job with.
        token: names the attempt; its renditions lie in a folder of that name.
        wanted: asks whether the result is still wanted, which it is not once the original was
            replaced or deleted, or the job was cancelled or given to somebody else.
        facts: asks what the row says of the original; None where that is not enough.
        external_id: what `Transcoder.submit` returned.
        payload: what the backend wanted to have kept with the job.
    """

    id: int
    token: str
    original: OriginalKey
    profile: Profile
    storage: MediaStorage
    wanted: Callable[[], bool] = lambda: True
    facts: Callable[[], VideoFacts | None] = lambda: None
    external_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What the keys of this attempt's renditions begin with; the poster has no profile."""
        return f"{self.original.directory}/_{self.profile.name}/{self.token}/"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionReport:
    """How far one rendition is, and what it is; ``size`` is in bytes, over all its files."""

    key: str
    kind: str
    content_type: str
    state: State = State.PENDING
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    size: int | None = None
    error_code: str = ""
    error: str = ""
    legacy_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """How far a job is: what `Transcoder.read` gives, whatever the transcoder calls it.

    ``progress`` is in percent. ``error`` is set where the state is `State.ERROR`.
    """

    state: State
    progress: int = 0
    renditions: tuple[RenditionReport, ...] = ()
    error: TranscodeError | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


class Transcoder(ABC):
    """Run jobs; made with the options of ``SHIFT_MEDIA["TRANSCODER"]``.

    Attributes:
        name: kept in the job's row.
        embedded: whether the work goes on only while this process calls `read`: then it needs a
            worker with a lease. Otherwise a service works, and anybody may read.
        can_cancel: whether a job that was submitted can be stopped.
    """

    name: ClassVar[str]
    embedded: ClassVar[bool] = False
    can_cancel: ClassVar[bool] = True

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Begin a job and return its external id. Doing it twice must not begin two."""

    @abstractmethod
    def read(self, job: Job) -> JobReport:
        """Tell how far a job is. An embedded transcoder works on it for a moment meanwhile."""

    @abstractmethod
    def cancel(self, job: Job) -> None:
        """Stop a job and leave nothing of it; one that has ended already is no error."""

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Return the job that a message to the webhook names; None for any other message.

        ``body`` is what the service published to the SNS topic, decoded from JSON. Its signature
        is verified already, but its values may be of any type.
        """
        return None

    def check(self) -> Iterator[CheckMessage]:
        """Give what is wrong with its options, without touching the network."""
        yield from ()

    def check_profile(self, profile: Profile) -> Iterator[CheckMessage]:
        """Give what of a profile it cannot make, and what was chosen where a preset is silent."""
        if profile.elastic is None:
            return
        hint = f'Mend SHIFT_MEDIA["PROFILES"]["{profile.name}"].'
        for text in profile.elastic.impossible:
            yield Error(text, hint=hint, id="shift_media.E009")
        if notes := "\n".join(profile.elastic.notes):
            hint = 'Put what you know of a preset into "presets", or silence this check.'
            text = f'The profile "{profile.name}" has choices of shift_media:\n{notes}'
            yield Info(text, hint=hint, id="shift_media.I001")

    def chosen(self) -> Transcoder:
        """Give the transcoder that does the work: itself, unless it stands for another."""
        return self

    def examine(self) -> Iterator[str]:
        """Ask the service what costs nothing, and say what it allows: for ``media_doctor``.

        Raises a `MediaError` for what it refuses.
        """
        yield from ()
