"""Look whether a set-up works, by using it: ``manage.py media_doctor``."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from shift_media.doctor.examination import Examination
from shift_media.doctor.findings import Finding, Severity, error, ok, skipped
from shift_media.doctor.integrity import IntegrityCheck, IntegrityCounts, IntegrityState, Original
from shift_media.doctor.redaction import redact
from shift_media.doctor.report import Lines, as_json, summary
from shift_media.management.progress import Progress
from shift_media.storages import MediaStorage, by_alias, unwrapped

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""

_CODES = {
    IntegrityState.ALTERED: "object-altered",
    IntegrityState.MISSING: "object-missing",
    IntegrityState.UNREADABLE: "object-unreadable",
}
_MEND = {
    IntegrityState.ALTERED: "Restore it from a backup or an older version of the object, and "
    "delete the resizes that were made since; see who may write to the storage.",
    IntegrityState.MISSING: "Restore it from a backup, or remove it from its row.",
    IntegrityState.UNREADABLE: "Run the command again when the storage answers.",
}


class Command(BaseCommand):
    """Examine a storage with all that leads to it, or verify what is stored."""

    help = (
        "Stores a picture of its own, reads it as a stranger, follows a missing resize to the app "
        "and back, and removes it again. Each finding says what was seen, why it matters and what "
        "mends it. Exits with 1 where there are errors."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
        parser.add_argument(
            "--storage", default="", help="alias in STORAGES; without it the site's media storage"
        )
        parser.add_argument(
            "--site",
            default="",
            metavar="URL",
            help="the site's address, https://www.example.com, with the path of the include where "
            "the site's URLs do not tell it; without it the bucket's own rule is believed",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument(
            "--strict", action="store_true", help="exit with 1 where there are warnings, too"
        )
        parser.add_argument(
            "--timeout",
            type=float,
            default=10.0,
            metavar="SECONDS",
            help="for each answer over HTTP",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="compare every original with the SHA-256 of its upload, and look at nothing else",
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="verify at most so many: a sample"
        )
        parser.add_argument(
            "--after",
            default="",
            metavar="FIELD:KEY",
            help="verify from there on, which is where an earlier run ended",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Examine or verify, and tell by the exit code how it went."""
        _check(options)
        storage = _storage(options["storage"])
        self.lines = None if options["json"] else Lines(self.stdout, self.style)
        self.findings: list[Finding] = []
        with _terminated():
            try:
                self._run(storage, options)
            except KeyboardInterrupt:
                raise CommandError("Interrupted.", returncode=INTERRUPTED) from None
        if self.lines is not None:
            self.lines.end(self.findings)
        else:
            about = {"storage": options["storage"], "backend": type(unwrapped(storage)).__name__}
            self.stdout.write(as_json(about, self.findings))
        bad = [Severity.ERROR, *([Severity.WARNING] if options["strict"] else [])]
        if any(finding.severity in bad for finding in self.findings):
            raise CommandError(f"Not healthy: {summary(self.findings)}.", returncode=1)

    def _run(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        if options["verify"]:
            self._verify(storage, options)
            return
        self._say(f"Storage {options['storage'] or 'of media'}: {_name(storage)}\n")
        examination = Examination(
            storage, alias=options["storage"], site=options["site"], timeout=options["timeout"]
        )
        try:
            with closing(examination.run()) as findings:
                for finding in findings:
                    self._found(finding)
        except KeyboardInterrupt:
            probe = examination.probe
            left = ", ".join(probe.left if probe.stored else [])
            told = f"It left behind: {left}." if left else "It left nothing behind."
            raise CommandError(f"Interrupted. {told}", returncode=INTERRUPTED) from None

    def _found(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.lines is not None:
            self.lines.show(finding)

    def _say(self, text: str) -> None:
        if self.lines is not None:
            self.stdout.write(redact(text))

    # Verifying.

    def _verify(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        try:
            verification = IntegrityCheck(
                storage, after=options["after"], limit=options["limit"], on_progress=self._differs
            )
        except ValueError as problem:
            raise CommandError(f"--after: {problem}", returncode=2) from problem
        total = verification.count()
        try:
            with (
                Progress(self.stderr, "Verifying", total) as progress,
                closing(verification.run()) as tallies,
            ):
                for tally in tallies:
                    progress.show(tally.done, f"{tally.done} of {total}")
        finally:
            if verification.place and verification.tally.done < total:
                self.stderr.write(f"It goes on with: --verify --after {verification.place}")
        self._verified(verification, total)

    def _differs(self, original: Original, state: IntegrityState, detail: str) -> None:
        seen = f"{original.field}, row {original.pk}: {original.key}: {detail}"
        self._found(error(_CODES[state], seen, _MEND[state]))

    def _verified(self, verification: IntegrityCheck, total: int) -> None:
        tally = verification.tally
        if not tally.done:
            self._found(skipped("verified", "No row refers to an original in this storage."))
            return
        self._found(ok("verified", _told(tally)))
        if verification.limit is not None and tally.done == total:
            self._say(f"The next ones: --verify --after {verification.place}")


def _told(tally: IntegrityCounts) -> str:
    counts, size = tally.counts, filesizeformat(tally.bytes).replace("\xa0", " ")
    same = counts[IntegrityState.SAME]
    told = f"{same} of {tally.done} originals are what was uploaded ({size} read)"
    unknown = counts[IntegrityState.UNKNOWN]
    return f"{told}; of {unknown} no SHA-256 is known." if unknown else f"{told}."


def _check(options: dict[str, Any]) -> None:
    site = urlsplit(options["site"])
    if options["site"] and (site.scheme not in ("http", "https") or not site.hostname):
        raise CommandError(
            f"--site {options['site']!r} is no address: write https://www.example.com.",
            returncode=2,
        )
    if not options["verify"] and (options["limit"] is not None or options["after"]):
        raise CommandError("--limit and --after go with --verify.", returncode=2)
    if options["timeout"] <= 0 or (options["limit"] is not None and options["limit"] < 1):
        raise CommandError("--timeout and --limit must be above 0.", returncode=2)


def _storage(alias: str) -> MediaStorage:
    try:
        storage = by_alias(alias)
        if isinstance(storage, MediaStorage):
            return storage
    except (InvalidStorageError, ImproperlyConfigured) as problem:
        raise CommandError(redact(f"--storage {alias}: {problem}"), returncode=2) from problem
    raise CommandError(f"--storage {alias or 'default'} is no media storage.", returncode=2)


def _name(storage: MediaStorage) -> str:
    kind = type(unwrapped(storage)).__name__
    place = getattr(storage, "bucket_name", "") or getattr(storage, "location", "")
    return f"{kind}, {place}, {storage.public_url}"


@contextmanager
def _terminated() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C while the block runs, so that the probe is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
