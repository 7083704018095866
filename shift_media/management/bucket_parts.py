"""The parts of a bucket's configuration that ``media_bucket`` compares and changes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from shift_media.aws.bucket import SUBRESOURCES, Subresource
from shift_media.storages import S3MediaStorage


def add_choice(parser: CommandParser) -> None:
    """Add the options that choose parts of the configuration."""
    group = parser.add_argument_group("which parts", "Default: all of them.")
    for name, subresource in SUBRESOURCES.items():
        group.add_argument(
            f"--{name}", dest="only", action="append_const", const=name, help=subresource.title
        )
    parser.set_defaults(only=[])
    group.add_argument(
        "--skip", action="append", default=[], choices=SUBRESOURCES, help="leave out; repeatable"
    )
    group.add_argument(
        "--replace-rules",
        action="store_true",
        help="remove website rules of other tools that take effect before ours",
    )


def chosen(options: dict[str, Any], storage: S3MediaStorage) -> list[Subresource]:
    """Return the subresources to compare.

    Raises `CommandError` if the website rules are among them and the app's URL is not known.
    """
    only, skip = options["only"], options["skip"]
    is_private = storage.derived == "private"  # Rules are removed then, which needs no URL.
    redirects = storage.delivery == "redirect" or options["app_url"] or is_private
    redirects = redirects and (options["reader"] == "everybody" or is_private)
    names = [name for name in SUBRESOURCES if name not in skip]
    if only:
        names = [name for name in names if name in only]
    elif not redirects:
        names = [name for name in names if name != "website"]
    if "website" in names and not options["app_url"] and not is_private:
        raise CommandError(
            "The website rules need the URL of the app. Say where shift_media.urls is included "
            "with --app-url https://www.example.com/media/, or add --skip website."
        )
    return [SUBRESOURCES[name] for name in names]
