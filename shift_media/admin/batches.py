"""The work of the actions, row by row: resizes, stripped originals, jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import SuspiciousOperation, ValidationError
from django.core.files.base import File
from django.db import models, router, transaction

from shift_media import validators
from shift_media.admin.shown_files import fields_of, format_of, is_playable, shown_name
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.imaging.strip import can_strip
from shift_media.resizes.builder import has_resizes
from shift_media.resizes.service import ensure_many
from shift_media.transcoding.models import TranscodeJob

MOST_FAILURES: Final = 20


class ReplacedMeanwhile(MediaError):
    """The file of a row was replaced while another version of it was made."""

    code = "replaced_meanwhile"
    public = "The file was replaced meanwhile, so nothing was changed."


Work = Callable[["BatchOutcome", Any], None]


@dataclass(slots=True)
class BatchOutcome:
    """Count the outcomes of an action on the files of some rows.

    Attributes:
        counts: numbers by ``"done"``, ``"kept"``, ``"skipped"`` and ``"failed"``.
        failures: why files failed, `MOST_FAILURES` at most.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fail(self, file: Any, error: Exception) -> None:
        """Count a failure, with the sentence of the error that is meant for users."""
        self.counts["failed"] += 1
        sentence = getattr(error, "public", "") or "; ".join(getattr(error, "messages", []))
        if len(self.failures) < MOST_FAILURES:
            self.failures.append(f"{shown_name(file)}: {sentence or error}")

    def run(self, row: models.Model, work: Work) -> bool:
        """Do the work for each file of a row; return True if the row has changed."""
        before = self.counts["done"]
        for media_field in fields_of(type(row)):
            file = getattr(row, media_field.name)
            if not file:
                continue
            if file.is_legacy:
                self.counts["skipped"] += 1
                continue
            try:
                work(self, file)
            except (MediaError, ValidationError, OSError, SuspiciousOperation) as error:
                self.fail(file, error)
        return self.counts["done"] > before


def make_resizes(presets: Sequence[str]) -> Work:
    """Return the work that makes the resizes of some presets."""

    def work(outcome: BatchOutcome, file: Any) -> None:
        if not has_resizes(format_of(file).extension):
            outcome.counts["skipped"] += 1
            return
        keys = [file.resize(name).key for name in presets if name in settings.PRESETS]
        for result in ensure_many(keys, file.storage).values():
            if result.error is not None:
                outcome.fail(file, result.error)
            else:
                outcome.counts["done" if result.made else "kept"] += 1

    return work


def strip_metadata(outcome: BatchOutcome, file: Any) -> None:
    """Replace an image that has metadata by one without; its focal point and crops stay.

    An original never changes, so the stripped one has a key of its own, and the row refers to it.
    The old one is deleted after the commit unless another row refers to it.
    """
    if not can_strip(format_of(file)):
        outcome.counts["skipped"] += 1
        return
    old_key, name = file.key, shown_name(file)
    with file.storage.open(old_key) as source:
        inspection = file.field.inspect(source, name)
        stripped, after = validators.strip_metadata(source, inspection)
        if after.metadata.sha256 == inspection.metadata.sha256:
            outcome.counts["kept"] += 1
            return
        _replace(file, old_key, File(stripped.file, name))
    outcome.counts["done"] += 1


def _replace(file: Any, old_key: str, content: File[Any]) -> None:
    """Store another version of a file, and write its row unless the file was replaced meanwhile.

    The focal point and the crops are those that the row has by now.
    """
    row, column = file.instance, file.field
    using = router.db_for_write(type(row), instance=row)
    rows: models.QuerySet[Any] = models.QuerySet(model=type(row), using=using)
    upload = file.store(content.name, content)
    try:
        with transaction.atomic(using=using):
            found = rows.filter(pk=row.pk, **{column.name: old_key}).select_for_update().first()
            if found is None:
                raise ReplacedMeanwhile(f"{old_key} is not the file of row {row.pk} any more.")
            known = getattr(found, column.name).known_metadata
            if known and (known.focal or known.crops):
                file.focal, file.crops = known.focal, known.crops
            row.save(using=using, update_fields=[column.name])
    except BaseException:
        upload.rollback(using)
        raise


def transcode_again(outcome: BatchOutcome, file: Any) -> None:
    """Submit the job of a video again, unless one is under way."""
    if not is_playable(file) or not file.field.transcode:
        outcome.counts["skipped"] += 1
        return
    if TranscodeJob.objects.on_primary().of(file.key, file.field.transcode).live().exists():
        outcome.counts["kept"] += 1
        return
    file.transcode(force=True)
    outcome.counts["done"] += 1
