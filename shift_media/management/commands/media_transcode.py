"""Run transcoding jobs: ``manage.py media_transcode``."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import CommandError
from django.db import connections, models, router

from shift_media.core.errors import MediaError
from shift_media.management.base import MediaCommand
from shift_media.management.progress import INTERRUPTED, stop_on_interrupt
from shift_media.management.transcode_output import TranscodeReport
from shift_media.registry import all_media_fields, is_media_field
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob

PUT_OFF = 3
"""The exit code if jobs were put off."""

PAUSE_SECONDS = 1.0
"""The pause between two queries for due jobs. Services are polled at intervals of their own."""


class Command(MediaCommand):
    """Submits, runs, polls and cancels transcoding jobs."""

    help = (
        "Run transcoding jobs. Without arguments, all pending jobs are run. With a model or "
        "field, and --pk, jobs for the videos of these rows are submitted, and only these run. "
        "After Ctrl-C the jobs in hand are pending again, and another run continues with them. "
        "Exit codes: 0, no job failed; 1, a job failed or a file cannot be transcoded; "
        "2, wrong arguments; 3, jobs were put off, and --wait would have waited for them; "
        "130, interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options; the help of each says what it does."""
        add = parser.add_argument
        add("field", nargs="*", metavar="app.Model[.field]", help="submit jobs for these videos")
        add("--pk", nargs="+", default=[], help="only the rows with these primary keys")
        add("--profile", help="name of the profile; default: the field's")
        add("--force", action="store_true", help="make complete renditions again")
        add("--retry-failed", action="store_true", help="run jobs again that have failed")
        add("--limit", type=int, metavar="N", help="run at most N jobs")
        add("--dry-run", action="store_true", help="print what would be done")
        add("--wait", action="store_true", help="wait until the jobs end, wherever they run")
        add("--watch", action="store_true", help="keep running, and wait for new jobs")
        add("--poll", action="store_true", help="read the jobs that a service runs")
        add("--cancel", type=int, metavar="ID", help="cancel the job with this id")
        add("--workers", type=int, default=1, metavar="N", help="run N jobs at once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Submit, run, poll or cancel jobs, and exit with one of the codes of the help."""
        self.output = TranscodeReport(self.stdout)
        self.stop = threading.Event()
        self.failed = 0
        self.put_off: set[int] = set()
        self.poller = services.Poller()
        self.remaining = options["limit"]
        _check(options)
        if options["cancel"] is not None:
            return self._cancel(options["cancel"])
        only = self._submit(options)
        if options["dry_run"]:
            return self._dry_run(only)
        with stop_on_interrupt(self.stop):
            if options["poll"]:
                self._poll()
            self._run_all(only, options)
        self.output.close()
        if self.stop.is_set() and not options["watch"]:
            self.stderr.write("Interrupted: what was running stays pending, for another run.")
            raise SystemExit(INTERRUPTED)
        if self.failed:
            raise CommandError(f"{self.failed} failed.", returncode=1)
        if not options["watch"]:
            self._check_put_off()
        return None

    def _check_put_off(self) -> None:
        """Raise `CommandError` if jobs are going to be retried, because they are not done yet."""
        put_off = TranscodeJob.objects.on_primary().live().filter(pk__in=self.put_off).count()
        if put_off:
            raise CommandError(f"{put_off} put off: tried again later.", returncode=PUT_OFF)

    # Submitting.

    def _submit(self, options: dict[str, Any]) -> list[int] | None:
        """Submit jobs and return their primary keys; None, for all jobs, without a field."""
        if options["retry_failed"] and not options["dry_run"]:
            failed = TranscodeJob.objects.on_primary().filter(state=State.ERROR)
            self.stdout.write(f"Tried again: {sum(services.retry(job) for job in failed)}.")
        if not options["field"]:
            return None
        ids = []
        for field, row in self._rows(options):
            file = getattr(row, field.name)
            name = options["profile"] or getattr(field, "transcode", None)
            if options["dry_run"]:
                job = TranscodeJob.objects.on_primary().of(file.key, name or "").first()
                state = "no job" if job is None else job.state
                self.stdout.write(f"{row._meta.label} {row.pk}: {file.key}, {name}: {state}")
                continue
            try:
                ids.append(file.transcode(options["profile"], force=options["force"]).pk)
            except MediaError as error:
                self.failed += 1
                self.stderr.write(f"{row._meta.label} {row.pk}: {error}")
        return ids

    def _rows(self, options: dict[str, Any]) -> Iterator[tuple[Any, models.Model]]:
        for label in options["field"]:
            for field in _fields(label):
                manager = field.model._default_manager.using(router.db_for_write(field.model))
                rows = manager.exclude(**{field.name: ""}).order_by("pk")
                try:
                    rows = rows.filter(pk__in=options["pk"]) if options["pk"] else rows
                except (ValueError, ValidationError) as error:
                    raise CommandError(f"--pk: {error}", returncode=2) from error
                for row in rows.iterator(chunk_size=500):
                    if getattr(row, field.name):
                        yield field, row

    def _dry_run(self, only: list[int] | None) -> None:
        if only is None:
            for job in TranscodeJob.objects.on_primary().live():
                self.stdout.write(f"#{job.pk} {job}: {job.state}, attempt {job.attempts}")

    # Running.

    def _run_all(self, only: list[int] | None, options: dict[str, Any]) -> None:
        while True:
            threads = [
                threading.Thread(target=self._run_in_thread, args=[only])
                for _ in range(options["workers"] - 1)
            ]
            for thread in threads:
                thread.start()
            try:
                self._run_due(only)
            finally:
                for thread in threads:
                    thread.join()
            if self.stop.is_set() or self._exhausted:
                return
            if not options["watch"] and not (options["wait"] and self._has_live(only)):
                return
            self._poll()
            self.stop.wait(PAUSE_SECONDS)

    def _run_in_thread(self, only: list[int] | None) -> None:
        try:
            self._run_due(only)
        finally:
            connections.close_all()  # Django closes those of the main thread only.

    def _run_due(self, only: list[int] | None) -> None:
        worker = services.Worker(only, self.output.update, self.stop)
        while self._take_one() and (job := worker.run_one()) is not None:
            self.failed += job.state == State.ERROR
            if job.state == State.PENDING and not self.stop.is_set():
                self.put_off.add(job.pk)

    @property
    def _exhausted(self) -> bool:
        return self.remaining is not None and self.remaining <= 0

    def _take_one(self) -> bool:
        if self.stop.is_set() or self._exhausted:
            return False
        if self.remaining is not None:
            self.remaining -= 1
        return True

    def _has_live(self, only: list[int] | None) -> bool:
        jobs = TranscodeJob.objects.on_primary().live()
        return (jobs if only is None else jobs.filter(pk__in=only)).exists()

    def _poll(self) -> None:
        for job in self.poller.poll():
            self.output.update(job)
            self.failed += job.state == State.ERROR

    def _cancel(self, pk: int) -> None:
        job = TranscodeJob.objects.on_primary().filter(pk=pk).first()
        if job is None:
            raise CommandError(f"There is no job {pk}.", returncode=1)
        if not services.cancel(job):
            raise CommandError(f"Job {pk} is {job.state} already.", returncode=1)
        self.stdout.write(f"#{pk} is cancelled.")


def _check(options: dict[str, Any]) -> None:
    if options["pk"] and len(options["field"]) != 1:
        raise CommandError("--pk needs exactly one model or field.", returncode=2)
    if options["workers"] < 1 or (options["limit"] is not None and options["limit"] < 1):
        raise CommandError("--workers and --limit must be at least 1.", returncode=2)
    if (options["force"] or options["profile"]) and not options["field"]:
        raise CommandError("--force and --profile need a model or field.", returncode=2)


def _fields(label: str) -> list[Any]:
    """Return the media fields that a label names; raise `CommandError` if there are none.

    ``app.Model.field`` names one field, ``app.Model`` those with a profile, or else all.
    """
    parts = label.split(".")
    try:
        if len(parts) == 3:
            fields = [apps.get_model(parts[0], parts[1])._meta.get_field(parts[2])]
        else:
            model = apps.get_model(label)
            own = [field for field in all_media_fields() if field.model is model]
            fields = [field for field in own if field.transcode] or own
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise CommandError(f"{label}: {error}", returncode=2) from error
    if not fields or not all(map(is_media_field, fields)):
        raise CommandError(f"{label} has no media field.", returncode=2)
    return fields
