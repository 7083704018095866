"""Copy what is stored to another storage: ``manage.py media_copy --from ALIAS --to ALIAS``."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, Final

from django.core.files.storage import InvalidStorageError
from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from shift_media.core.errors import MediaError
from shift_media.deletion.site_marker import ForeignStorage, check_site
from shift_media.management.base import MediaCommand, counted
from shift_media.management.import_output import codes_text, printable
from shift_media.management.progress import INTERRUPTED, Progress, stop_on_interrupt
from shift_media.registry import all_media_fields
from shift_media.storages import MediaStorage, default_media_storage, get_storage
from shift_media.storages.naming import is_same_storage, unwrap
from shift_media.storages.transfer import SHARDS, Transfer
from shift_media.storages.transfer_files import is_same_place
from shift_media.storages.transfer_outcomes import (
    CopyState,
    DirectoryCopy,
    FileCopy,
    TransferOptions,
)

USAGE_ERROR: Final = 2
"""The exit code for wrong arguments."""

DEFAULT_WORKERS: Final = 8
MOST_WORKERS: Final = 64


class Command(MediaCommand):
    """Copy originals and renditions from one media storage to another."""

    help = (
        "Copies originals, renditions and the names of documents from one storage to another, and "
        "compares each copy with what was read. Rows are not changed, because they name no "
        "storage. What the target has already is left alone, so that the command can be killed "
        "and run again, beside a site that uses either storage. Ctrl-C finishes the files that "
        "are being copied. Exit codes: 0, all done; 1, some files failed, and are listed with a "
        "code; 2, wrong arguments; 130, interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("--from", dest="source", required=True, metavar="ALIAS", help="alias in STORAGES")
        add("--to", dest="target", required=True, metavar="ALIAS", help="alias in STORAGES")
        add("--dry-run", action="store_true", help="list both storages, and change nothing")
        add("--workers", type=int, metavar="N", default=DEFAULT_WORKERS, help="threads")
        add("--resizes", action="store_true", help="copy stored resizes too, not only what is "
            "needed to make them")  # fmt: skip
        add("--verify", action="store_true", help="read files that are there already on both "
            "sides, and compare them")  # fmt: skip
        add("--delete-source", action="store_true", help="delete each original from the source, "
            "with everything beside it, once both sides were read and are the same; only if no "
            "field uses the source any more")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Copy, and print what failed, the counts and what to do next."""
        source, target = (self._storage(name, options[name]) for name in ("source", "target"))
        chosen = TransferOptions(
            workers=_check_workers(options["workers"]),
            resizes=options["resizes"],
            verify=options["verify"],
            delete_source=options["delete_source"],
            dry_run=options["dry_run"],
        )
        stop = threading.Event()
        self.counts = _Counts()
        try:
            self._check(source, target, chosen, options["source"])
            transfer = Transfer(source, target, chosen, stop)
            with stop_on_interrupt(stop):
                self._run(transfer, verbose=options["verbosity"] > 1)
        except MediaError as error:
            raise CommandError(
                f"A storage failed: {error}\nThen run the command again.", returncode=1
            ) from error
        self._end(transfer, stop)

    def _storage(self, option: str, alias: str) -> MediaStorage:
        name = "--from" if option == "source" else "--to"
        try:
            storage = unwrap(get_storage(alias))
        except InvalidStorageError as error:
            raise CommandError(f"{name} {alias}: {error}", returncode=USAGE_ERROR) from error
        if not isinstance(storage, MediaStorage):
            raise CommandError(
                f"{name} {alias} is not a media storage. Name an alias in STORAGES of a "
                "LocalMediaStorage or S3MediaStorage.",
                returncode=USAGE_ERROR,
            )
        return storage

    def _check(
        self, source: MediaStorage, target: MediaStorage, chosen: TransferOptions, alias: str
    ) -> None:
        """Refuse a run that would lose files, or write into the storage of another site."""
        same = is_same_storage(source, target)
        try:
            check_site(target)
            if chosen.delete_source:
                check_site(source)
        except ForeignStorage as error:
            raise CommandError(f"{error} Nothing was copied.", returncode=USAGE_ERROR) from error
        if same or (not chosen.dry_run and is_same_place(target, source)):
            raise CommandError(
                "--from and --to are one storage: what is written to one is in the other. Name "
                "two different buckets, locations or folders.",
                returncode=USAGE_ERROR,
            )
        if chosen.delete_source and (users := _users(source, probe=not chosen.dry_run)):
            raise CommandError(
                f"--delete-source is refused, because these use the storage {alias!r}: "
                f"{', '.join(users)}. Change STORAGES to the new one first, restart the site and "
                "its workers, and run the command without --delete-source once more.",
                returncode=USAGE_ERROR,
            )

    def _run(self, transfer: Transfer, *, verbose: bool) -> None:
        started = time.monotonic()
        with Progress(self.stdout, "Copying", len(SHARDS)) as progress:
            for outcome in transfer.outcomes():
                self.counts.add(outcome)
                for file in outcome.files:
                    self._print(file, verbose=verbose)
                if outcome.kept and verbose:
                    self.stderr.write(printable(f"{outcome.files[0].key} stays: {outcome.kept}"))
                seconds = max(time.monotonic() - started, 0.001)
                progress.show(transfer.shards, self.counts.detail(seconds))

    def _print(self, file: FileCopy, *, verbose: bool) -> None:
        if file.state == CopyState.FAILED:
            self.stderr.write(printable(f"{file.key}: {file.code}: {file.detail}"))
        elif verbose:
            self.stdout.write(f"{file.key}: {file.state}")

    def _end(self, transfer: Transfer, stop: threading.Event) -> None:
        counts, dry_run = self.counts, transfer.options.dry_run
        would = "would be " if dry_run else ""
        self.stdout.write(
            f"{counted(counts.files, 'file')}: {counts.text(CopyState.COPIED)} {would}copied, "
            f"{counts.text(CopyState.PRESENT)} there already, {counts.text(CopyState.FAILED)} "
            "failed."
        )
        if transfer.foreign:
            objects = counted(transfer.foreign, "object")
            self.stdout.write(f"Left alone, because they are not of shift_media: {objects}.")
        if transfer.options.delete_source and not dry_run:
            removed = counted(counts.removed, "original")
            self.stdout.write(f"Deleted from the source: {removed}; {counts.kept} stay.")
        if transfer.gave_up:
            raise CommandError("Too many files failed one after another.", returncode=1)
        if stop.is_set():
            raise CommandError("Interrupted. Run the command again.", returncode=INTERRUPTED)
        if counts.codes:
            raise CommandError(f"Failed: {codes_text(counts.codes)}.", returncode=1)


