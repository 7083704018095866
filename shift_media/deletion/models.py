"""Rows of pending work: deletions, and invalidations of a CDN."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any, ClassVar, Final, Self, TypeVar, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.core.backoff import Backoff
from shift_media.core.errors import MediaError, StorageError
from shift_media.core.keys import KEY_LENGTH
from shift_media.registry import find_field
from shift_media.storages import MediaStorage, resolve

LEASE: Final = timedelta(minutes=10)
"""How long a claimed row is left to the process that claimed it. Then another process may claim
it, because the first one has probably died."""

SECOND_AFTER: Final = timedelta(minutes=5)
"""Pause between the two deletions of an original: longer than making a resize can take."""

BACKOFF: Final = Backoff(first=timedelta(minutes=1), longest=timedelta(days=1))
ERROR_LENGTH: Final = 2000  # characters of an error that are kept

Original = tuple[str, str, str]
"""The storage, source and prefix of an original."""

Work = TypeVar("Work", bound="PendingWork")


class PendingWorkQuerySet(models.QuerySet[Work]):
    """Rows of one kind of pending work."""

    def due(self) -> Self:
        """Select the rows whose time has come, oldest first."""
        return self.filter(not_before__lte=timezone.now()).order_by("not_before", "pk")


class PendingWork(models.Model):
    """Work on a deleted directory that is repeated until it succeeds.

    A process claims a row before it works on it, so that no two processes work on one row, and
    deletes the row when the work is done. After a failure the row is due again, later each time.
    """

    RETRIED_ERRORS: ClassVar[tuple[type[Exception], ...]] = (
        MediaError,
        OSError,
        DatabaseError,
        ImproperlyConfigured,
        InvalidStorageError,
    )
    """Failures after which the work is tried again. Anything else is a bug, and is raised."""

    CLAIMED_COLUMNS: ClassVar[tuple[str, ...]] = ("attempts", "not_before")
    """Columns that change with every claim: a row in which one differs was claimed meanwhile."""

    storage = models.CharField(_("storage"), max_length=100, blank=True)
    source = models.CharField(_("source"), max_length=200)
    prefix = models.CharField(_("prefix"), max_length=KEY_LENGTH)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), default=timezone.now, db_index=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_error = models.TextField(_("last error"), blank=True)

    objects = PendingWorkQuerySet.as_manager()

    class Meta:
        """The oldest first."""

        abstract = True
        ordering: ClassVar = ["not_before", "pk"]

    def __str__(self) -> str:
        return self.prefix

    @property
    def database(self) -> str:
        """The alias of the database that the row is in."""
        return self._state.db or DEFAULT_DB_ALIAS

    @property
    def field(self) -> models.Field[Any, Any] | None:
        """The field that the file was in, or None if there is none any more."""
        return find_field(self.source)

    @property
    def media_storage(self) -> MediaStorage:
        """The storage that the directory is in.

        Raises `StorageError` if the field or its storage is gone, and `InvalidStorageError` if the
        alias is no longer in ``STORAGES``.
        """
        storage = resolve(self.storage, self.source)
        # Not isinstance: a storage of a third party may have the methods without the base class.
        if not hasattr(storage, "delete_prefix"):
            had = f"STORAGES[{self.storage!r}]" if self.storage else "a storage of its own"
            raise StorageError(
                f"{self.source} has no media storage any more. It had {had}: restore it, or "
                f"delete the files below {self.prefix} by hand."
            )
        return cast("MediaStorage", storage)

    @classmethod
    def claim_all(cls, rows: Sequence[Self]) -> list[Self]:
        """Claim rows of one database for `LEASE`; return those that no other process has claimed.

        Rows that are alike in `CLAIMED_COLUMNS`, as those of one transaction, take one statement.
        """
        claimed: list[Self] = []
        ordered = sorted(rows, key=cls._claimed_columns)
        for values, group in groupby(ordered, key=cls._claimed_columns):
            unchanged = dict(zip(cls.CLAIMED_COLUMNS, values, strict=True))
            claimed += cls._claim_alike(list(group), unchanged)
        return claimed

    @classmethod
    def _claim_alike(cls, rows: list[Self], unchanged: dict[str, Any]) -> list[Self]:
        same = rows[0]._rows.filter(pk__in=[row.pk for row in rows])
        # The random part tells the rows that this call has claimed from those of another process.
        until = timezone.now() + LEASE + timedelta(microseconds=secrets.randbelow(10**6))
        claimed = {"attempts": unchanged["attempts"] + 1, "not_before": until}
        if same.filter(**unchanged).update(**claimed) < len(rows):
            ours = set(same.filter(**claimed).values_list("pk", flat=True))
            rows = [row for row in rows if row.pk in ours]
        for row in rows:
            row._set(claimed)
        return rows

    @classmethod
    def retry_all_later(cls, rows: Sequence[Self], error: Exception) -> timedelta:
        """Keep an error in rows of one database and make them due later; return the first pause.

        The pause grows with the attempts of a row.
        """
        text = f"{type(error).__name__}: {error}"[:ERROR_LENGTH]
        pauses = []
        ordered = sorted(rows, key=attrgetter("attempts"))
        for attempts, group in groupby(ordered, key=attrgetter("attempts")):
            pauses.append(BACKOFF.pause(attempts))
            cls._write_all(list(group), not_before=timezone.now() + pauses[-1], last_error=text)
        return pauses[0]

    @classmethod
    def delete_all(cls, rows: Sequence[Self]) -> None:
        """Delete rows of one database, whose work is done."""
        if rows:
            rows[0]._rows.filter(pk__in=[row.pk for row in rows]).delete()

    @classmethod
    def _claimed_columns(cls, row: Self) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in cls.CLAIMED_COLUMNS)

    @property
    def _rows(self) -> models.QuerySet[Self]:
        """All rows of this kind in the row's database."""
        rows = type(self)._default_manager.using(self.database)
        return cast("models.QuerySet[Self]", rows)

    @classmethod
    def _write_all(cls, rows: Sequence[Self], **values: Any) -> None:
        """Write the same columns of some rows, to their database and to the objects.

        Not by ``save()``, which would insert a row that another process has deleted.
        """
        if not rows:
            return
        for row in rows:
            row._set(values)
        rows[0]._rows.filter(pk__in=[row.pk for row in rows]).update(**values)

    def _set(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class PendingDeletion(PendingWork):
    """An original whose row is gone, to be deleted with everything that was derived from it.

    Written in the transaction that removes the last reference; see `shift_media.deletion.service`.
    """

    class Stage(models.IntegerChoices):
        """How often the original has been deleted already."""

        FIRST = 1, _("to be deleted")
        SECOND = 2, _("to be deleted once more")

    CLAIMED_COLUMNS: ClassVar[tuple[str, ...]] = (*PendingWork.CLAIMED_COLUMNS, "stage")

    storage = models.CharField(
        _("storage"),
        max_length=100,
        blank=True,
        help_text=_("Alias in STORAGES; empty where the field has its own storage."),
    )
    source = models.CharField(
        _("source"), max_length=200, help_text=_("The field that the file was in.")
    )
    stage = models.PositiveSmallIntegerField(
        _("stage"), choices=Stage.choices, default=Stage.FIRST
    )

    class Meta(PendingWork.Meta):
        """The oldest first."""

        verbose_name = _("pending deletion")
        verbose_name_plural = _("pending deletions")

    @property
    def key(self) -> str:
        """The key of the original."""
        directory = self.prefix.rstrip("/")
        return f"{self.prefix}{directory.rpartition('/')[2]}"

    @property
    def is_first(self) -> bool:
        """True until the original has been deleted once."""
        return self.stage == self.Stage.FIRST

    @property
    def original(self) -> Original:
        """The storage, source and prefix, by which rows about one original are recognised."""
        return self.storage, self.source, self.prefix

    @property
    def is_recent(self) -> bool:
        """True for `SECOND_AFTER`, in which replicas learn that the reference is gone."""
        return timezone.now() < self.created + SECOND_AFTER

    @classmethod
    def put_off(cls, rows: Sequence[Self]) -> None:
        """Make rows due that were claimed once they are not recent, as if they were not claimed.

        They are those whose original has a row in another database, which may be a replica.
        """
        if rows:
            not_before = max(row.created for row in rows) + SECOND_AFTER
            cls._write_all(rows, attempts=0, not_before=not_before)

    @classmethod
    def move_to_second_stage(cls, rows: Sequence[Self]) -> None:
        """Make rows due once more, after `SECOND_AFTER`, with their attempts counted anew."""
        cls._write_all(
            rows,
            stage=cls.Stage.SECOND,
            attempts=0,
            not_before=timezone.now() + SECOND_AFTER,
            last_error="",
        )

    @classmethod
    def deleted_once(cls, rows: Sequence[Self]) -> set[Original]:
        """Return the originals of rows that other rows have deleted already.

        There are two rows if two references were removed at once: those of a copied row, say.
        """
        first = [row.prefix for row in rows if row.is_first]
        if not first:
            return set()
        second = rows[0]._rows.filter(stage=cls.Stage.SECOND, prefix__in=first)
        return set(second.values_list("storage", "source", "prefix"))


class PendingInvalidation(PendingWork):
    """A deleted directory that is still to be invalidated in the CDN before its storage."""

    class Meta(PendingWork.Meta):
        """The oldest first."""

        verbose_name = _("pending invalidation")
        verbose_name_plural = _("pending invalidations")
