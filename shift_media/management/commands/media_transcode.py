"""Run transcoding jobs: ``manage.py media_transcode``."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.db import connections, models

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.keys import NEW_POSTER
from shift_media.management.base import MediaCommand, counted
from shift_media.management.outage import AWAY, Outage
from shift_media.management.progress import INTERRUPTED, stop_on_interrupt
from shift_media.management.transcode_options import check_options
from shift_media.management.transcode_output import TranscodeReport
from shift_media.management.video_rows import VideoRows
from shift_media.transcoding import services
from shift_media.transcoding.base import Priority, State
from shift_media.transcoding.models import TranscodeJob, TranscodeJobQuerySet

PUT_OFF = 3
"""The exit code if jobs were put off."""

PAUSE_SECONDS = 1.0
"""The pause between two queries for due jobs. Services are polled at intervals of their own."""

_PARAMETERS = 500
"""Primary keys in one query. SQLite allows 999 parameters in old versions."""


class Command(MediaCommand):
    """Submits, runs, polls and cancels transcoding jobs."""

    help = (
        "Run transcoding jobs. Without arguments, all pending jobs are run. With a model or "
        "field, and --pk, jobs for the videos of these rows are submitted, and only these run. "
        "After Ctrl-C the jobs in hand are pending again, and another run continues with them. "
        "Exit codes: 0, no job failed; 1, a job failed or a file cannot be transcoded; "
        "2, wrong arguments; 3, jobs were put off, and --wait would have waited for them; "
        "130, interrupted by Ctrl-C. SIGTERM ends it with 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options; the help of each says what it does."""
        add = parser.add_argument
        add("field", nargs="*", metavar="app.Model[.field]", help="submit jobs for these videos")
        add("--pk", nargs="+", default=[], help="only the rows with these primary keys")
        add("--profile", help="name of the profile; default: the field's")
        add("--force", action="store_true", help="make complete renditions again")
        add(
            "--poster",
            type=float,
            metavar="SECONDS",
            help="take a new poster, exactly at this time of each video",
        )
        add(
            "--priority",
            type=int,
            default=Priority.BACKFILL.value,
            metavar="N",
            help="jobs with a higher one are run first, from -50 to 50; uploads have 0",
        )
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
        self.output = TranscodeReport(self.stdout, self.stderr, options["verbosity"])
        self.stop = threading.Event()
        self.failed = 0
        self.put_off: set[int] = set()
        self.taken: set[int] = set()
        self.watch: bool = options["watch"]
        self.poller = services.Poller()
        self.remaining = options["limit"]
        self.lock = threading.Lock()
        self.run = 0
        check_options(options)
        if options["cancel"] is not None:
            return self._cancel(options["cancel"])
        only = self._submit(options)
        if options["dry_run"]:
            return self._dry_run(only)
        with stop_on_interrupt(self.stop) as received:
            if options["poll"]:
                self._poll()
            self._run_all(only, options)
        self.output.close()
        if received and not options["watch"]:
            self.stderr.write("Interrupted: what was running stays pending, for another run.")
            if signal.SIGINT in received:
                raise SystemExit(INTERRUPTED)
            return None
        if self.failed:
            raise CommandError(f"{self.failed} failed.", returncode=1)
        if not options["watch"]:
            self._check_put_off()
        if not self.run and not options["poll"]:
            self._say_that_nothing_ran(only)
        return None

    def _say_that_nothing_ran(self, only: list[int] | None) -> None:
        jobs = TranscodeJob.objects.on_primary()
        live = sum(part.live().count() for part in _parts(jobs, only))
        if live:
            jobs_left = counted(live, "job")
            text = f"No job is due: {jobs_left} put off, or run elsewhere. --wait waits for them."
        elif only is None:
            text = "No job is due."
        else:
            text = "Nothing to do: the jobs of these videos have ended. --force makes them again."
        self.stdout.write(text)

    def _check_put_off(self) -> None:
        """Raise `CommandError` if jobs are going to be retried, because they are not done yet."""
        jobs = TranscodeJob.objects.on_primary()
        put_off = sum(part.live().count() for part in _parts(jobs, list(self.put_off)))
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
        for field, row in self._videos(options):
            file = getattr(row, field.name)
            name = options["profile"] or getattr(field, "transcode", None)
            name = name if options["poster"] is None else NEW_POSTER
            if options["dry_run"]:
                job = TranscodeJob.objects.on_primary().of(file.key, name or "").first()
                state = "no job" if job is None else job.state
                self.stdout.write(f"{row._meta.label} {row.pk}: {file.key}, {name}: {state}")
                continue
            try:
                ids.append(self._transcode(file, options).pk)
            except (MediaError, ValueError) as error:
                self.failed += 1
                self.stderr.write(f"{row._meta.label} {row.pk}: {error}")
        return ids

    def _transcode(self, file: Any, options: dict[str, Any]) -> TranscodeJob:
        if options["poster"] is not None:
            chosen: TranscodeJob = file.choose_poster(options["poster"])
            return chosen
        job: TranscodeJob = file.transcode(
            options["profile"], force=options["force"], priority=options["priority"]
        )
        return job

    def _videos(self, options: dict[str, Any]) -> Iterator[tuple[Any, models.Model]]:
        """Yield the fields and rows to transcode, and report primary keys without a video."""
        for label in options["field"]:
            rows = VideoRows(label, options["pk"])
            for pk in rows.missing:
                self.failed += 1
                self.stderr.write(f"{rows.model._meta.label} {pk}: no such row with a video.")
            yield from rows

    def _dry_run(self, only: list[int] | None) -> None:
        if only is None:
            for job in TranscodeJob.objects.on_primary().live():
                self.stdout.write(f"#{job.pk} {job}: {job.state}, attempt {job.attempts}")

    # Running.

    def _run_all(self, only: list[int] | None, options: dict[str, Any]) -> None:
        outage = self._new_outage()
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
            if self._exhausted and options["wait"]:
                # The jobs that were run may be tried again, or be in a service.
                only, self.remaining = sorted(self.taken), None
                self.watch = False
            if self.stop.is_set() or self._exhausted:
                return
            try:
                if not self.watch and not (options["wait"] and self._has_live(only)):
                    return
                self._poll()
            except AWAY as error:
                if not outage.wait(error):
                    raise
                continue
            outage.end()
            self.stop.wait(PAUSE_SECONDS)

    def _new_outage(self) -> Outage:
        return Outage(self.stop, PAUSE_SECONDS, None if self.watch else settings.TRANSCODE_LEASE)

    def _run_in_thread(self, only: list[int] | None) -> None:
        try:
            self._run_due(only)
        finally:
            connections.close_all()  # Django closes those of the main thread only.

    def _run_due(self, only: list[int] | None) -> None:
        worker = services.Worker(only, self.output.update, self.stop)
        outage = self._new_outage()
        while self._take_one():
            try:
                job = worker.run_one()
            except AWAY as error:
                self._give_back()
                if not outage.wait(error):
                    raise
                continue
            outage.end()
            if job is None:
                self._give_back()
                return
            with self.lock:
                self.run += 1
                self.taken.add(job.pk)
                self.failed += job.state == State.ERROR
                if job.state == State.PENDING and not self.stop.is_set():
                    self.put_off.add(job.pk)

    @property
    def _exhausted(self) -> bool:
        return self.remaining is not None and self.remaining <= 0

    def _take_one(self) -> bool:
        """Count a job towards ``--limit`` before it is claimed, so that no other thread does."""
        with self.lock:
            if self.stop.is_set() or self._exhausted:
                return False
            if self.remaining is not None:
                self.remaining -= 1
            return True

    def _give_back(self) -> None:
        with self.lock:
            if self.remaining is not None:
                self.remaining += 1

    def _has_live(self, only: list[int] | None) -> bool:
        jobs = TranscodeJob.objects.on_primary()
        return any(part.live().exists() for part in _parts(jobs, only))

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


def _parts(
    jobs: TranscodeJobQuerySet[TranscodeJob], only: list[int] | None
) -> Iterator[TranscodeJobQuerySet[TranscodeJob]]:
    """Yield selections of some jobs, or of all; a query takes a limited number of parameters."""
    if only is None:
        yield jobs
        return
    for start in range(0, len(only), _PARAMETERS):
        yield jobs.filter(pk__in=only[start : start + _PARAMETERS])
