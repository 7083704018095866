"""The table of imports: which key the file of an old name has become, and what a run holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH
from shift_media.deletion.lookups import IsSameText

NAME_LENGTH: Final = 400
"""The longest old name. MySQL indexes at most 768 characters, for all columns of an index."""

ROW_LENGTH: Final = 100
"""The longest primary key, written as text."""

LEASE: Final = timedelta(seconds=60)
"""How long a row is left to the run that claimed it. A run renews its claims several times in this
time, so after it the run is dead."""

HELD: Final = timedelta(days=1)
"""How long the sweep spares a copy to which no row refers yet. A run does not use an older one."""


class ImportState(models.TextChoices):
    """The outcome for a file so far."""

    COPYING = "copying", _("being copied")
    IMPORTED = "imported", _("imported")
    FAILED = "failed", _("failed")
    UNDONE = "undone", _("undone")
    REPLACED = "replaced", _("replaced by another file")
    FINISHING = "finishing", _("imported, old file being deleted")
    FINISHED = "finished", _("imported, old file deleted")


STORED: Final = (ImportState.IMPORTED, ImportState.FINISHING, ImportState.FINISHED)
"""The states in which a file is stored under its key, and its row was given it."""


class ImportedFileQuerySet(models.QuerySet["ImportedFile"]):
    """Old names of files, and the keys under which the files are stored now."""

    def of(self, field: object) -> Self:
        """Select the files of a field: a media field, or its label ``app.Model.field``."""
        return self.filter(source=str(field))

    def stored(self) -> Self:
        """Select the files that were stored under a key and given to their rows."""
        return self.filter(state__in=STORED)

    def for_name(self, name: str) -> Self:
        """Select the files that were stored under a key, by their old name, newest first.

        It is one query of an index. There are several if rows shared the file, or if storages have
        the same name: add ``filter(old_storage=alias)``. The row may have another file by now.
        """
        return (
            self.stored()
            .filter(IsSameText(models.F("old_name"), name))
            .order_by("-updated", "-pk")
        )

    def held(self) -> Self:
        """Select the copies of runs that are going on, to which no row refers yet."""
        oldest = timezone.now() - HELD
        return self.filter(state=ImportState.COPYING, updated__gte=oldest)

    def note_replaced(self, field: Any, row: object, name: str, alias: str) -> None:
        """Store the old name of a row that was given another file, or is deleted.

        ``media_import --finish`` deletes the old file. Call it in the transaction that writes the
        row, on its database. ``row`` is the primary key, ``alias`` the old file's storage.
        """
        values = {"old_storage": alias, "state": ImportState.REPLACED, "key": ""}
        if len(name) <= NAME_LENGTH and len(str(row)) <= ROW_LENGTH:
            self.update_or_create(
                source=str(field),
                row=str(row),
                old_name=name,
                # MySQL and MariaDB also find an older name of the row that differs in case.
                defaults={"old_name": name, **values, "updated": timezone.now()},
            )


class ImportedFile(models.Model):
    """The file of one row with its old name, and the key under which it is stored now.

    Old names are looked up with ``ImportedFile.objects.for_name("photos/2019/lake.jpg")``, the
    files of a field with ``ImportedFile.objects.of(Photo.image.field)``.

    The table is in the database of the rows, unless a router says otherwise.
    """

    source = models.CharField(
        _("source"), max_length=200, help_text=_("The media field, as app.Model.field.")
    )
    row = models.CharField(_("row"), max_length=ROW_LENGTH, help_text=_("Its primary key."))
    from_field = models.CharField(
        _("from field"),
        max_length=100,
        blank=True,
        help_text=_("The field with the old name, if another."),
    )
    old_storage = models.CharField(
        _("old storage"), max_length=100, blank=True, help_text=_("Alias in STORAGES, if any.")
    )
    old_name = models.CharField(_("old name"), max_length=NAME_LENGTH)
    size = models.BigIntegerField(_("size"), null=True, help_text=_("Bytes of the old file."))
    sha256 = models.CharField(
        _("SHA-256"), max_length=64, blank=True, help_text=_("Of the old file.")
    )
    key = models.CharField(
        _("key"), max_length=KEY_LENGTH, blank=True, help_text=_("Where the file is stored now.")
    )
    stored_size = models.BigIntegerField(
        _("stored size"), null=True, help_text=_("Bytes of the file under the key.")
    )
    stored_sha256 = models.CharField(_("stored SHA-256"), max_length=64, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=ImportState.choices, default=ImportState.COPYING
    )
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated = models.DateTimeField(_("updated"), default=timezone.now, editable=False)

    objects = ImportedFileQuerySet.as_manager()

    class Meta:
        """One row for each old name of a row; the unique index finds the files of a row too."""

        verbose_name = _("imported file")
        verbose_name_plural = _("imported files")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "row", "old_name"], name="shift_media_import_unique"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["old_name"], name="shift_media_import_name"),
            models.Index(fields=["key"], name="shift_media_import_key"),
            models.Index(fields=["source", "state"], name="shift_media_import_state"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.row}: {self.old_name}"
