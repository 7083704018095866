"""Claims: which rows a run works on, so that two runs share the rows and the sweep spares copies.

A claim is a row of the table in the state ``COPYING``. Instead of a key it has the id that the key
will begin with, which no other claim has. The run renews it; one that is not renewed is of a dead
run, and is taken over. Claims save work. What keeps files safe is the condition of each UPDATE.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.files.storage import Storage
from django.db.models import Q
from django.utils import timezone

from shift_media.core.errors import MediaError
from shift_media.core.keys import new_original_key
from shift_media.deletion.references import all_rows
from shift_media.importing.models import HELD, LEASE, ImportedFile, ImportState
from shift_media.importing.plan import ImportPlan, WaitingRow

logger = logging.getLogger("shift_media")

RENEWALS: Final = 4  # in the time of a lease
_ID_LENGTH: Final = 36


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that this run works on, and the id of the key that its file will have."""

    row: WaitingRow
    id: str


class Claims:
    """The claims of one run."""

    def __init__(self, plan: ImportPlan) -> None:
        self._plan = plan
        self._held: set[str] = set()
        self._renewed_at = time.monotonic()

    def take(self, rows: Sequence[WaitingRow]) -> tuple[list[Claim], list[WaitingRow]]:
        """Claim rows; return the claims, and the rows that another run works on."""
        if not rows:
            return [], []
        records = self._plan.records.filter(row__in=[_text(row) for row in rows])
        known = {(record.row, record.old_name): record for record in records}
        claims = [Claim(row, new_original_key("", "jpg").id) for row in rows]
        new = [claim for claim in claims if (_text(claim.row), claim.row.name) not in known]
        self._plan.table.bulk_create(map(self._new_record, new), ignore_conflicts=True)
        for claim in claims:
            record = known.get((_text(claim.row), claim.row.name))
            if record is not None:
                self._take_over(record, claim)
        ours = self._ours(claims)
        refused = [claim for claim in new if claim.id not in ours]
        if refused:
            self._take_over_alike(refused)
            ours = self._ours(claims)
        self._held |= ours
        return (
            [claim for claim in claims if claim.id in ours],
            [claim.row for claim in claims if claim.id not in ours],
        )

    def _ours(self, claims: Sequence[Claim]) -> set[str]:
        ids = [claim.id for claim in claims]
        return set(self._plan.records.filter(key__in=ids).values_list("key", flat=True))

    def _take_over_alike(self, claims: Iterable[Claim]) -> None:
        """Claim rows whose older name is the same to the database, which ignores case, say."""
        for claim in claims:
            alike = self._plan.records.filter(row=_text(claim.row), old_name=claim.row.name)
            for record in alike:
                self._take_over(record, claim)

    def _new_record(self, claim: Claim) -> ImportedFile:
        return ImportedFile(
            source=str(self._plan.field),
            row=_text(claim.row),
            old_name=claim.row.name,
            **self._claimed(claim),
        )

    def _claimed(self, claim: Claim) -> dict[str, Any]:
        return {
            "from_field": self._plan.old.name if self._plan.old else "",
            "old_storage": self._plan.alias,
            "key": claim.id,
            "state": ImportState.COPYING,
            "updated": timezone.now(),
        }

    def _take_over(self, record: ImportedFile, claim: Claim) -> None:
        """Claim a row that was claimed or imported before, unless another run works on it."""
        if record.state == ImportState.COPYING and record.updated > timezone.now() - LEASE:
            return
        same = self._plan.records.filter(
            pk=record.pk, state=record.state, key=record.key, updated=record.updated
        )
        claimed = {"old_name": claim.row.name, **self._claimed(claim)}
        if same.update(**claimed) and record.state == ImportState.COPYING:
            discard(self._plan.target, record.key)

    def renew(self) -> None:
        """Renew the claims if it is time."""
        now = time.monotonic()
        if self._held and now - self._renewed_at > LEASE.total_seconds() / RENEWALS:
            self._renewed_at = now
            self._records(self._held).update(updated=timezone.now())

    def settle(self, claim: Claim, **values: Any) -> bool:
        """Write the outcome of a claim; return False if another run has taken it over."""
        self._held.discard(claim.id)
        usable = self._records([claim.id]).filter(updated__gte=timezone.now() - HELD / 2)
        values = {"error_code": "", "error": "", "updated": timezone.now(), **values}
        return bool(usable.update(**values))

    def release(self, claims: Iterable[Claim]) -> None:
        """Forget claims for which nothing was stored."""
        ids = [claim.id for claim in claims]
        self._held.difference_update(ids)
        for start in range(0, len(ids), 500):
            self._records(ids[start : start + 500]).delete()

    def recover(self) -> None:
        """Settle what dead runs have left: note what they have imported, delete what they copied.

        A row has the key already if it is in another database than the table.
        """
        dead = self._plan.records.filter(
            state=ImportState.COPYING, updated__lte=timezone.now() - LEASE
        )
        for record in dead.iterator():
            key = self._plan.current_keys([record]).get(record.row, "")
            same = dead.filter(pk=record.pk, key=record.key)
            if key.startswith(record.key):
                same.update(state=ImportState.IMPORTED, key=key, updated=timezone.now())
            elif same.delete()[0]:
                discard(self._plan.target, record.key)

    def _records(self, ids: Iterable[str]) -> Any:
        return self._plan.records.filter(key__in=list(ids), state=ImportState.COPYING)


def discard(storage: Storage, id: str) -> None:
    """Delete a copy that no row refers to; what cannot be deleted is left to the sweep."""
    media: Any = storage
    try:
        media.delete_prefix(f"{id[:_ID_LENGTH]}/")
    except (MediaError, OSError) as error:
        logger.warning("The copy below %s was not removed and stays as an orphan: %s", id, error)


def held_by_imports(keys: Sequence[str]) -> set[str]:
    """Return those of the keys that a run has stored, or is about to, and that no row has yet."""
    ids = {key[:_ID_LENGTH]: key for key in keys}
    held: set[str] = set()
    fresh = Q(state=ImportState.COPYING, updated__gte=timezone.now() - HELD)
    for rows in all_rows(ImportedFile):
        wanted = list(ids)
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            held.update(rows.filter(fresh, key__in=part).values_list("key", flat=True))
    return {ids[id] for id in held}


def _text(row: WaitingRow) -> str:
    return str(row.pk)
