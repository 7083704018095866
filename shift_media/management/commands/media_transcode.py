"""Make the renditions of videos: ``manage.py media_transcode``."""

from __future__ import annotations

import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, models

from shift_media.core.errors import MediaError
from shift_media.management.progress import INTERRUPTED, stop_on_interrupt
from shift_media.management.transcode_output import TranscodeReport
from shift_media.registry import all_media_fields, is_media_field
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob

PUT_OFF = 3
PAUSE_SECONDS = 1.0
"""Between two looks into the database; services are asked after pauses of their own."""


class Command(BaseCommand):
    """Submit, drain, poll and cancel transcoding jobs."""

    help = (
        "Without arguments, does what is pending. With a model or field, or --pk, has the videos "
        "of these rows transcoded first. Ctrl-C leaves jobs that another run takes up. "
        "Exit codes: 0, all went well; 1, a job failed or a file cannot be transcoded; "
        "2, wrong arguments; 3, jobs were put off, and --wait would have waited for them; "
        "130, interrupted."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("field", nargs="*", metavar="app.Model[.field]")
        parser.add_argument("--pk", nargs="+", default=[], help="only these rows of the model")
        parser.add_argument("--profile", help="another profile than the field's")
        parser.add_argument("--force", action="store_true", help="also what is complete")
        parser.add_argument(
            "--retry-failed", action="store_true", help="also jobs that failed for good"
        )
        parser.add_argument("--limit", type=int, metavar="N", help="do at most N jobs")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")
        parser.add_argument(
            "--wait", action="store_true", help="until the jobs have ended, also elsewhere"
        )
        parser.add_argument("--watch", action="store_true", help="go on and wait for new jobs")
        parser.add_argument("--poll", action="store_true", help="ask services about their jobs")
        parser.add_argument("--cancel", type=int, metavar="ID", help="cancel a job")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="jobs at once")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the options ask for."""
        self.output = TranscodeReport(self.stdout)
        self.stop = threading.Event()
        self.failed = 0
        self.retry_later: set[int] = set()
        self.poller = services.Poller()
        self.left = options["limit"]
        _check(options)
        if options["cancel"] is not None:
            return self._cancel(options["cancel"])
        chosen = self._chosen(options)
        if options["dry_run"]:
            return self._dry_run(chosen)
        with stop_on_interrupt(self.stop):
            if options["poll"]:
                self._poll()
            self._drain(chosen, options)
        self.output.close()
        if self.stop.is_set() and not options["watch"]:
            self.stderr.write("Interrupted: what was under way stays pending.")
            raise SystemExit(INTERRUPTED)
        if self.failed:
            raise CommandError(f"{self.failed} failed.", returncode=1)
        if not options["watch"]:
            self._tell_retry_later()
        return None

    def _tell_retry_later(self) -> None:
        """Say what will be tried again, so that no script takes it for done."""
        again = TranscodeJob.objects.live().filter(pk__in=self.retry_later).count()
        if again:
            raise CommandError(f"{again} put off: tried again later.", returncode=PUT_OFF)

    # Choosing.

    def _chosen(self, options: dict[str, Any]) -> list[int] | None:
        """Submit what was asked for; None is everything that is pending."""
        if options["retry_failed"] and not options["dry_run"]:
            failed = TranscodeJob.objects.filter(state=State.ERROR)
            self.stdout.write(f"Tried again: {sum(services.retry(job) for job in failed)}.")
        if not options["field"]:
            return None
        ids = []
        for field, row in self._rows(options):
            file = getattr(row, field.name)
            name = options["profile"] or getattr(field, "transcode", None)
            if options["dry_run"]:
                job = TranscodeJob.objects.of(file.key, name or "").first()
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
                rows = field.model._default_manager.exclude(**{field.name: ""}).order_by("pk")
                try:
                    rows = rows.filter(pk__in=options["pk"]) if options["pk"] else rows
                except (ValueError, ValidationError) as error:
                    raise CommandError(f"--pk: {error}", returncode=2) from error
                for row in rows.iterator(chunk_size=500):
                    if getattr(row, field.name):
                        yield field, row

    def _dry_run(self, chosen: list[int] | None) -> None:
        if chosen is None:
            for job in TranscodeJob.objects.live():
                self.stdout.write(f"#{job.pk} {job}: {job.state}, attempt {job.attempts}")

    # Doing.

    def _drain(self, chosen: list[int] | None, options: dict[str, Any]) -> None:
        while True:
            threads = [
                threading.Thread(target=self._work, args=[chosen, True])
                for _ in range(options["workers"] - 1)
            ]
            for thread in threads:
                thread.start()
            try:
                self._work(chosen, False)
            finally:
                for thread in threads:
                    thread.join()
            if self.stop.is_set() or self._exhausted:
                return
            waited_for = options["wait"] and self._open(chosen)
            if not options["watch"] and not waited_for:
                return
            if options["watch"] or waited_for:
                self._poll()
                self.stop.wait(PAUSE_SECONDS)

    def _work(self, chosen: list[int] | None, in_thread: bool) -> None:
        try:
            worker = services.Worker(chosen, self.output.tell, self.stop)
            while self._take_one() and (job := worker.run_one()) is not None:
                self.failed += job.state == State.ERROR
                if job.state == State.PENDING and not self.stop.is_set():
                    self.retry_later.add(job.pk)
        finally:
            if in_thread:
                connections.close_all()

    @property
    def _exhausted(self) -> bool:
        return self.left is not None and self.left <= 0

    def _take_one(self) -> bool:
        if self.stop.is_set() or self._exhausted:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def _open(self, chosen: list[int] | None) -> bool:
        jobs = TranscodeJob.objects.live()
        return (jobs if chosen is None else jobs.filter(pk__in=chosen)).exists()

    def _poll(self) -> None:
        for job in self.poller.poll():
            self.output.tell(job)
            self.failed += job.state == State.ERROR

    def _cancel(self, pk: int) -> None:
        job = TranscodeJob.objects.filter(pk=pk).first()
        if job is None:
            raise CommandError(f"There is no job {pk}.", returncode=1)
        if not services.cancel(job):
            raise CommandError(f"Job {pk} is {job.state} already.", returncode=1)
        self.stdout.write(f"#{pk} is cancelled.")


def _check(options: dict[str, Any]) -> None:
    if options["pk"] and len(options["field"]) != 1:
        raise CommandError("--pk needs one model or field.", returncode=2)
    if options["workers"] < 1 or (options["limit"] is not None and options["limit"] < 1):
        raise CommandError("--workers and --limit are at least 1.", returncode=2)
    if (options["force"] or options["profile"]) and not options["field"]:
        raise CommandError("--force and --profile need a model or field.", returncode=2)


def _fields(label: str) -> list[Any]:
    """Find the media fields that ``app.Model`` or ``app.Model.field`` names."""
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