class _Counts:
    """The numbers of a run."""

    def __init__(self) -> None:
        self.numbers: Counter[CopyState] = Counter()
        self.bytes: Counter[CopyState] = Counter()
        self.codes: Counter[str] = Counter()
        self.removed = self.kept = 0

    @property
    def files(self) -> int:
        """How many files were looked at."""
        return self.numbers.total()

    def add(self, outcome: DirectoryCopy) -> None:
        """Count the files of an original."""
        for file in outcome.files:
            self.numbers[file.state] += 1
            self.bytes[file.state] += file.size
            if file.code:
                self.codes[file.code] += 1
        self.removed += outcome.is_removed
        self.kept += bool(outcome.kept)

    def detail(self, seconds: float) -> str:
        """Return the numbers so far, and the rate."""
        copied = self.bytes[CopyState.COPIED]
        rate = f"{_size(int(copied / seconds))}/s"
        return f"{counted(self.files, 'file')}, {_size(copied)} copied, {rate}"

    def text(self, state: CopyState) -> str:
        """Return the number and the bytes of the files in a state: ``2 (3.1 MB)``."""
        number = self.numbers[state]
        return f"{number} ({_size(self.bytes[state])})" if number else "0"


def _size(number: int) -> str:
    return str(filesizeformat(number)).replace("\xa0", " ")


def _check_workers(number: int) -> int:
    if not 0 < number <= MOST_WORKERS:
        raise CommandError(
            f"--workers {number}: write a number from 1 to {MOST_WORKERS}.", returncode=USAGE_ERROR
        )
    return number


def _users(source: MediaStorage, *, probe: bool) -> list[str]:
    """Return what uses a storage under any alias: the fields, and the site's media storage.

    With ``probe`` a storage of other options counts, too, if it has what the source has.
    """
    compared: dict[int, bool] = {}

    def is_source(storage: Any) -> bool:
        other = unwrap(storage)
        if is_same_storage(other, source) or not (probe and isinstance(other, MediaStorage)):
            return is_same_storage(other, source)
        if id(other) not in compared:
            compared[id(other)] = is_same_place(source, other)
        return compared[id(other)]

    fields = [str(field) for field in all_media_fields() if is_source(field.storage)]
    return [*fields, *(["the site's media storage"] if is_source(default_media_storage) else [])]
