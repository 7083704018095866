"""Make resizes ahead of time: ``manage.py media_resize``."""

from __future__ import annotations

import difflib
import shlex
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice, product
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import CommandError, CommandParser

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import MODES, Spec
from shift_media.fields.legacy import import_command
from shift_media.imaging.engine import EFFORTS
from shift_media.management.base import MediaCommand, counted
from shift_media.management.progress import INTERRUPTED, Progress, stop_on_interrupt
from shift_media.registry import is_media_field
from shift_media.resizes.batch import LEGACY, BatchRenderer, ResizeCounts, Row, Rows

MAX_STORAGE_FAILURES = 20
"""Consecutive rows that the storage fails for, after which the command gives up."""

USAGE_ERROR = 2
"""The exit code for wrong arguments."""


class Command(MediaCommand):
    """Make the resizes of many rows ahead of time."""

    help = (
        "Makes resizes of the images of a model ahead of time, all those of one original from one "
        "reading of it. Stored resizes are skipped, so a second run continues where the first "
        "ended; rows are done in the order of their primary keys. The resizes of a video are "
        "those of its poster. Files that are neither image nor video are skipped, as are videos "
        "without a poster. Ctrl-C finishes the resizes that are being made and prints the command "
        "that continues. Exit codes: 0, all are stored; 1, some failed; 2, wrong arguments; 130, "
        "interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "field",
            metavar="app.Model[.field]",
            help="the media field; without a field, all media fields of the model",
        )
        add(
            "--presets",
            nargs="+",
            default=[],
            metavar="NAME",
            help='presets of SHIFT_MEDIA["PRESETS"]; default without --sizes: those of the field',
        )
        add(
            "--sizes",
            nargs="+",
            default=[],
            metavar="SIZE",
            help="sizes such as 400x300, 640x or x300",
        )
        add("--mode", choices=MODES, default="fit", help="the mode of --sizes")
        add("--quality", type=int, help="the quality of --sizes; default: the format's own")
        add(
            "--formats",
            nargs="+",
            default=[],
            metavar="FORMAT",
            help="make each resize in each of these formats, out of "
            f"{', '.join(RESIZE_FORMATS)}; default: the preset's own, else the original's",
        )
        self._add_run_arguments(parser)

    def _add_run_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--pk", nargs="+", default=[], help="only these rows")
        add("--after", metavar="PK", help="only rows with larger primary keys, to continue a run")
        add("--limit", type=int, metavar="N", help="at most so many rows")
        add(
            "--workers",
            type=int,
            metavar="N",
            help='threads; default and maximum: SHIFT_MEDIA["CONCURRENCY"], as more would wait',
        )
        add(
            "--effort",
            choices=EFFORTS,
            default="slow",
            help="how long encoders search: AVIF of slow (the default) is up to a tenth smaller "
            "and takes about seven times as long; fast makes what a first visitor would get",
        )
        add("--dry-run", action="store_true", help="count what is missing, and make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        rows, workers = _rows(options), _workers(options["workers"])
        self.verbosity = options["verbosity"]
        self.total = ResizeCounts()
        self.stop = threading.Event()
        self.last: Any = options["after"]
        self.gave_up = False
        renderer = BatchRenderer(
            workers, self.stop, dry_run=options["dry_run"], effort=options["effort"]
        )
        number = min(rows.count(), options["limit"] or sys.maxsize)
        chosen = islice(rows, options["limit"])
        with (
            stop_on_interrupt(self.stop),
            Progress(self.stdout, "Resizes", number) as progress,
        ):
            self._run(renderer.run(chosen), number, progress)
        self._report(options)

    def _run(self, done: Iterator[Row], total_rows: int, progress: Progress) -> None:
        started, failing = time.monotonic(), 0
        complete = True
        for row in done:
            counts = row.counts
            self.total.add(counts)
            if self.verbosity > 1:
                self.stdout.write(
                    f"{row.pk}: {counts.made} made, {counts.stored} there, {counts.failed} failed"
                )
            # A run that continues must not skip a row that was left unfinished.
            complete = complete and row.complete
            if complete:
                self.last = row.pk
            nothing_worked = not counts.made + counts.stored
            failing = failing + 1 if counts.unavailable and nothing_worked else 0
            if failing >= MAX_STORAGE_FAILURES and not self.stop.is_set():
                self.gave_up = True
                self.stop.set()
            seconds = time.monotonic() - started
            progress.show(self.total.rows, _detail(self.total, total_rows, seconds))

    def _report(self, options: dict[str, Any]) -> None:
        total = self.total
        for failure in total.failures:
            self.stderr.write(str(failure))
        if (more := total.failed - sum(failure.count for failure in total.failures)) > 0:
            self.stderr.write(f"… and {more} more.")
        made = "to be made" if options["dry_run"] else "made"
        self.stdout.write(
            f"{counted(total.rows, 'row')}: {counted(total.made, 'resize')} {made}, "
            f"{total.stored} {'was' if total.stored == 1 else 'were'} there, "
            f"{total.failed} failed."
        )
        for reason, number in total.skipped.items():
            self.stdout.write(f"Skipped: {number} {reason}.")
        if LEGACY in total.skipped:
            for media_field in _fields(options["field"])[1]:
                self.stdout.write(f"To store them under keys: {import_command(media_field)}")
        ended = self.stop.is_set() or (options["limit"] or sys.maxsize) <= total.rows
        if ended and not options["pk"]:
            self.stdout.write(f"To go on: {_command(options, self.last)}")
        if self.gave_up:
            raise CommandError(
                f"The storage failed for {MAX_STORAGE_FAILURES} rows in a row; no more are tried.",
                returncode=1,
            )
        if self.stop.is_set():
            self.stderr.write("Interrupted: what is stored stays, and is not made again.")
            raise SystemExit(INTERRUPTED)
        if total.failed:
            raise CommandError(f"{counted(total.failed, 'resize')} failed.", returncode=1)


def _detail(total: ResizeCounts, total_rows: int, seconds: float) -> str:
    """Return the numbers so far, and the time that the other rows will take at this pace."""
    left = timedelta(seconds=round(seconds / max(1, total.rows) * (total_rows - total.rows)))
    return (
        f"{total.rows} of {counted(total_rows, 'row')}: {total.made} made, "
        f"{total.stored} {'was' if total.stored == 1 else 'were'} there, "
        f"{total.failed} failed, {left} left"
    )


def _command(options: dict[str, Any], last: Any) -> str:
    """Return the command that continues where this one ended."""
    words = ["manage.py", "media_resize", options["field"]]
    for name in ("presets", "sizes", "formats"):
        words += [f"--{name}", *options[name]] if options[name] else []
    words += ["--mode", options["mode"]] if options["sizes"] else []
    for name in ("quality", "limit", "workers"):
        words += [f"--{name}", str(options[name])] if options[name] is not None else []
    words += ["--effort", options["effort"]] if options["effort"] == "fast" else []
    words += ["--dry-run"] if options["dry_run"] else []
    return shlex.join([*words, *([] if last is None else [f"--after={last}"])])


# Reading the arguments


def _rows(options: dict[str, Any]) -> Rows:
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError("--limit is at least 1.", returncode=USAGE_ERROR)
    model, fields = _fields(options["field"])
    wanted = list(
        _wanted({**options, "presets": options["presets"] or _own_presets(options, fields)})
    )
    try:
        rows = Rows(model, fields, wanted, only=options["pk"], after=options["after"])
        rows.count()
    except (ValueError, ValidationError) as error:
        raise CommandError(f"--pk or --after: {error}", returncode=USAGE_ERROR) from error
    return rows


def _fields(label: str) -> tuple[type[Any], list[Any]]:
    """Return the model and the media fields that ``app.Model[.field]`` names."""
    app, _, rest = label.partition(".")
    name, _, wanted = rest.partition(".")
    try:
        model = apps.get_model(app, name)
        fields = [model._meta.get_field(wanted)] if wanted else model._meta.concrete_fields
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise CommandError(f"{label}: {error}", returncode=USAGE_ERROR) from error
    found = list(filter(is_media_field, fields))
    if not found:
        raise CommandError(f"{label} has no media field.", returncode=USAGE_ERROR)
    return model, found


def _own_presets(options: dict[str, Any], fields: list[Any]) -> list[str]:
    """Return the presets that the field itself names, if the command names nothing to make."""
    if options["sizes"]:
        return []
    own = {field.presets for field in fields}
    return list(own.pop()) if len(own) == 1 else []


def _wanted(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of `MediaFile.resize` for each resize of a file."""
    presets, sizes = _split(options["presets"]), _split(options["sizes"])
    if not presets and not sizes:
        raise CommandError(
            "Write --presets or --sizes, or presets= of the field: there is nothing to make.",
            returncode=USAGE_ERROR,
        )
    for name in presets:
        if name not in settings.PRESETS:
            near = difflib.get_close_matches(name, settings.PRESETS, n=1, cutoff=0)
            hint = f"did you mean {near[0]}?" if near else "it is empty."
            raise CommandError(
                f'--presets {name} is not in SHIFT_MEDIA["PRESETS"]: {hint}',
                returncode=USAGE_ERROR,
            )
    of_size = {"mode": options["mode"], "quality": options["quality"]}
    specs = [{"size": name} for name in presets] + [{"size": s, **of_size} for s in sizes]
    formats: list[str | None] = [*_split(options["formats"])] or [None]
    for spec, format in product(specs, formats):
        try:
            Spec.make(**{**settings.PRESETS.get(spec["size"], spec), "format": format or "webp"})
        except MediaError as error:
            raise CommandError(str(error), returncode=USAGE_ERROR) from error
        yield {**spec, "format": format}


def _split(words: Iterable[str]) -> list[str]:
    """Split words at commas too."""
    return [part for word in words for part in word.split(",") if part]


def _workers(given: int | None) -> int:
    most = settings.CONCURRENCY
    if given is not None and not 1 <= given <= most:
        raise CommandError(
            f'--workers {given}: write 1 to {most}, which is SHIFT_MEDIA["CONCURRENCY"], the most '
            "resizes that one process makes at once.",
            returncode=USAGE_ERROR,
        )
    return given or most
