"""Set the media's bucket up: ``manage.py media_bucket print|create|plan|apply``."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shift_media.aws.bucket import PARTS, Bucket, Change, Part, Refused, Unsupported
from shift_media.aws.changes import Conflict, Document, merge_website, normal
from shift_media.aws.documents import DOCUMENTS, IN_PARTS, XML, BucketSetup
from shift_media.aws.xml import to_xml
from shift_media.management import bucket_options
from shift_media.storages import S3MediaStorage

YES, WIDEN = "yes", "widen"
"""What is typed to go on, and to go on where somebody may do more than before."""


class Command(BaseCommand):
    """Print the documents that AWS takes, compare the bucket with them, and apply them."""

    help = (
        "print WHAT shows a document; create makes the bucket; plan shows what differs from what "
        "the bucket has; apply shows it, asks, and does it. All can be run again. Rules of "
        "others are kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        shown = actions.add_parser("print", help="show a document")
        shown.add_argument("what", choices=DOCUMENTS, metavar="WHAT", help=", ".join(DOCUMENTS))
        shown.add_argument(
            "--part", default="", help="one of the documents, where WHAT is several"
        )
        shown.add_argument(
            "--format", choices=("json", "xml"), default="json", help="default: %(default)s"
        )
        made = actions.add_parser("create", help="make the bucket unless it is there")
        made.add_argument("--dry-run", action="store_true", help="say what would be done")
        plan = actions.add_parser("plan", help="show what differs from what the bucket has")
        plan.add_argument(
            "--check", action="store_true", help="fail where something differs, for scripts"
        )
        apply = actions.add_parser("apply", help="change what differs")
        apply.add_argument("--yes", action="store_true", help="ask nothing")
        apply.add_argument(
            "--widen", action="store_true", help="with --yes: somebody may do more than before"
        )
        for action in (plan, apply):
            _add_choice(action)
        for action in (shown, made, plan, apply):
            bucket_options.add_common(action)
            bucket_options.add_bucket(action)
        for action in (shown, plan, apply):
            bucket_options.add_site(action)
        bucket_options.add_print(shown)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        getattr(self, f"_{options['action']}")(options)

    # Printing

    def _print(self, options: dict[str, Any]) -> None:
        storage = bucket_options.find_storage(options)
        setup = bucket_options.setup_of(options, storage)
        what, part = options["what"], options["part"]
        self._remark(what, setup, storage)
        try:
            document = DOCUMENTS[what](setup)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if part:
            document = _part_of(document, what, part)
        if options["format"] == "json":
            self.stdout.write(json.dumps(document, indent=2))
            return
        self.stdout.write(_as_xml(document, what, part, setup.bucket))

    def _remark(self, what: str, setup: BucketSetup, storage: S3MediaStorage | None) -> None:
        """Say what goes with a document, beside it."""
        if what != "cloudfront" or storage is None:
            return
        wanted = "content" if setup.cloudfront_origin == "bucket" else "redirect"
        if storage.delivery != wanted:
            self.stderr.write(
                f'This goes with "delivery": "{wanted}" in the options of the storage, which has '
                f'"{storage.delivery}".'
            )

    # Creating

    def _create(self, options: dict[str, Any]) -> None:
        bucket = _bucket(bucket_options.storage_of(options))
        try:
            if bucket.exists():
                self.stdout.write(f"Bucket {bucket.name} is there already.")
            elif options["dry_run"]:
                self.stdout.write(f"Bucket {bucket.name} would be created.")
            else:
                bucket.create()
                self.stdout.write(self.style.SUCCESS(f"Bucket {bucket.name}: created."))
        except (Refused, Unsupported) as error:
            raise CommandError(str(error)) from error

    # Comparing and changing

    def _plan(self, options: dict[str, Any]) -> None:
        changes = self._compared(options)[1]
        if changes and options["check"]:
            raise CommandError(f"{len(changes)} parts differ. Change them: media_bucket apply.")

    def _apply(self, options: dict[str, Any]) -> None:
        bucket, changes = self._compared(options)
        if not changes:
            return
        self._ask(options, [sentence for change in changes for sentence in change.widens])
        for change in changes:
            try:
                bucket.write(change)
            except Unsupported as error:
                self._pass_over(change.part, error)
            except Refused as error:
                raise CommandError(str(error)) from error
            else:
                self.stdout.write(self.style.SUCCESS(f"{change.part.title}: applied."))

    def _compared(self, options: dict[str, Any]) -> tuple[Bucket, list[Change]]:
        storage = bucket_options.storage_of(options)
        setup = bucket_options.setup_of(options, storage)
        bucket = _bucket(storage)
        changes = list(self._changes(bucket, setup, _chosen(options, storage), options))
        if not changes:
            self.stdout.write(f"Nothing differs in {bucket.name}.")
        return bucket, changes

    def _changes(
        self, bucket: Bucket, setup: BucketSetup, parts: Sequence[Part], options: dict[str, Any]
    ) -> Iterator[Change]:
        replacing = partial(merge_website, replacing=options["replace_rules"])
        for part in parts:
            merge = replacing if part.name == "website" else part.merge
            try:
                if part.name not in options["only"]:
                    bucket.check(part)
                change = bucket.compare(part, part.wanted(setup), merge)
            except Unsupported as error:
                self._pass_over(part, error)
            except (Refused, Conflict, ValueError) as error:
                raise CommandError(str(error)) from error
            else:
                if change is not None:
                    self._show(change, bucket.name, options["verbosity"])
                    yield change

    def _pass_over(self, part: Part, error: Unsupported) -> None:
        self.stdout.write(self.style.WARNING(f"{part.title}, passed over: {error}"))

    def _show(self, change: Change, bucket: str, verbosity: int) -> None:
        state = "new" if change.before is None else "changed"
        self.stdout.write(self.style.MIGRATE_HEADING(f"{change.part.title} of {bucket}, {state}:"))
        for line in _difference(change.before, change.after) if verbosity else ():
            style = {"+": self.style.SUCCESS, "-": self.style.ERROR}.get(line[0])
            self.stdout.write(f"  {style(line) if style else line}")
        for sentence in change.widens:
            self.stdout.write(self.style.WARNING(f"  This widens access: {sentence}"))

    def _ask(self, options: dict[str, Any], widens: Sequence[str]) -> None:
        """Have the answer that the plan needs; raises `CommandError` without it."""
        if options["yes"]:
            if widens and not options["widen"]:
                raise CommandError(
                    "This widens access, which --yes alone does not agree to: "
                    f"{' '.join(widens)} If that is meant, add --widen. Nothing was changed."
                )
            return
        word = WIDEN if widens else YES
        self.stdout.write(f'Type "{word}" to apply this: ', ending="")
        self.stdout.flush()
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip().lower() != word:
            raise CommandError("Nothing was changed.")


def _add_choice(parser: CommandParser) -> None:
    group = parser.add_argument_group("which parts", "All of them, unless some are named.")
    for part in PARTS.values():
        group.add_argument(
            f"--{part.name}", dest="only", action="append_const", const=part.name, help=part.title
        )
    parser.set_defaults(only=[])
    group.add_argument(
        "--skip", action="append", default=[], choices=PARTS, help="leave out; repeatable"
    )
    group.add_argument(
        "--replace-rules",
        action="store_true",
        help="remove website rules of others that stand where ours must",
    )


def _chosen(options: dict[str, Any], storage: S3MediaStorage) -> list[Part]:
    """List the parts that are meant; raises `CommandError` where the website lacks the app."""
    only, skip = options["only"], options["skip"]
    redirects = storage.delivery == "redirect" or options["app_url"]
    redirects = redirects and options["reader"] == "everybody"
    parts = [part for part in PARTS.values() if part.name not in skip]
    if only:
        parts = [part for part in parts if part.name in only]
    elif not redirects:
        parts = [part for part in parts if part.name != "website"]
    if any(part.name == "website" for part in parts) and not options["app_url"]:
        raise CommandError(
            "The website rules lead to the app: say where shift_media.urls is included by "
            "--app-url, such as https://www.example.com/media/, or leave them out by "
            "--skip website."
        )
    return parts


def _bucket(storage: S3MediaStorage) -> Bucket:
    return Bucket(storage.client, storage.bucket_name)


def _part_of(document: Document, what: str, part: str) -> Document:
    if what not in IN_PARTS or part not in document:
        known = ", ".join(document) if what in IN_PARTS else "none: it is one document"
        raise CommandError(f"{what} has no part {part!r}. It has {known}.")
    found: Document = document[part]
    return found


def _as_xml(document: Document, what: str, part: str, bucket: str) -> str:
    name = part or what
    if name not in XML:
        choices = ", ".join(XML)
        raise CommandError(
            f"AWS takes {name} as JSON alone. As XML there are {choices}; of what has several "
            "parts choose one by --part."
        )
    service, operation, member = XML[name]
    parameters = {"Bucket": bucket, member: document} if member else document
    return to_xml(service, operation, parameters)


def _difference(before: Document | None, after: Document) -> Iterator[str]:
    """Give the lines of a unified diff, without its heading; unchanged lines around for place."""
    old, new = (_lines(document) for document in (before, after))
    for line in difflib.unified_diff(old, new, lineterm="", n=3):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def _lines(document: Document | None) -> list[str]:
    return [] if document is None else json.dumps(normal(document), indent=2).splitlines()
