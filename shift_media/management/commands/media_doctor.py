"""Check a live deployment by using it: ``manage.py media_doctor``."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError
from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from shift_media.doctor.examination import Examination
from shift_media.doctor.findings import Finding, Severity, error, ok, skipped, warning
from shift_media.doctor.integrity import (
    IntegrityCheck,
    IntegrityCounts,
    IntegrityState,
    OriginalRow,
)
from shift_media.doctor.places import PlaceCounts, describe_places, find_places
from shift_media.doctor.redaction import redact
from shift_media.doctor.report import TextReport, as_json, summary
from shift_media.fields.legacy_rows import find_legacy_names_of
from shift_media.management.base import MediaCommand
from shift_media.management.progress import INTERRUPTED, Progress, interrupt_on_sigterm
from shift_media.storages import MediaStorage, get_storage, unwrap

_CODES = {
    IntegrityState.ALTERED: "object-altered",
    IntegrityState.MISSING: "object-missing",
    IntegrityState.UNREADABLE: "object-unreadable",
}
_FIXES = {
    IntegrityState.ALTERED: "Restore it from a backup or an older version of the object, and "
    "delete the resizes that were made since. Check who may write to the storage.",
    IntegrityState.MISSING: "Restore it from a backup, or remove it from its row.",
    IntegrityState.UNREADABLE: "Run the command again when the storage answers.",
}


class Command(MediaCommand):
    """Examine a storage and the servers that lead to it, or verify the stored originals."""

    help = (
        "Stores an image of its own, reads it without credentials, follows a missing resize to "
        "the app and back, and removes the image again. Each finding says what was seen, why it "
        "matters and how to fix it. Exits with 1 if there are errors."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--storage", default="", help="alias in STORAGES; if empty, the site's media storage"
        )
        parser.add_argument(
            "--site",
            default="",
            metavar="URL",
            help="the site's address, https://www.example.com, with the path of the include if it "
            "is not that of this project's URLs; if empty, the bucket's website rule is used",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument(
            "--strict", action="store_true", help="exit with 1 if there are warnings, too"
        )
        parser.add_argument(
            "--timeout",
            type=float,
            default=10.0,
            metavar="SECONDS",
            help="for each response over HTTP",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="only compare every original with the SHA-256 of its upload",
        )
        parser.add_argument(
            "--find-metadata",
            action="store_true",
            help="only count the originals whose metadata has a GPS position, by field",
        )
        parser.add_argument(
            "--limit", type=int, metavar="N", help="read at most N originals, as a sample"
        )
        parser.add_argument(
            "--after",
            default="",
            metavar="FIELD:KEY",
            help="go on where an earlier run ended, which printed this value",
        )

    def is_silent(self, options: dict[str, Any]) -> bool:
        """Print the document of ``--json``, whatever the verbosity is."""
        return super().is_silent(options) and not options["json"]

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the checks, and report the findings.

        The exit code is 1 if there are errors, 2 for a wrong option, 130 after Ctrl-C.
        """
        _check(options)
        storage = _storage(options["storage"])
        self.failing = [Severity.ERROR, *([Severity.WARNING] if options["strict"] else [])]
        self.is_quiet = self.is_silent(options)
        out = self.stderr if self.is_quiet else self.stdout
        self.report = (
            None if options["json"] else TextReport(out, self.style, options["verbosity"])
        )
        self.findings: list[Finding] = []
        with interrupt_on_sigterm():
            try:
                self._run(storage, options)
            except KeyboardInterrupt:
                raise CommandError("Interrupted.", returncode=INTERRUPTED) from None
        if self.report is not None and not self.is_quiet:
            self.report.end(self.findings)
        elif self.report is None:
            about = {"storage": options["storage"], "backend": type(unwrap(storage)).__name__}
            self.stdout.write(as_json(about, self.findings))
        if any(finding.severity in self.failing for finding in self.findings):
            raise CommandError(f"Not healthy: {summary(self.findings)}.", returncode=1)

    def _run(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        if options["verify"]:
            self._verify(storage, options)
            return
        if options["find_metadata"]:
            self._find_metadata(_rows_of(storage, options))
            return
        self._write(f"Storage {options['storage'] or 'of media'}: {_description(storage)}\n")
        examination = Examination(
            storage, alias=options["storage"], site=options["site"], timeout=options["timeout"]
        )
        try:
            with closing(examination.run()) as findings:
                for finding in findings:
                    self._add(finding)
        except KeyboardInterrupt:
            probe = examination.probe
            keys = ", ".join(probe.remaining if probe.stored else [])
            left = f"It left behind: {keys}." if keys else "It left nothing behind."
            raise CommandError(f"Interrupted. {left}", returncode=INTERRUPTED) from None

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.report is not None and (not self.is_quiet or finding.severity in self.failing):
            self.report.show(finding)

    def _write(self, text: str) -> None:
        if self.report is not None:
            self.stdout.write(redact(text))

    # Verifying

    def _verify(self, storage: MediaStorage, options: dict[str, Any]) -> None:
        check = _rows_of(storage, options)
        check.on_finding = self._add_difference
        total = check.count()
        try:
            with (
                Progress(self.stderr, "Verifying", total) as progress,
                closing(check.run()) as running,
            ):
                for counts in running:
                    progress.show(counts.done, f"{counts.done} of {total}")
        finally:
            if check.position and check.counts.done < total:
                self.stderr.write(f"To go on: --verify --after {check.position}")
        self._summarize(check, total)

    def _add_difference(self, original: OriginalRow, state: IntegrityState, detail: str) -> None:
        seen = f"{original.field}, row {original.pk}: {original.key}: {detail}"
        self._add(error(_CODES[state], seen, _FIXES[state]))

    def _find_metadata(self, check: IntegrityCheck) -> None:
        total, counts = check.count(), PlaceCounts()
        with Progress(self.stderr, "Reading", total) as progress:
            for counts in find_places(check):
                done = counts.read.total() + counts.unread
                progress.show(done, f"{done} of {total}")
        for finding in describe_places(counts):
            self._add(finding)

    def _summarize(self, check: IntegrityCheck, total: int) -> None:
        counts = check.counts
        for names in find_legacy_names_of(check.storage):
            self._add(warning("legacy-names", f"Not verified: {names}", names.what_to_do))
        if not counts.originals:
            self._add(skipped("verified", "No row refers to an original in this storage."))
            return
        self._add(ok("verified", _verified(counts)))
        if check.limit is not None and counts.done == total:
            self._write(f"The next ones: --verify --after {check.position}")


def _rows_of(storage: MediaStorage, options: dict[str, Any]) -> IntegrityCheck:
    try:
        return IntegrityCheck(storage, after=options["after"], limit=options["limit"])
    except ValueError as problem:
        raise CommandError(f"--after: {problem}", returncode=2) from problem


def _verified(counts: IntegrityCounts) -> str:
    same, unknown = (
        counts.by_state[state] for state in (IntegrityState.SAME, IntegrityState.UNKNOWN)
    )
    size = filesizeformat(counts.bytes).replace("\xa0", " ")
    noun = "original is" if counts.originals == 1 else "originals are"
    seen = f"{same} of {counts.originals} {noun} what was uploaded ({size} read)"
    return f"{seen}; of {unknown} no SHA-256 is known." if unknown else f"{seen}."


def _check(options: dict[str, Any]) -> None:
    site = urlsplit(options["site"])
    if options["site"] and (site.scheme not in ("http", "https") or not site.hostname):
        raise CommandError(
            f"--site {options['site']!r} is not a URL: write https://www.example.com.",
            returncode=2,
        )
    reads_rows = options["verify"] or options["find_metadata"]
    if not reads_rows and (options["limit"] is not None or options["after"]):
        raise CommandError("--limit and --after need --verify or --find-metadata.", returncode=2)
    if options["timeout"] <= 0 or (options["limit"] is not None and options["limit"] < 1):
        raise CommandError("--timeout and --limit must be above 0.", returncode=2)


def _storage(alias: str) -> MediaStorage:
    try:
        storage = get_storage(alias)
        if isinstance(storage, MediaStorage):
            return storage
    except (InvalidStorageError, ImproperlyConfigured) as problem:
        raise CommandError(redact(f"--storage {alias}: {problem}"), returncode=2) from problem
    raise CommandError(
        f"--storage {alias or 'default'} is not a media storage: choose an alias whose backend "
        "is S3MediaStorage or LocalMediaStorage.",
        returncode=2,
    )


def _description(storage: MediaStorage) -> str:
    kind = type(unwrap(storage)).__name__
    parts = [getattr(storage, name, "") for name in ("bucket_name", "location")]
    place = "/".join(str(part) for part in parts if part)
    return f"{kind}, {place}, {storage.public_url}"
