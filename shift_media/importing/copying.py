"""The copy of one file: opened under its old name, validated as an upload, stored under a key."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from django.core.files.base import File
from django.db import connections

from shift_media.core.errors import AlreadyStored
from shift_media.core.keys import new_original_key
from shift_media.core.metadata import Metadata
from shift_media.importing.models import NAME_LENGTH, ROW_LENGTH
from shift_media.importing.plan import ImportPlan, WaitingRow
from shift_media.importing.reading import (
    UnusableName,
    begin_copy,
    digest,
    name_errors,
    open_old,
    storage_errors,
)
from shift_media.storages.server_copy import CopyUnsupported, ServerCopy, SourceChanged
from shift_media.validators import Inspection, seekable

_ATTEMPTS: Final = 3  # for a file that is written to meanwhile


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file that is stored under a key, or that could be.

    Attributes:
        key: the key; ``""`` if nothing was stored.
        metadata: of the stored file.
        size, sha256: of the old file.
        requests: that the storages have been sent, or would be.
    """

    key: str
    metadata: Metadata
    size: int
    sha256: str
    requests: int


class Copier:
    """The copies of a plan, which threads make: they use the database only for rules of a field.

    Args:
        plan: the columns and storages.
        link: on one disk give a file a second name, where that is safe.
        checksum: whether the SHA-256 of each file is taken.
        dry_run: inspect, and store nothing.
    """

    def __init__(
        self,
        plan: ImportPlan,
        *,
        link: bool = False,
        checksum: bool = True,
        dry_run: bool = False,
    ) -> None:
        self._plan = plan
        self._link = link
        self._checksum = checksum
        self._dry_run = dry_run

    def copy(self, row: WaitingRow, id: str) -> CopiedFile:
        """Store the file of a row under a key with an id.

        Raises a `MediaError` whose code says why the file is left alone.
        """
        try:
            self.check_name(row)
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    return self._copy(row, id)
                except SourceChanged:
                    if attempt == _ATTEMPTS:
                        raise
        finally:
            connections.close_all()  # Those of this thread, which a rule may have used.
        raise AssertionError

    def check_name(self, row: WaitingRow) -> None:
        """Raise `UnusableName` for a name that could not be written down, or be put back."""
        most = NAME_LENGTH
        if self._plan.old is None:
            most = min(most, self._plan.field.max_length or most)
        if len(row.name) > most or len(str(row.pk)) > ROW_LENGTH:
            raise UnusableName(
                f"The name has {len(row.name)} characters, and at most {most} can be put back.",
                code="name_too_long",
            )

    def _copy(self, row: WaitingRow, id: str) -> CopiedFile:
        plan, name = self._plan, row.name
        with contextlib.ExitStack() as stack:
            with storage_errors(name):
                with name_errors(name):
                    server_copy = begin_copy(plan.target, plan.storage, name, self._link)
                    opened = open_old(plan.storage, name, server_copy, stack)
                file = seekable(opened, plan.field.max_bytes)
                prepared, inspection = plan.field.prepare_upload(file, name, self._checksum)
                plan.field.run_rules(prepared, inspection, self._instance(row))
                source = _facts_of(file, prepared, inspection)
            if prepared is not file:
                server_copy = None  # It is stored without its metadata, or as another format.
            return self._store(prepared, inspection, id, source, server_copy)

    def _instance(self, row: WaitingRow) -> Any:
        """Return the row for the rules of a field; None for a field without rules."""
        return self._plan.rows.filter(pk=row.pk).first() if self._plan.field.rules else None

    def _store(
        self,
        file: File[Any],
        inspection: Inspection,
        id: str,
        source: tuple[int, str],
        server_copy: ServerCopy | None,
    ) -> CopiedFile:
        metadata = inspection.metadata
        key = replace(new_original_key(metadata.original_name, inspection.format.extension), id=id)
        requests = self._requests(server_copy)
        if self._dry_run:
            return CopiedFile("", metadata, *source, requests)
        if not self._write(str(key), file, metadata, server_copy):
            raise AlreadyStored(f"Something is stored under {str(key)!r}.")
        return CopiedFile(str(key), metadata, *source, requests)

    def _write(
        self, key: str, file: File[Any], metadata: Metadata, server_copy: ServerCopy | None
    ) -> bool:
        described: dict[str, Any] = {
            "content_type": metadata.content_type,
            "download_name": metadata.original_name,
            "sha256": metadata.sha256,
        }
        if server_copy is not None:
            with contextlib.suppress(CopyUnsupported):
                return server_copy.write(key, **described)
        file.seek(0)
        return self._plan.target.put_original(
            key, cast("Any", file), size=metadata.size, **described
        )

    def _requests(self, server_copy: ServerCopy | None) -> int:
        reading = 0 if self._plan.reads_from_disk else 1
        if server_copy is None:
            return reading + (0 if self._plan.target.serves_files else 1)
        # Such a copy begins with a HEAD.
        return reading + (1 + server_copy.requests if server_copy.requests else 0)


def _facts_of(file: File[Any], prepared: File[Any], inspection: Inspection) -> tuple[int, str]:
    """Return size and SHA-256 of the old file, which may be stored without its metadata."""
    if prepared is file:
        return inspection.metadata.size, inspection.metadata.sha256
    return digest(file)
