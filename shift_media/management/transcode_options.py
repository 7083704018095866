"""The options of ``media_transcode``, checked before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError

from shift_media.transcoding.base import MOST_PRIORITY


def check_options(options: Mapping[str, Any]) -> None:
    """Raise `CommandError` for options that exclude each other, or are out of range."""
    if options["pk"] and len(options["field"]) != 1:
        raise CommandError("--pk needs exactly one model or field.", returncode=2)
    if options["workers"] < 1 or (options["limit"] is not None and options["limit"] < 1):
        raise CommandError("--workers and --limit must be at least 1.", returncode=2)
    if abs(options["priority"]) > MOST_PRIORITY:
        raise CommandError(
            f"--priority {options['priority']} is too large: write -{MOST_PRIORITY} to "
            f"{MOST_PRIORITY}.",
            returncode=2,
        )
    if options["poster"] is not None:
        if not options["field"]:
            raise CommandError("--poster needs a model or field.", returncode=2)
        if options["force"] or options["profile"]:
            raise CommandError("--poster excludes --profile and --force.", returncode=2)
    if (options["force"] or options["profile"]) and not options["field"]:
        raise CommandError("--force and --profile need a model or field.", returncode=2)
