"""Store files with old names under keys: ``manage.py media_import``."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import connections, router

from shift_media.core.errors import MediaError
from shift_media.deletion.site_marker import ForeignStorage, check_site
from shift_media.importing.finish import FinishRun
from shift_media.importing.leftovers import LeftoverRun
from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.importing.rewrite import RewriteRun
from shift_media.importing.run import (
    DEFAULT_WORKERS,
    MAX_STORAGE_FAILURES,
    ImportOptions,
    ImportRun,
)
from shift_media.importing.survey import DryRun, read_status, shared_names
from shift_media.importing.undo import UndoRun
from shift_media.importing.verify import VerifyRun
from shift_media.management.base import MediaCommand, counted
from shift_media.management.import_output import (
    ImportOutput,
    codes_text,
    printable,
    status_lines,
)
from shift_media.management.old_links import write_leftovers, write_rewritten
from shift_media.management.progress import INTERRUPTED, stop_on_interrupt

USAGE_ERROR = 2
"""The exit code for wrong arguments."""

MOST_WORKERS = 64
_MOST_SHARED = 10  # names that --dry-run lists


class Command(MediaCommand):
    """Import the files of rows that an ImageField or a FileField has left."""

    help = (
        "Stores the files of an ImageField or a FileField under keys of a MediaField: in place, "
        "if the field was changed and the column has old names, or from one column to another. "
        "Each file is checked like an upload. A row is written by one UPDATE, without save() and "
        "without signals, and only if it is as it was read. Old files stay until --finish. The "
        "command may run beside uploads, deletions and itself, and may be killed: the next run "
        "goes on. Ctrl-C finishes the files that are being copied. Exit codes: 0, all done; 1, "
        "some rows failed, and are listed with a code; 2, wrong arguments; 130, interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add("field", metavar="app.Model.field", help="the media field")
        add("--from", dest="old", metavar="FIELD", help="the field of the model with old names")
        _add_modes(parser.add_mutually_exclusive_group().add_argument)
        add("--delete", action="store_true", help="with --leftovers: delete them")
        add("--dry-run", action="store_true", help="inspect each file, and change nothing")
        add("--after", metavar="PK", help="only rows with larger primary keys")
        add("--limit", type=int, metavar="N", help="at most so many rows")
        add("--workers", type=int, metavar="N", default=DEFAULT_WORKERS, help="threads")
        add("--rate", type=float, metavar="N", help="at most so many rows in a second")
        add(
            "--link",
            action="store_true",
            help="on one disk give a file a second name, which needs no space; only if no program "
            "ever writes into an old file",
        )
        add(
            "--no-checksum",
            dest="checksum",
            action="store_false",
            help="take no SHA-256, so that a video is not read to its end; --verify and --finish "
            "compare bytes then",
        )
        add("--report", metavar="FILE", help="write a CSV file with a line for each row")
        add("--database", help="alias of the database; default: the one for writing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        self.options = options
        if options["delete"] and not options["leftovers"]:
            raise CommandError("--delete needs --leftovers.", returncode=USAGE_ERROR)
        self.stop = threading.Event()
        self.plan = self._plan()
        self.output = ImportOutput(
            self.stdout, self.stderr, options["report"], verbose=options["verbosity"] > 1
        )
        run = next((mode for mode in _MODES if options[mode]), "import")
        try:
            with stop_on_interrupt(self.stop):
                getattr(self, f"_{run}")()
        except MediaError as error:
            raise CommandError(str(error), returncode=1) from error
        self._end()

    # Modes

    def _import(self) -> None:
        chosen = self._chosen()
        if self.options["dry_run"]:
            self._survey(chosen)
            return
        self._check_owner()
        run = ImportRun(self.plan, chosen, self.stop)
        self.output.consume("Import", run.outcomes(), self._total(chosen))
        self.stdout.write(self.output.summary("imported"))
        if run.gave_up:
            raise CommandError(
                f"The storage failed for {MAX_STORAGE_FAILURES} rows in a row; no more are tried.",
                returncode=1,
            )

    def _survey(self, chosen: ImportOptions) -> None:
        run = DryRun(self.plan, chosen, self.stop)
        self.output.consume("Dry run", run.outcomes(), self._total(chosen))
        self.stdout.write(self.output.summary("to be imported"))
        self.stdout.write(f"Requests to storages: {self.output.counts.requests}.")
        shared = shared_names(self.plan)
        if shared:
            rows = sum(shared.values())
            self.stdout.write(f"Files that several rows share: {len(shared)}, of {rows} rows.")
            for name, number in list(shared.items())[:_MOST_SHARED]:
                self.stdout.write(printable(f"  {name}: {counted(number, 'row')}"))

    def _status(self) -> None:
        for line in status_lines(read_status(self.plan)):
            self.stdout.write(line)

    def _verify(self) -> None:
        run = VerifyRun(self.plan, workers=self._chosen().workers, stop=self.stop)
        self.output.consume("Verification", run.outcomes(), run.count())
        self.stdout.write(self.output.summary("verified"))

    def _undo(self) -> None:
        dry_run = self.options["dry_run"]
        run = UndoRun(self.plan, dry_run=dry_run, stop=self.stop)
        self.output.consume("Undo", run.outcomes(), run.count())
        self.stdout.write(self.output.summary("to be undone" if dry_run else "undone"))

    def _finish(self) -> None:
        dry_run = self.options["dry_run"]
        if not dry_run:
            self._check_owner()
        run = FinishRun(self.plan, workers=self._chosen().workers, dry_run=dry_run, stop=self.stop)
        self.output.consume("Finish", run.outcomes(), run.count())
        done = "old files to be deleted" if dry_run else "old files deleted"
        self.stdout.write(self.output.summary(done))

    def _rewrite(self) -> None:
        label: str = self.options["rewrite"]
        model, _, column = label.rpartition(".")
        try:
            run = RewriteRun(
                self.plan,
                apps.get_model(model),
                column,
                dry_run=self.options["dry_run"],
                stop=self.stop,
            )
        except (LookupError, ValueError, FieldDoesNotExist, PlanError) as error:
            raise CommandError(f"--rewrite {label}: {error}", returncode=USAGE_ERROR) from error
        write_rewritten(self.stdout, self.stderr, label, run, dry_run=self.options["dry_run"])

    def _leftovers(self) -> None:
        if self.options["delete"] and not self.options["dry_run"]:
            self._check_owner()
        write_leftovers(self.stdout, self.stderr, LeftoverRun(self.plan), self.options)

    def _end(self) -> None:
        failed = self.output.counts.failed
        if failed:
            self.stdout.write(f"Failed: {codes_text(failed)}.")
        if self.stop.is_set():
            self.stdout.write(f"To go on: {self._command()}")
            self.stderr.write("Interrupted: what is done stays, and is not done again.")
            raise SystemExit(INTERRUPTED)
        if failed:
            raise CommandError(f"{counted(failed.total(), 'row')} failed.", returncode=1)

    def _command(self) -> str:
        """Return the command that continues."""
        options = self.options
        words = ["manage.py", "media_import", options["field"]]
        for name in (*_MODES, "dry_run", "link", "delete"):
            words += [f"--{name.replace('_', '-')}"] if options[name] is True else []
        words += [] if options["checksum"] else ["--no-checksum"]
        given = {
            "from": "old",
            "rewrite": "rewrite",
            **{n: n for n in ("after", "limit", "workers", "rate", "database")},
        }
        for word, name in given.items():
            if options[name] is not None:
                words.append(f"--{word}={options[name]}")
        return shlex.join(words)

    # Reading the arguments

    def _plan(self) -> ImportPlan:
        app, _, rest = self.options["field"].partition(".")
        name, _, field = rest.partition(".")
        try:
            if not field:
                raise LookupError("write app.Model.field.")
            model = apps.get_model(app, name)
            using = self.options["database"] or router.db_for_write(model)
            if using not in connections:
                raise LookupError(f"there is no database {using!r}.")
            return ImportPlan.make(model, field, self.options["old"], using)
        except (LookupError, ValueError, MediaError) as error:
            raise CommandError(
                f"{self.options['field']}: {error}", returncode=USAGE_ERROR
            ) from error

    def _chosen(self) -> ImportOptions:
        options = self.options
        for name, most in (("limit", sys.maxsize), ("workers", MOST_WORKERS)):
            if options[name] is not None and not 1 <= options[name] <= most:
                raise CommandError(
                    f"--{name} {options[name]}: write a number from 1 to {most}.",
                    returncode=USAGE_ERROR,
                )
        if options["rate"] is not None and not options["rate"] > 0:
            raise CommandError("--rate must be above 0.", returncode=USAGE_ERROR)
        return ImportOptions(
            after=self._after(),
            limit=options["limit"],
            workers=options["workers"],
            rate=options["rate"],
            link=options["link"],
            checksum=options["checksum"],
        )

    def _after(self) -> Any:
        after = self.options["after"]
        if after is None:
            return None
        try:
            return self.plan.model._meta.pk.to_python(after)
        except (ValueError, ValidationError) as error:
            raise CommandError(f"--after: {error}", returncode=USAGE_ERROR) from error

    def _total(self, chosen: ImportOptions) -> int:
        waiting = sum(len(page) for page in self.plan.pages(chosen.after))
        return min(waiting, chosen.limit or sys.maxsize)

    def _check_owner(self) -> None:
        """Refuse a storage of another site: staging beside production, say."""
        try:
            check_site(self.plan.target)
        except ForeignStorage as error:
            raise CommandError(f"{error} Nothing was changed.", returncode=1) from error


def _add_modes(mode: Callable[..., Any]) -> None:
    """Add the options of which only one can be given."""
    mode("--status", action="store_true", help="count what is imported, left and failed")
    mode("--verify", action="store_true", help="read copies and old files, and compare them")
    mode("--undo", action="store_true", help="put old names back; newer uploads stay")
    mode(
        "--finish",
        action="store_true",
        help="verify copies, then delete the old files that no row of a file field has; "
        "--undo refuses after it",
    )
    mode(
        "--rewrite",
        metavar="app.Model.field",
        help="replace links to imported files in the texts, or the JSON, of this column, and "
        "print them",
    )
    mode(
        "--leftovers",
        action="store_true",
        help="list thumbnails that other packages have left in the old storage",
    )


_MODES = ("status", "verify", "undo", "finish", "rewrite", "leftovers")
