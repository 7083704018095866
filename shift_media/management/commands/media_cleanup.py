"""Remove files that no row refers to: ``manage.py media_cleanup``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.core.files.storage import InvalidStorageError
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections, router
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from shift_media.core.errors import MediaError, StorageError
from shift_media.deletion import invalidation
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion, PendingInvalidation, PendingWork
from shift_media.deletion.references import all_rows
from shift_media.deletion.site_marker import ForeignStorage, check_site, foreign_rows
from shift_media.deletion.sweep import SHARDS, ObjectCount, SuspiciousSweep, Sweep, SweepReport
from shift_media.deletion.unfinished import abort_unfinished
from shift_media.direct.tickets import PARTS_SECONDS
from shift_media.fields import pending_run
from shift_media.fields.legacy_rows import find_legacy_names_of
from shift_media.management.base import MediaCommand
from shift_media.management.preset_cleanup import (
    add_preset_arguments,
    clean_presets,
    list_resizes,
)
from shift_media.management.progress import Progress
from shift_media.staging import PendingUpload, UsedTicket
from shift_media.storages import LocalMediaStorage, MediaStorage, get_storage
from shift_media.transcoding import services

GRACE_HOURS = 24
"""Longer than any transaction takes from storing an upload to its commit."""

LEAST_GRACE_HOURS = 1

LOST_AFTER = timedelta(minutes=15)
"""How late a task may be before this command does its work."""


class Command(MediaCommand):
    """Run pending work, and remove orphaned originals and resizes of retired signatures."""

    help = (
        "Runs the deletions that are due, removes originals that no row refers to and that are "
        "older than the grace time, renditions that no job refers to, and resizes that none of "
        "the signing keys signed. Safe beside running uploads and jobs. Run it daily."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--storage", default="", help="alias in STORAGES; without it the site's media storage"
        )
        parser.add_argument(
            "--grace",
            type=float,
            default=GRACE_HOURS,
            metavar="HOURS",
            help=f"keep files that are younger; at least {LEAST_GRACE_HOURS}",
        )
        parser.add_argument(
            "--resign",
            action="store_true",
            help="copy resizes that an older signing key signed to their new names",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="remove orphans even if they are more than 10 and more than 5 %% of the "
            "originals, or if no original has a row; renditions likewise",
        )
        add_preset_arguments(parser)
        parser.add_argument(
            "--dry-run", action="store_true", help="count what would be done, and change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run pending deletions and invalidations, then sweep the storage."""
        if options["grace"] < LEAST_GRACE_HOURS:
            raise CommandError(
                f"--grace {options['grace']} is too short, because files of running uploads would "
                f"be removed. Write at least {LEAST_GRACE_HOURS}."
            )
        storage = self._storage(options["storage"])
        dry_run: bool = options["dry_run"]
        try:
            self._check_owner(storage, dry_run)
            if options["presets"] or options["list_resizes"]:
                self._presets(storage, options)
                return
            self._deletions(dry_run)
            self._invalidations(dry_run)
            self._pending(dry_run)
            self._used_tickets(dry_run)
            self._temporary(storage, dry_run)
            self._unfinished(storage, options)
            report = self._sweep(storage, options)
        except MediaError as error:
            raise CommandError(
                f"The storage failed: {error}\nThen run the command again."
            ) from error
        except DatabaseError as error:
            raise CommandError(
                f"A database could not be asked for rows that refer to files, so nothing more was "
                f"removed: {error}. Every database in which models with media fields may live is "
                f"asked: {', '.join(connections)}. Run the command again."
            ) from error
        self._write_report(report, dry_run)
        for names in find_legacy_names_of(storage):
            self.stdout.write(f"Not looked at: {names} {names.what_to_do}")

    def _presets(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        if options["list_resizes"]:
            list_resizes(storage, self.stdout)
        if given := options["presets"]:
            clean_presets(storage, given, self.stdout, dry_run=options["dry_run"])

    def _storage(self, alias: str) -> MediaStorage:
        try:
            storage = get_storage(alias)
        except InvalidStorageError as error:
            raise CommandError(f"--storage {alias}: {error}") from error
        if not isinstance(storage, MediaStorage):
            raise CommandError(
                f"--storage {alias or 'default'} is not a media storage. Name an alias in "
                "STORAGES of a LocalMediaStorage or S3MediaStorage."
            )
        return storage

    def _check_owner(self, storage: MediaStorage, dry_run: bool) -> None:
        """Refuse a storage of another site, even with ``--force``; warn of one without a site."""
        try:
            warning = check_site(storage)
        except ForeignStorage as error:
            if not dry_run:
                raise CommandError(f"{error} Nothing was removed.") from error
            self.stderr.write(f"Without --dry-run this would be refused: {error}")
        else:
            # A folder is seldom shared, so it need not be claimed.
            if warning and hasattr(storage, "bucket_name"):
                self.stderr.write(self.style.WARNING(warning))

    def _deletions(self, dry_run: bool) -> None:
        due, done, left = self._run_due(PendingDeletion, deletion.run_due, dry_run)
        if dry_run:
            self.stdout.write(f"Pending deletions: {due} would run.")
        else:
            self.stdout.write(f"Pending deletions: {done} of {due} ran, {left} are not due yet.")

    def _invalidations(self, dry_run: bool) -> None:
        _, done, left = self._run_due(PendingInvalidation, invalidation.run_due, dry_run)
        if done or left:
            self.stdout.write(f"Invalidations in the CDN: {done} were sent, {left} are pending.")

    def _run_due(
        self, model: type[PendingWork], run_due: Callable[..., int], dry_run: bool
    ) -> tuple[int, int, int]:
        """Run what is due in each database; return how many rows were due, have run and are left.

        A database that refuses to be written to is left out: a replica has only copies of rows.
        """
        due = done = left = 0
        primary = router.db_for_write(model)
        for alias in dict.fromkeys([primary, *connections]):
            if not router.allow_migrate_model(alias, model):
                continue
            rows: Any = model._default_manager.using(alias)
            foreign = foreign_rows(rows.due())
            waiting = rows.exclude(foreign).due().count()
            run = partial(run_due, limit=1000, using=alias, without=foreign)
            try:
                while waiting and not dry_run and (batch := run()):
                    done += batch
            except DatabaseError as error:
                self._skip_replica(rows.all(), error)
                continue
            due += waiting
            left += rows.count()
        return due, done, left

    def _pending(self, dry_run: bool) -> None:
        """Store direct uploads whose task was lost."""
        due = 0
        for rows in all_rows(PendingUpload):
            waiting = rows.filter(not_before__lte=timezone.now() - LOST_AFTER)
            due += waiting.count()
            if not dry_run:
                self._write(rows, partial(pending_run.run_due, waiting))
        if due:
            outcome = "would be tried" if dry_run else "were tried"
            self.stdout.write(f"Direct uploads that no task has stored: {due} {outcome}.")

    def _used_tickets(self, dry_run: bool) -> None:
        """Forget the tickets that were used, once they have expired."""
        for rows in () if dry_run else all_rows(UsedTicket):
            self._write(rows, rows.filter(expires__lte=timezone.now()).delete)

    def _write(self, rows: QuerySet[Any], work: Callable[[], object]) -> None:
        """Change rows of one database; leave it out if it is a replica that refuses."""
        try:
            work()
        except DatabaseError as error:
            self._skip_replica(rows, error)

    def _skip_replica(self, rows: QuerySet[Any], error: DatabaseError) -> None:
        """Say that a database is left out; raise its error again if it is the primary one."""
        if rows.db == router.db_for_write(rows.model):
            raise error
        name = rows.model._meta.verbose_name_plural
        self.stdout.write(f'Database "{rows.db}", {name}: skipped, because {error}.')

    def _temporary(self, storage: MediaStorage, dry_run: bool) -> None:
        if isinstance(storage, LocalMediaStorage) and not dry_run:
            removed = storage.sweep_temporary()
            self.stdout.write(f"Temporary files of killed uploads: {removed} removed.")

    def _unfinished(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        """Abort uploads in parts whose ticket has expired."""
        grace = max(timedelta(hours=options["grace"]), timedelta(seconds=PARTS_SECONDS))
        oldest = datetime.now(UTC) - grace
        try:
            found = abort_unfinished(storage, oldest, dry_run=options["dry_run"])
        except StorageError as error:
            self.stderr.write(
                f"Uploads in parts were left to the bucket's lifecycle rule: {error} The site's "
                "user needs s3:ListBucketMultipartUploads: see media_bucket print iam-policy."
            )
            return
        outcome = "would be aborted" if options["dry_run"] else "aborted"
        self.stdout.write(f"Uploads in parts that were never completed: {found} {outcome}.")

    def _sweep(self, storage: MediaStorage, options: dict[str, Any]) -> SweepReport:
        """Count what would be removed, and remove it if that is not suspicious."""
        counted = self._pass("Counting", storage, options, dry_run=True)
        try:
            counted.check()
        except SuspiciousSweep as error:
            if options["dry_run"]:
                self.stderr.write(f"Without --dry-run this would be refused: {error}")
            elif not options["force"]:
                raise CommandError(str(error)) from error
        if options["dry_run"]:
            return counted
        return self._pass("Removing", storage, options, dry_run=False)

    def _pass(
        self, label: str, storage: MediaStorage, options: dict[str, Any], *, dry_run: bool
    ) -> SweepReport:
        with Progress(self.stdout, label, len(SHARDS)) as progress:
            sweep = Sweep(
                storage,
                datetime.now(UTC) - timedelta(hours=options["grace"]),
                resign=options["resign"],
                dry_run=dry_run,
                used_folders=services.used_folders,
                on_progress=lambda done, so_far: progress.show(
                    done, f"{so_far.listed.objects} objects"
                ),
            )
            return sweep.run()

    def _write_report(self, report: SweepReport, dry_run: bool) -> None:
        would = "would be " if dry_run else ""
        removed, copied = f"{would}removed", f"{would}copied"
        for name, count, outcome in (
            ("Objects", report.listed, "listed"),
            ("Orphaned originals and their derived files", report.orphaned, removed),
            ("Resizes of retired signatures", report.retired, removed),
            ("Resizes under older signatures", report.resigned, f"{copied} to new names"),
            ("Renditions of failed or replaced attempts", report.renditions, removed),
            ("Mezzanines of a storage that uses none", report.mezzanines, removed),
            ("Without a row, but younger than the grace time", report.young, "kept"),
            ("Keys that are not of shift_media", report.foreign, "left alone"),
        ):
            self.stdout.write(f"{name}: {_format(count)} {outcome}.")


def _format(count: ObjectCount) -> str:
    size = filesizeformat(count.bytes).replace("\xa0", " ")
    return f"{count.objects} ({size})"
