"""The files of one object: adding, ordering and removing them, each in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from django.db import connections, models, router, transaction
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from shift_media.collections.rules import Collection, collection_error
from shift_media.validators import too_many_files

Item = TypeVar("Item", bound=models.Model)
"""A `MediaItem`, which the layer above defines."""


class OwnedItems(Generic[Item]):
    """The files of one object.

    Every change locks the row of the object, so that two users who add at once do not exceed a
    limit or share a position.

    Args:
        model: the model of the files.
        owner: the object, which must be saved.
        using: the alias of the database; by default the one to which the object is written.
    """

    def __init__(self, model: type[Item], owner: models.Model, using: str | None = None) -> None:
        if owner.pk is None:
            raise ValueError(f"{owner!r} must be saved before files are added to it.")
        self.model: Any = model
        self.owner = owner
        self.using = using or router.db_for_write(model, instance=owner)

    @property
    def rules(self) -> Collection:
        """The rules of the collection."""
        rules: Collection = self.model.collection
        return rules

    def all(self) -> models.QuerySet[Item]:
        """Return the rows, in order."""
        rows: models.QuerySet[Item] = self.model._default_manager.using(self.using).filter(
            **{self.rules.owner: self.owner}
        )
        return rows.order_by("position", "pk")

    def add(self, files: Iterable[Any], **values: Any) -> list[Item]:
        """Store files behind the others, and return their rows.

        All are stored or none is. Of a ``single`` or ``keep_latest`` collection the first files
        are deleted. Raises ``ValidationError`` for a file that the field does not accept, and for
        too many files or bytes.

        Args:
            files: uploads, or any files of Django.
            values: for the other fields of each row, such as ``alt``.
        """
        items = [self.build(file, **values) for file in files]
        self.add_items(items)
        return items

    def build(self, file: Any, **values: Any) -> Item:
        """Return a row for a file, which is not saved yet."""
        item: Item = self.model(**{self.rules.owner: self.owner}, file=file, **values)
        return item

    def add_items(self, items: Sequence[Any]) -> None:
        """Save new rows behind the others; see `add`."""
        with transaction.atomic(using=self.using):
            present = self.lock()
            leaving = self._find_leaving(present, items)
            self.rules.check_count(len(present) - len(leaving) + len(items))
            position = max((item.position for item in present), default=-1) + 1
            for place, item in enumerate(items, position):
                item.position = place
                item.full_clean(exclude=[self.rules.owner])
            staying = [item for item in present if item not in leaving]
            self.rules.check_bytes(sum(item.file.size for item in (*staying, *items)))
            # Nothing is stored before all is known to be right.
            for item in items:
                item.save(using=self.using)
            for item in leaving:
                item.delete(using=self.using)

    def reorder(self, keys: Sequence[Any]) -> None:
        """Put the rows into the order of their primary keys, by one UPDATE.

        Raises ``ValidationError`` if these are not the keys of all rows, because someone else has
        added or removed one.
        """
        with transaction.atomic(using=self.using):
            present = {str(item.pk): item for item in self.lock()}
            wanted = list(map(str, keys))
            if len(wanted) != len(set(wanted)) or set(wanted) != set(present):
                raise collection_error("other_items")
            moved = [present[key] for key in wanted]
            for position, item in enumerate(moved):
                item.position = position
            self.model._default_manager.using(self.using).bulk_update(moved, ["position"])

    def remove(self, keys: Iterable[Any]) -> None:
        """Delete rows, with their files. Raises ``ValidationError`` if too few would be left."""
        with transaction.atomic(using=self.using):
            present, leaving = self.lock(), set(map(str, keys))
            items = [item for item in present if str(item.pk) in leaving]
            self.rules.check_count(len(present) - len(items))
            for item in items:
                item.delete(using=self.using)

    def total_bytes(self) -> int:
        """Return the bytes of all files together, from the metadata, by one query."""
        size = Cast(KeyTextTransform("size", "file_meta"), models.BigIntegerField())
        return self.all().order_by().aggregate(total=models.Sum(size))["total"] or 0

    def lock(self) -> list[Any]:
        """Lock the object until the end of the transaction, and return its rows in order."""
        rows = type(self.owner)._base_manager.using(self.using).filter(pk=self.owner.pk)
        if connections[self.using].features.has_select_for_update:
            bool(rows.select_for_update().values_list("pk"))
        else:
            name = self.owner._meta.pk.attname
            rows.update(**{name: models.F(name)})  # A write takes SQLite's lock at once.
        return list(self.all())

    def _find_leaving(self, present: Sequence[Any], new: Sequence[Any]) -> Sequence[Any]:
        """Return the rows that leave to keep the latest ones."""
        kept = self.rules.kept
        if kept is None:
            return []
        if len(new) > kept:
            raise too_many_files(len(new), kept)
        return present[: max(0, len(present) + len(new) - kept)]
