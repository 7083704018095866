"""Deletion of originals: never before the commit, never while a row refers to one, never lost.

A `PendingDeletion` row is written in the transaction that removes a reference. After the commit
the original's prefix is deleted, and once more some minutes later. What fails is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.db import DEFAULT_DB_ALIAS, DatabaseError, models, router, transaction
from django.utils import timezone

from shift_media.core import paths
from shift_media.core.errors import InvalidKey, MediaError, StorageError
from shift_media.signals import media_deleted
from shift_media.storages import MediaStorage, by_alias, identify

if TYPE_CHECKING:
    from shift_media.models import PendingDeletion

logger = logging.getLogger("shift_media")

SECOND_AFTER = timedelta(minutes=5)
"""Until the second deletion: longer than a resize that is being made meanwhile can take."""

LEASE = timedelta(minutes=10)
"""How long a deletion that somebody runs is left to them: it is tried again if they died."""

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(days=1)
_IN_PASSING = 2  # due deletions that a request runs for others: few, since somebody waits for it
_ERROR_LENGTH = 2000

KNOWN_FAILURES = (
    MediaError,
    OSError,
    DatabaseError,
    ImproperlyConfigured,
    InvalidStorageError,
)
"""What a deletion may fail with and be tried again."""


def schedule(field: models.Field[Any, Any], key: str, using: str) -> PendingDeletion | None:
    """Have an original deleted after the commit, with all that was derived from it.

    To be called in the transaction that removes the reference, on the database ``using``. What is
    no key of ours is left alone.
    """
    from shift_media.models import PendingDeletion

    try:
        prefix = paths.parse_original(key).prefix
    except InvalidKey:
        logger.warning("%s is no key that shift_media gave: it is not deleted.", key[:300])
        return None
    here = router.allow_migrate_model(using, PendingDeletion)
    pending = PendingDeletion(
        storage=identify(_storage_of_field(field)), source=str(field), prefix=prefix
    )
    pending.save(using=using if here else router.db_for_write(PendingDeletion))
    transaction.on_commit(partial(_after_commit, pending), using=using, robust=True)
    return pending


def _after_commit(pending: PendingDeletion) -> None:
    run(pending)
    run_due(limit=_IN_PASSING, using=_database(pending))


def run_due(limit: int = 1000, using: str = DEFAULT_DB_ALIAS) -> int:
    """Run the deletions that are due, the oldest first; return how many succeeded."""
    from shift_media.models import PendingDeletion

    due = PendingDeletion.objects.using(using).filter(not_before__lte=timezone.now())
    return sum(run(pending) for pending in due.order_by("not_before", "pk")[:limit])


def run(pending: PendingDeletion) -> bool:
    """Run one deletion now, due or not; return whether it succeeded.

    Nothing is deleted while a row of any MediaField refers to the original. A failure is logged,
    kept in the row and tried again later; somebody else's turn is no failure and returns False.
    """
    if not _claim(pending):
        return False
    try:
        _run(pending)
    except KNOWN_FAILURES as error:
        _put_off(pending, error)
        return False
    return True


def _run(pending: PendingDeletion) -> None:
    if is_referenced(pending.key, _database(pending)):
        pending.delete()
        return
    if pending.stage == pending.Stage.FIRST and _is_done_already(pending):
        pending.delete()
        return
    _storage_of(pending).delete_prefix(pending.prefix)
    if pending.stage == pending.Stage.SECOND:
        pending.delete()
        return
    _update(
        pending,
        stage=pending.Stage.SECOND,
        attempts=0,
        not_before=timezone.now() + SECOND_AFTER,
        last_error="",
    )
    field = _field_of(pending)
    media_deleted.send_robust(
        sender=None if field is None else field.model,
        key=pending.key,
        storage=_storage_of(pending),
    )


def _claim(pending: PendingDeletion) -> bool:
    """Take a deletion, unless somebody else has taken it since it was read."""
    taken = pending.attempts + 1, timezone.now() + LEASE
    unchanged = _rows(pending).filter(
        pk=pending.pk,
        stage=pending.stage,
        attempts=pending.attempts,
        not_before=pending.not_before,
    )
    if not unchanged.update(attempts=taken[0], not_before=taken[1]):
        return False
    pending.attempts, pending.not_before = taken
    return True


def _put_off(pending: PendingDeletion, error: Exception) -> None:
    pause = min(_FIRST_PAUSE * 2 ** min(pending.attempts - 1, 20), _LONGEST_PAUSE)
    logger.warning(
        "Deleting %s failed (attempt %d, the next one in %s): %s",
        pending.prefix,
        pending.attempts,
        pause,
        error,
    )
    text = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
    _update(pending, not_before=timezone.now() + pause, last_error=text)


def _update(pending: PendingDeletion, **values: Any) -> None:
    for name, value in values.items():
        setattr(pending, name, value)
    _rows(pending).filter(pk=pending.pk).update(**values)


def _rows(pending: PendingDeletion) -> models.QuerySet[PendingDeletion]:
    return type(pending)._default_manager.using(_database(pending))


def _is_done_already(pending: PendingDeletion) -> bool:
    """Tell whether another deletion of the same is past its first time: of two copies, say."""
    past = _rows(pending).filter(stage=pending.Stage.SECOND, prefix=pending.prefix)
    return past.filter(storage=pending.storage, source=pending.source).exists()


def _database(pending: PendingDeletion) -> str:
    return pending._state.db or DEFAULT_DB_ALIAS


def is_referenced(key: str, using: str) -> bool:
    """Tell whether a row of any MediaField of any installed model refers to an original.

    Looks in the database ``using`` and in those where routers keep each model.
    """
    for field in media_fields():
        model = field.model
        for alias in {using, router.db_for_read(model), router.db_for_write(model)}:
            rows: models.QuerySet[models.Model] = models.QuerySet(model=model, using=alias)
            if (
                router.allow_migrate_model(alias, model)
                and rows.filter(**{field.name: key}).exists()
            ):
                return True
    return False


def media_fields() -> Iterator[models.Field[Any, Any]]:
    """List the media fields of all installed models, each where its column is."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy:
            yield from (
                f for f in model._meta.local_concrete_fields if getattr(f, "holds_media", False)
            )


def _field_of(pending: PendingDeletion) -> models.Field[Any, Any] | None:
    label, _, name = pending.source.rpartition(".")
    try:
        field = apps.get_model(label)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    return field if isinstance(field, models.Field) else None


def _storage_of_field(field: models.Field[Any, Any]) -> MediaStorage:
    return field.storage  # type: ignore[attr-defined, no-any-return]  # a MediaField, a layer above


def _storage_of(pending: PendingDeletion) -> MediaStorage:
    field = _field_of(pending)
    storage = by_alias(pending.storage) if pending.storage else getattr(field, "storage", None)
    if not hasattr(storage, "delete_prefix"):
        raise StorageError(
            f"{pending.source} has no media storage any more "
            f"(it was {pending.storage or 'one of its own'})."
        )
    return storage  # type: ignore[return-value]  # hasattr is kinder to third parties than a type
