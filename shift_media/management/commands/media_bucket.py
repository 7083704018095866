"""Configure the media's bucket: ``manage.py media_bucket print|create|claim|plan|apply``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from shift_media.aws.bucket import (
    Bucket,
    Change,
    Refused,
    Subresource,
    Unsupported,
)
from shift_media.aws.changes import RuleConflict, merge_website, remove_redirects
from shift_media.aws.documents import DOCUMENTS, BucketSetup
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.deletion import site_marker
from shift_media.management import bucket_options, bucket_output, bucket_parts
from shift_media.management.base import MediaCommand, counted
from shift_media.storages import MediaStorage, S3MediaStorage

YES, WIDEN = "yes", "widen"
"""The words that a user types to apply a change, and to apply one that widens access."""


class Command(MediaCommand):
    """Print documents for AWS, compare the bucket with them, and apply them."""

    help = (
        "print WHAT shows a document; create makes the bucket; claim marks it as that of this "
        "site; plan shows how it differs from the documents; apply shows that, asks, and changes "
        "the bucket. All can be run again. Rules that other tools made are kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the actions and their options."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        print_ = actions.add_parser("print", help="show a document")
        print_.add_argument("what", choices=DOCUMENTS, metavar="WHAT", help=", ".join(DOCUMENTS))
        print_.add_argument(
            "--part", default="", help="one of the documents, if WHAT stands for several"
        )
        print_.add_argument(
            "--format", choices=("json", "xml"), default="json", help="default: %(default)s"
        )
        create = actions.add_parser("create", help="create the bucket unless it exists")
        create.add_argument("--dry-run", action="store_true", help="only show what would be done")
        claim = actions.add_parser(
            "claim", help='write the name in SHIFT_MEDIA["SITE"] into the bucket or folder'
        )
        plan = actions.add_parser("plan", help="show how the bucket differs")
        plan.add_argument(
            "--check", action="store_true", help="fail if the bucket differs, for scripts"
        )
        apply = actions.add_parser("apply", help="change what differs")
        apply.add_argument("--yes", action="store_true", help="do not ask")
        apply.add_argument(
            "--widen", action="store_true", help="with --yes: agree to wider access, too"
        )
        for action in (plan, apply):
            bucket_parts.add_choice(action)
        for action in (print_, create, claim, plan, apply):
            bucket_options.add_common(action)
            bucket_options.add_bucket(action)
        for action in (print_, plan, apply):
            bucket_options.add_site(action)
        bucket_options.add_print(print_)

    def is_silent(self, options: dict[str, Any]) -> bool:
        """Print a document, and ask before a change, whatever the verbosity is."""
        asks = options["action"] == "apply" and not options["yes"]
        return super().is_silent(options) and options["action"] != "print" and not asks

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the action."""
        try:
            getattr(self, f"_{options['action']}")(options)
        except MediaError as error:  # The client of the storage cannot be made.
            raise CommandError(str(error)) from error

    # Printing

    def _print(self, options: dict[str, Any]) -> None:
        storage = bucket_options.find_storage(options)
        setup = bucket_options.bucket_setup(options, storage)
        what, part = options["what"], options["part"]
        self._warn_of_delivery(what, setup, storage)
        try:
            document = DOCUMENTS[what](setup)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if part:
            document = bucket_output.find_part(document, what, part)
        if options["format"] == "json":
            self.stdout.write(json.dumps(document, indent=2))
            return
        self.stdout.write(bucket_output.as_xml(document, what, part, setup.bucket))

    def _warn_of_delivery(
        self, what: str, setup: BucketSetup, storage: S3MediaStorage | None
    ) -> None:
        """Write to stderr if the storage's delivery does not fit the distribution."""
        if what != "cloudfront" or storage is None:
            return
        wanted = "content" if setup.cloudfront_origin == "bucket" else "redirect"
        if storage.delivery != wanted:
            self.stderr.write(
                f'This distribution needs "delivery": "{wanted}" in the options of the storage, '
                f'which has "{storage.delivery}".'
            )

    # Creating

    def _create(self, options: dict[str, Any]) -> None:
        storage = bucket_options.require_storage(options)
        bucket = _bucket(storage)
        try:
            if bucket.exists():
                self.stdout.write(f"Bucket {bucket.name} exists already.")
            elif options["dry_run"]:
                self.stdout.write(f"Bucket {bucket.name} would be created.")
            else:
                bucket.create()
                self.stdout.write(self.style.SUCCESS(f"Bucket {bucket.name}: created."))
                if settings.SITE:  # A bucket that existed may be another site's.
                    self._write_marker(storage)
        except (Refused, Unsupported) as error:
            raise CommandError(str(error)) from error

    def _claim(self, options: dict[str, Any]) -> None:
        if not settings.SITE:
            raise CommandError(
                'This site has no name. Set SHIFT_MEDIA["SITE"] to one that no other site has, '
                'such as "example.com-production". Staging needs another name and bucket.'
            )
        self._write_marker(bucket_options.find_media_storage(options))

    def _write_marker(self, storage: MediaStorage) -> None:
        try:
            written = site_marker.claim(storage, settings.SITE)
        except MediaError as error:
            raise CommandError(str(error)) from error
        claimed = "is claimed for" if written else "belongs already to"
        self.stdout.write(self.style.SUCCESS(f"The storage {claimed} the site {settings.SITE}."))

    # Comparing and changing

    def _plan(self, options: dict[str, Any]) -> None:
        _, changes = self._compare(options)
        if changes and options["check"]:
            differing = counted(len(changes), "part")
            raise CommandError(f"Different: {differing}. Change them with: media_bucket apply.")

    def _apply(self, options: dict[str, Any]) -> None:
        bucket, changes = self._compare(options)
        if not changes:
            return
        self._confirm(options, [sentence for change in changes for sentence in change.widens])
        for change in changes:
            try:
                bucket.write(change)
            except Unsupported as error:
                self._show_skipped(change.subresource, error)
            except Refused as error:
                raise CommandError(str(error)) from error
            else:
                self.stdout.write(self.style.SUCCESS(f"{change.subresource.title}: applied."))

    def _compare(self, options: dict[str, Any]) -> tuple[Bucket, list[Change]]:
        storage = bucket_options.require_storage(options)
        setup = bucket_options.bucket_setup(options, storage)
        bucket = _bucket(storage)
        chosen = bucket_parts.chosen(options, storage)
        changes = list(self._changes(bucket, setup, chosen, options))
        if not changes:
            self.stdout.write(f"Nothing differs in {bucket.name}.")
        return bucket, changes

    def _changes(
        self,
        bucket: Bucket,
        setup: BucketSetup,
        chosen: Sequence[Subresource],
        options: dict[str, Any],
    ) -> Iterator[Change]:
        """Show and yield each change; raises `CommandError` at the first one that fails."""
        replacing = partial(merge_website, replace_conflicts=options["replace_rules"])
        is_private = setup.readable == "nothing"
        for subresource in chosen:
            merge = replacing if subresource.name == "website" else subresource.merge
            try:
                if subresource.name not in options["only"]:
                    bucket.check(subresource)
                if subresource.name == "website" and is_private:
                    change = bucket.compare(subresource, {}, remove_redirects)
                else:
                    change = bucket.compare(subresource, subresource.build(setup), merge)
            except Unsupported as error:
                self._show_skipped(subresource, error)
            except (Refused, RuleConflict, ValueError) as error:
                raise CommandError(str(error)) from error
            else:
                if change is not None:
                    self._show(change, bucket.name, options["verbosity"])
                    yield change

    def _show_skipped(self, subresource: Subresource, error: Unsupported) -> None:
        self.stdout.write(self.style.WARNING(f"{subresource.title}, skipped: {error}"))

    def _show(self, change: Change, bucket: str, verbosity: int) -> None:
        state = "new" if change.before is None else "changed"
        heading = f"{change.subresource.title} of {bucket}, {state}:"
        self.stdout.write(self.style.MIGRATE_HEADING(heading))
        for line in bucket_output.diff(change.before, change.after, whole=verbosity > 1):
            style = {"+": self.style.SUCCESS, "-": self.style.ERROR}.get(line[0])
            self.stdout.write(f"  {style(line) if style else line}")
        for sentence in change.widens:
            self.stdout.write(self.style.WARNING(f"  This widens access: {sentence}"))

    def _confirm(self, options: dict[str, Any], widens: Sequence[str]) -> None:
        """Ask the user to agree to the plan; raises `CommandError` if they do not."""
        if options["yes"]:
            if widens and not options["widen"]:
                raise CommandError(
                    "This widens access, which --yes alone does not agree to: "
                    f"{' '.join(widens)} If you want that, add --widen. Nothing was changed."
                )
            return
        word = WIDEN if widens else YES
        self.stdout.write(f'Type "{word}" to apply this: ', ending="")
        self.stdout.flush()
        try:
            answer = input()
        except EOFError:
            wanted = "--yes --widen" if widens else "--yes"
            raise CommandError(
                f"Nothing was changed, because there is no terminal to answer at. Add {wanted}."
            ) from None
        if answer.strip().lower() != word:
            raise CommandError("Nothing was changed.")


def _bucket(storage: S3MediaStorage) -> Bucket:
    return Bucket(storage.client, storage.bucket_name, storage.key_prefix)
