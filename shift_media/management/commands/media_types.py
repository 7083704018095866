"""Write the types of the JSON of media files for clients in TypeScript."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from shift_media.conf import settings
from shift_media.management.base import MediaCommand
from shift_media.management.typescript import media_types


class Command(MediaCommand):
    """Print or write the types."""

    help = (
        "Print types in TypeScript of the object by which APIs represent a media file. They "
        "contain the names of the site's presets, so run it again when these change."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file to write to, and the comparison with it."""
        parser.add_argument(
            "--output", type=Path, metavar="FILE", help="Write to this file instead."
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Write nothing; fail if the file has other types, such as in CI.",
        )

    def is_silent(self, options: dict[str, Any]) -> bool:
        """Return False where the types are what is printed."""
        return super().is_silent(options) and options["output"] is not None

    def handle(self, *args: Any, output: Path | None, check: bool, **options: Any) -> None:
        """Print the types, write them, or compare them with a file."""
        text = media_types(settings.PRESETS)
        if check:
            self._compare(text, output)
        elif output is None:
            self.stdout.write(text, ending="")
        else:
            output.write_text(text, encoding="utf-8")
            self.stdout.write(f"{output} is written.")

    def _compare(self, text: str, output: Path | None) -> None:
        if output is None:
            raise CommandError("--check needs the file to compare: add --output FILE.")
        if not output.is_file() or output.read_text(encoding="utf-8") != text:
            raise CommandError(
                f"{output} does not have the types of this site. Write it again with: "
                f"manage.py media_types --output {output}"
            )
        self.stdout.write(f"{output} has the types of this site.")
