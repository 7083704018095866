"""The auditor: it reads rows, files and objects, and imports nothing of the package.

It knows the grammar of keys: the first six parts of a key are the directory of its original.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TABLES = {
    "loss_diskphoto": "media", "loss_bucketphoto": "bucket",
    "loss_diskclip": "media", "loss_bucketclip": "bucket",
}  # fmt: skip
CLIPS = ("loss_diskclip", "loss_bucketclip")


def directory_of(key: str) -> str:
    return "/".join(key.split("/")[:6])


def attempt_of(key: str) -> str:
    """Return the folder of the attempt at a job that made a rendition; ``""`` for other keys."""
    parts = key.split("/")
    return "/".join(parts[:8]) if len(parts) > 8 and parts[6].startswith("_") else ""


@dataclass
class Stock:
    """All rows and all objects at one time.

    Attributes:
        rows: storage, key, SHA-256 of the row, SHA-256 and key of its metadata.
        renditions: storage and key of each complete one.
        objects: the keys, by storage.
        pending: the directories with a pending deletion.
    """

    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    renditions: list[tuple[str, str]] = field(default_factory=list)
    objects: dict[str, set[str]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)

    @property
    def directories(self) -> set[tuple[str, str]]:
        """The directories that a row refers to."""
        return {(storage, directory_of(key)) for storage, key, *_ in self.rows}

    def is_being_deleted(self, storage: str, key: str) -> bool:
        """Return True for a key of an original that has a pending deletion and no row."""
        directory = directory_of(key)
        return directory in self.pending and (storage, directory) not in self.directories

    @property
    def orphans(self) -> set[tuple[str, str]]:
        """The objects in directories that no row refers to."""
        return {
            each for each in self.all if (each[0], directory_of(each[1])) not in self.directories
        }

    @property
    def unused(self) -> set[tuple[str, str]]:
        """The objects of attempts at jobs of which no rendition is named."""
        named = {(storage, attempt_of(key)) for storage, key in self.renditions}
        return {
            (storage, key)
            for storage, key in self.all - self.orphans
            if attempt_of(key) and (storage, attempt_of(key)) not in named
        }

    @property
    def all(self) -> set[tuple[str, str]]:
        """The objects of both storages."""
        return {(storage, key) for storage, keys in self.objects.items() for key in keys}


class Auditor:
    """Compares rows with bytes.

    Args:
        database: arguments of psycopg.
        disk: the folder of the local storage.
        client: a client of the bucket "media".
    """

    def __init__(self, database: dict[str, Any], disk: Path, client: Any) -> None:
        self._database, self._disk, self._client = database, disk, client

    def take_stock(self) -> Stock:
        """Return all rows and objects."""
        stock = Stock(objects={"media": set(self._files()), "bucket": set(self._objects())})
        with self._connect() as connection:
            for table, storage in TABLES.items():
                columns = "file, sha256, file_meta->>'sha256', file_meta->>'key'"
                for row in connection.execute(f"SELECT {columns} FROM {table}"):
                    stock.rows.append((storage, *row))
            query = (
                "SELECT job.storage, rendition.key FROM shift_media_rendition rendition"
                " JOIN shift_media_transcodejob job ON job.id = rendition.job_id"
                " WHERE rendition.state = 'complete'"
            )
            pending = connection.execute("SELECT prefix FROM shift_media_pendingdeletion")
            stock.pending = {directory_of(prefix) for (prefix,) in pending}
            stock.renditions = [
                (alias or "media", key) for alias, key in connection.execute(query)
            ]
        return stock

    def find_losses(self, stock: Stock) -> Iterator[str]:
        """Yield a sentence for each row without its bytes."""
        for storage, key, sha256, described, of in stock.rows:
            content = self._read(storage, key)
            if content is None:
                yield f"{storage}: a row refers to {key}, which is gone"
                continue
            found = hashlib.sha256(content).hexdigest()
            if found != sha256:
                yield f"{storage}: {key} has other bytes than its row says"
            if (described, of) != (found, key):
                yield f"{storage}: the metadata of {key} are those of {of}"
        for storage, key in stock.renditions:
            # Files are deleted before the rows of their jobs: a process may be killed between.
            if key not in stock.objects[storage] and not stock.is_being_deleted(storage, key):
                yield f"{storage}: the rendition {key} is gone"

    def count_pending(self) -> dict[str, int]:
        """Return the number of rows of pending work."""
        tables = ("pendingdeletion", "pendingupload")
        with self._connect() as connection:
            return {
                table: connection.execute(f"SELECT count(*) FROM shift_media_{table}").fetchone()[
                    0
                ]
                for table in tables
            }

    def make_jobs_due(self) -> None:
        """Let the time pass that jobs wait, hours if the clock of their host was ahead."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE shift_media_transcodejob SET not_before = now() WHERE state = 'pending'"
            )

    def unfinished_jobs(self) -> int:
        """Return the number of jobs that are still to run."""
        live = "('pending', 'submitted', 'progressing')"
        with self._connect() as connection:
            query = f"SELECT count(*) FROM shift_media_transcodejob WHERE state IN {live}"
            return int(connection.execute(query).fetchone()[0])

    def failed_jobs(self) -> list[str]:
        """Return the error of each job that has failed."""
        with self._connect() as connection:
            query = "SELECT error_code, error FROM shift_media_transcodejob WHERE state = 'error'"
            return [f"{code}: {text}" for code, text in connection.execute(query)]

    def let_time_pass(self) -> None:
        """Make pending deletions due, and temporary files old."""
        with self._connect() as connection:
            connection.execute("UPDATE shift_media_pendingdeletion SET not_before = now()")
        old = time.time() - 2 * 86_400
        for path in (self._disk / ".tmp").glob("*"):
            os.utime(path, (old, old))

    def temporary_files(self) -> list[str]:
        """Return the names of files that are not complete."""
        return [path.name for path in (self._disk / ".tmp").glob("*")]

    def _connect(self) -> Any:
        import psycopg

        return psycopg.connect(**self._database, autocommit=True)

    def _files(self) -> Iterator[str]:
        for path in self._disk.rglob("*"):
            key = str(path.relative_to(self._disk))
            if path.is_file() and not key.startswith(".tmp") and key != "ballast":
                yield key

    def _objects(self) -> Iterator[str]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket="media"):
            yield from (item["Key"] for item in page.get("Contents", ()))

    def _read(self, storage: str, key: str) -> bytes | None:
        if storage == "media":
            path = self._disk / key
            return path.read_bytes() if path.is_file() else None
        try:
            return bytes(self._client.get_object(Bucket="media", Key=key)["Body"].read())
        except self._client.exceptions.NoSuchKey:
            return None
