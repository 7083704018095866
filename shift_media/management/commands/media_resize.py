"""Make resizes before anybody asks for them: ``manage.py media_resize``."""

from __future__ import annotations

import argparse
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
from django.core.management.base import BaseCommand, CommandError, CommandParser

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import MODES, Spec
from shift_media.management.progress import INTERRUPTED, Progress, stop_on_interrupt
from shift_media.registry import is_media_field
from shift_media.resizes.batch import Making, ResizeCounts, Row, Rows

GIVE_UP = 20
"""Rows in a row that the storage fails for, after which it is no use to go on."""

WRONG = 2
"""The exit code for arguments that cannot be done."""


class Command(BaseCommand):
    """Make the resizes of many rows ahead of time."""

    help = (
        "Makes resizes of the images of a model before anybody asks for them, all those of one "
        "original from one reading of it. What is stored is skipped, so that running it again "
        "goes on where it ended; rows are done in the order of their primary keys. Of a video the "
        "resizes are those of its poster: without a poster it is skipped, as is what is no image "
        "or video. Ctrl-C finishes the resizes that are under way and says how to go on. "
        "Exit codes: 0, all are stored; 1, some failed; 2, wrong arguments; 130, interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.formatter_class = argparse.ArgumentDefaultsHelpFormatter
        add = parser.add_argument
        add("field", metavar="app.Model[.field]", help="whose files; all media fields of a model")
        add("--presets", nargs="+", default=[], metavar="NAME", help='of SHIFT_MEDIA["PRESETS"]')
        add("--sizes", nargs="+", default=[], metavar="SIZE", help="such as 400x300, 640x or x300")
        add("--mode", choices=MODES, default="fit", help="how --sizes are filled")
        add("--quality", type=int, help="of --sizes; without it the format's own")
        add(
            "--formats",
            nargs="+",
            default=[],
            metavar="FORMAT",
            help=f"each in each of {', '.join(RESIZE_FORMATS)}; without it the preset's own, else "
            "the original's",
        )
        add("--pk", nargs="+", default=[], help="only these rows")
        add("--after", metavar="PK", help="only rows with larger primary keys, to go on")
        add("--limit", type=int, metavar="N", help="at most so many rows")
        add(
            "--workers",
            type=int,
            metavar="N",
            help="threads; without it, and at most, "
            'SHIFT_MEDIA["CONCURRENCY"]: more would only wait',
        )
        add("--dry-run", action="store_true", help="look what is missing, and make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them."""
        rows, workers = _rows(options), _workers(options["workers"])
        self.total = ResizeCounts()
        self.stop = threading.Event()
        self.last: Any = options["after"]
        self.gave_up = False
        making = Making(workers, self.stop, dry_run=options["dry_run"])
        steps = min(rows.count(), options["limit"] or sys.maxsize)
        chosen = islice(rows, options["limit"])
        with stop_on_interrupt(self.stop), Progress(self.stdout, "Resizes", steps) as progress:
            self._run(making.run(chosen), steps, progress)
        self._report(options)

    def _run(self, done: Iterator[Row], steps: int, progress: Progress) -> None:
        started, failing = time.monotonic(), 0
        whole = True
        for row in done:
            self.total.add(row.tally)
            whole = whole and row.whole
            if whole:
                self.last = row.pk
            nothing_worked = not row.tally.made + row.tally.there
            failing = failing + 1 if row.tally.unavailable and nothing_worked else 0
            if failing >= GIVE_UP and not self.stop.is_set():
                self.gave_up = True
                self.stop.set()
            progress.show(self.total.rows, _detail(self.total, steps, time.monotonic() - started))

    def _report(self, options: dict[str, Any]) -> None:
        total = self.total
        for failure in total.failures:
            self.stderr.write(f"{failure}")
        if (more := total.failed - sum(failure.count for failure in total.failures)) > 0:
            self.stderr.write(f"… and {more} more.")
        made = "to be made" if options["dry_run"] else "made"
        self.stdout.write(
            f"{total.rows} rows: {total.made} resizes {made}, {total.there} were there, "
            f"{total.failed} failed."
        )
        for reason, number in total.skipped.items():
            self.stdout.write(f"Skipped: {number} {reason}.")
        ended = self.stop.is_set() or (options["limit"] or sys.maxsize) <= total.rows
        if ended and not options["pk"]:
            self.stdout.write(f"To go on: {_command(options, self.last)}")
        if self.gave_up:
            raise CommandError(
                f"The storage failed for {GIVE_UP} rows in a row: nothing more was tried.",
                returncode=1,
            )
        if self.stop.is_set():
            self.stderr.write("Interrupted: what is stored stays, and is not made again.")
            raise SystemExit(INTERRUPTED)
        if total.failed:
            raise CommandError(f"{total.failed} resizes failed.", returncode=1)


def _detail(total: ResizeCounts, steps: int, seconds: float) -> str:
    left = timedelta(seconds=round(seconds / max(1, total.rows) * (steps - total.rows)))
    return (
        f"{total.rows} of {steps} rows: {total.made} made, {total.there} were there, "
        f"{total.failed} failed, {left} left"
    )


def _command(options: dict[str, Any], last: Any) -> str:
    """Write the command that goes on where this one ended."""
    words = ["manage.py", "media_resize", options["field"]]
    for name in ("presets", "sizes", "formats"):
        words += [f"--{name}", *options[name]] if options[name] else []
    words += ["--mode", options["mode"]] if options["sizes"] else []
    for name in ("quality", "limit", "workers"):
        words += [f"--{name}", str(options[name])] if options[name] is not None else []
    words += ["--dry-run"] if options["dry_run"] else []
    return shlex.join([*words, *([] if last is None else [f"--after={last}"])])


# What is asked for.


def _rows(options: dict[str, Any]) -> Rows:
    if options["limit"] is not None and options["limit"] < 1:
        raise CommandError("--limit is at least 1.", returncode=WRONG)
    model, fields = _fields(options["field"])
    wanted = list(_wanted(options))
    try:
        rows = Rows(model, fields, wanted, only=options["pk"], after=options["after"])
        rows.count()
    except (ValueError, ValidationError) as error:
        raise CommandError(f"--pk or --after: {error}", returncode=WRONG) from error
    return rows


def _fields(label: str) -> tuple[type[Any], list[Any]]:
    """Find the model, and those of its media fields that ``app.Model[.field]`` names."""
    app, _, rest = label.partition(".")
    name, _, wanted = rest.partition(".")
    try:
        model = apps.get_model(app, name)
        fields = [model._meta.get_field(wanted)] if wanted else model._meta.concrete_fields
    except (LookupError, ValueError, FieldDoesNotExist) as error:
        raise CommandError(f"{label}: {error}", returncode=WRONG) from error
    found = list(filter(is_media_field, fields))
    if not found:
        raise CommandError(f"{label} has no media field.", returncode=WRONG)
    return model, found


def _wanted(options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the arguments of `MediaFile.resize` for each resize of a file."""
    presets, sizes = _split(options["presets"]), _split(options["sizes"])
    if not presets and not sizes:
        raise CommandError("Write --presets or --sizes: what is to be made?", returncode=WRONG)
    for name in presets:
        if name not in settings.PRESETS:
            near = difflib.get_close_matches(name, settings.PRESETS, n=1, cutoff=0)
            hint = f"did you mean {near[0]}?" if near else "there are none."
            raise CommandError(
                f'--presets {name} is not in SHIFT_MEDIA["PRESETS"]: {hint}', returncode=WRONG
            )
    of_size = {"mode": options["mode"], "quality": options["quality"]}
    asked = [{"size": name} for name in presets] + [{"size": s, **of_size} for s in sizes]
    formats: list[str | None] = [*_split(options["formats"])] or [None]
    for each, format in product(asked, formats):
        try:
            Spec.make(**{**settings.PRESETS.get(each["size"], each), "format": format or "webp"})
        except MediaError as error:
            raise CommandError(str(error), returncode=WRONG) from error
        yield {**each, "format": format}


def _split(words: Iterable[str]) -> list[str]:
    """Take words apart at commas too."""
    return [part for word in words for part in word.split(",") if part]


def _workers(asked: int | None) -> int:
    most = settings.CONCURRENCY
    if asked is not None and not 1 <= asked <= most:
        raise CommandError(
            f'--workers {asked}: write 1 to {most}, which is SHIFT_MEDIA["CONCURRENCY"], the most '
            "resizes that one process makes at once.",
            returncode=WRONG,
        )
    return asked or most
