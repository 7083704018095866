"""The base class of transcoders: submit, read and cancel a job, and flags for what they can do.

Jobs and reports are frozen dataclasses, so that a backend needs neither the rows nor the services.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.checks import CheckMessage, Error, Info
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from shift_media.core.errors import TranscodeError
from shift_media.core.keys import NEW_POSTER, OriginalKey, poster_key
from shift_media.transcoding.events import JobEvent
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import Profile
from shift_media.video.specs import PosterSpec, RenditionSpec

if TYPE_CHECKING:
    from shift_media.storages import MediaStorage


class State(TextChoices):
    """The state of a job or a rendition. It only moves forward; a retry is a new attempt."""

    PENDING = "pending", _("pending")
    SUBMITTED = "submitted", _("submitted")
    PROGRESSING = "progressing", _("progressing")
    COMPLETE = "complete", _("complete")
    CANCELED = "canceled", _("canceled")
    ERROR = "error", _("error")


LIVE = (State.PENDING, State.SUBMITTED, State.PROGRESSING)
"""The states of a job that has not ended, in their order."""

RUNNING = (State.SUBMITTED, State.PROGRESSING)
"""The states of a job that a worker or a service works on."""

ANNOUNCED = (State.COMPLETE, State.ERROR)
"""The states of a job that has ended, and whose end a signal announces."""


class Priority(IntEnum):
    """Priorities of jobs, from -50 to 50; any number between is one too."""

    BACKFILL = -10
    """Of videos that a command submits, for which no user waits."""

    NORMAL = 0
    """Of uploads, for which a user waits."""

    POSTER = 10
    """Of a poster that a user has chosen, and waits for: it takes a second."""


MOST_PRIORITY = 50
"""The highest priority, as MediaConvert has it; the lowest is its negative."""


def states_before(state: State) -> tuple[State, ...]:
    """Return the states that may change to this one: the earlier ones, and itself.

    A job that has ended is in none of them, so that its state stays.
    """
    if state in LIVE:
        return LIVE[: LIVE.index(state) + 1]
    return LIVE


@dataclass(frozen=True, slots=True)
class UploadedCaptions:
    """WebVTT that a user has uploaded for a video.

    Attributes:
        key: of the file in ``storage``.
    """

    language: str
    key: str
    storage: MediaStorage


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt to make one profile of one original, as a transcoder is given it.

    Attributes:
        id: primary key of the job's row, which a backend tags its external job with.
        token: a random name of the attempt, and of the folder of its renditions.
        wanted: returns False once the original was replaced or deleted, or the job was cancelled
            or taken over by another worker.
        facts: returns what the metadata column says of the original; None if that is not enough.
        captions: returns the captions that users have uploaded for the video.
        external_id: what `Transcoder.submit` has returned, else empty.
        payload: the `JobReport.payload` that was stored with the row.
        priority: from -50 to 50; jobs with a higher one are to be run first.
        poster: key of the poster that this profile has made before; empty if there is none. Its
            successor gets a key of its own, because what is stored under a key is cached.
    """

    id: int
    token: str
    original: OriginalKey
    profile: Profile
    storage: MediaStorage
    wanted: Callable[[], bool] = lambda: True
    facts: Callable[[], VideoFacts | None] = lambda: None
    captions: Callable[[], Sequence[UploadedCaptions]] = tuple
    external_id: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    priority: int = Priority.NORMAL
    poster: str = ""

    @property
    def prefix(self) -> str:
        """The prefix of this attempt's keys, except the poster: see `rendition_key`."""
        return f"{self.original.directory}/_{self.profile.name}/{self.token}/"

    def rendition_key(self, rendition: RenditionSpec | str) -> str:
        """Return the key of one of this attempt's renditions, or of one of its files.

        The first poster lies beside the original. A new one has the attempt in its key.
        """
        if isinstance(rendition, PosterSpec):
            is_new = self.poster or self.profile.name == NEW_POSTER
            return str(poster_key(self.original, self.token if is_new else None))
        return planning.rendition_key(self.original, self.profile.name, self.token, rendition)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionReport:
    """The state and the properties of one rendition.

    Attributes:
        key: of the file to play, or of the playlist.
        kind: as in `Rendition.kind`: ``"mp4"``, ``"hls"``, ``"poster"``, ``"sprite"`` …
        width, height: in pixels, as they are shown.
        duration: in seconds.
        size: in bytes, of all its files together.
        codecs: as in the type of a ``<source>`` (RFC 6381): ``"avc1.64001f,mp4a.40.2"``; empty if
            unknown, and for playlists.
        legacy_key: the key that Elastic Transcoder would have written.
    """

    key: str
    kind: str
    content_type: str
    state: State = State.PENDING
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    size: int | None = None
    codecs: str = ""
    error_code: str = ""
    error: str = ""
    legacy_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """The state of a job, in the same terms for all transcoders.

    Attributes:
        progress: in percent.
        error: set if the state is `State.ERROR`; ``retryable`` asks for another attempt.
        payload: JSON that is stored with the row when the job completes, and handed back in
            `Job.payload`.
    """

    state: State
    progress: int = 0
    renditions: tuple[RenditionReport, ...] = ()
    error: TranscodeError | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


class Transcoder(ABC):
    """The base class of transcoders.

    One instance serves the whole process. Its keyword arguments are the ``OPTIONS`` of
    ``SHIFT_MEDIA["TRANSCODER"]``.

    Attributes:
        name: stored in the rows of its jobs. They are recovered if the site's transcoder changes.
        embedded: True if the work is done in this process by calls of `read`, by a worker that
            holds a lease. False if a service does the work, so that any process may call `read`.
        can_cancel: True if a submitted job can be stopped.
    """

    name: ClassVar[str]
    embedded: ClassVar[bool] = False
    can_cancel: ClassVar[bool] = True

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Begin a job and return its external id, of at most 200 characters.

        A second call for the same attempt must return the same job instead of beginning another,
        because a worker may die before it has stored the id. Raises `TranscodeError`, retryable
        if another attempt may succeed.
        """

    @abstractmethod
    def read(self, job: Job) -> JobReport:
        """Return the state of a job; an embedded transcoder works on it for a moment first.

        A `MediaError` means that the state could not be read now. A failed job is a report with
        `State.ERROR`.
        """

    @abstractmethod
    def cancel(self, job: Job) -> None:
        """Stop a job and delete the files under `Job.prefix`.

        It is no error if the job has ended already, or was never submitted.
        """

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Return the job that a message to the webhook names; None for any other message.

        ``body`` is what the service published to the SNS topic, decoded from JSON. Its signature
        is verified already, but its values may be of any type.
        """
        return None

    def check(self) -> Iterator[CheckMessage]:
        """Yield messages of system checks about the options, without network access."""
        yield from ()

    def check_profile(self, profile: Profile) -> Iterator[CheckMessage]:
        """Yield messages about what it cannot make of a profile, and about chosen defaults."""
        if profile.elastic is None:
            return
        hint = f'Fix SHIFT_MEDIA["PROFILES"]["{profile.name}"].'
        for text in profile.elastic.impossible:
            yield Error(text, hint=hint, id="shift_media.E009")
        if notes := "\n".join(profile.elastic.assumptions):
            hint = 'Add what you know of a preset to "presets", or silence this check.'
            text = f'In the profile "{profile.name}" shift_media has chosen values:\n{notes}'
            yield Info(text, hint=hint, id="shift_media.I001")

    def chosen(self) -> Transcoder:
        """Return the transcoder that does the work: itself, unless it delegates to another."""
        return self

    def examine(self) -> Iterator[str]:
        """Yield sentences for ``media_doctor``, from requests to the service that cost nothing.

        Raises a `MediaError` if the service refuses one.
        """
        yield from ()
