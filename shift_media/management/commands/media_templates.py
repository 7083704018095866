"""Replace the template tags of other packages: ``manage.py media_templates``."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings as django_settings
from django.core.management.base import CommandError, CommandParser
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.template.utils import get_app_template_dirs

from shift_media.conf import settings
from shift_media.management.base import MediaCommand, counted
from shift_media.markup.translation import Known, Translation, translate

SUFFIXES: Final = (".html", ".htm", ".djhtml", ".mjml", ".txt", ".xml", ".svg")
"""The suffixes of templates. A path that is given is read whatever its suffix is."""


class Command(MediaCommand):
    """Replace the tags of other packages by those of this app."""

    help = (
        "Finds the tags of sorl-thumbnail, easy-thumbnails, django-filer, django-imagekit, "
        "django-versatileimagefield, django-pictures and Wagtail in the templates of this "
        "project, and prints as a diff the tags of this app that do the same. --write changes the "
        "files. What may look different is listed with the reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        add = parser.add_argument
        add(
            "paths",
            nargs="*",
            metavar="PATH",
            help="templates or folders; default: the folders of Django's template engines, "
            "without those of installed packages",
        )
        add("--write", action="store_true", help="change the files by what is certain")
        add(
            "--suggestions",
            action="store_true",
            help="replace what may look different too, where there is a suggestion",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        known = find_known()
        files = certain = unsure = 0
        for path in _templates(options["paths"]):
            before = _read(path)
            if before is None:
                self.stderr.write(f"{path}: not read, because it is not UTF-8.")
                continue
            translation = translate(before, known, with_suggestions=options["suggestions"])
            if not translation.changes:
                continue
            files += 1
            certain += len(translation.certain)
            unsure += len(translation.unsure)
            self._show(path, before, translation)
            if options["write"] and translation.text != before:
                path.write_bytes(translation.text.encode())
        self._summarize(files, certain, unsure, options)

    def _show(self, path: Path, before: str, translation: Translation) -> None:
        shown = _shown(path)
        diff = difflib.unified_diff(
            before.splitlines(), translation.text.splitlines(), shown, shown, lineterm="", n=1
        )
        for line in diff:
            self.stdout.write(line)
        for change in translation.unsure:
            self.stdout.write(f"{shown}:{change.line}: {change.before}")
            self.stdout.write(f"    {change.reason}")
            if change.after:
                self.stdout.write(f"    Nearly the same: {change.after}")

    def _summarize(self, files: int, certain: int, unsure: int, options: dict[str, Any]) -> None:
        if not files:
            self.stdout.write("No template uses a tag of the other packages.")
            return
        done = "replaced" if options["write"] else "can be replaced: run it with --write"
        self.stdout.write(f"{counted(files, 'template')}: {counted(certain, 'place')} {done}.")
        if unsure:
            left = "listed above with the reasons"
            self.stdout.write(f"{counted(unsure, 'place')} that may look different: {left}.")


def find_known() -> Known:
    """Return what the settings say of presets and of the other packages."""
    of_thumbnail = {"sorl.thumbnail": "sorl", "easy_thumbnails": "easy"}
    installed = [name for app, name in of_thumbnail.items() if apps.is_installed(app)]
    pictures = getattr(django_settings, "PICTURES", {})
    grid = {
        name: pictures[setting]
        for name, setting in (
            ("breakpoints", "BREAKPOINTS"),
            ("columns", "GRID_COLUMNS"),
            ("container", "CONTAINER_WIDTH"),
            ("file_types", "FILE_TYPES"),
        )
        if setting in pictures
    }
    only = installed[0] if len(installed) == 1 else ""
    return Known(thumbnail=only, presets=frozenset(settings.PRESETS), **grid)


def _templates(paths: Sequence[str]) -> Iterator[Path]:
    """Yield the templates to look at, each once."""
    seen: set[Path] = set()
    for root in [Path(path) for path in paths] or _folders():
        if not root.exists():
            raise CommandError(f"{root} does not exist: name a template or a folder.")
        found = [root] if root.is_file() else sorted(root.rglob("*"))
        for path in found:
            is_template = path == root or path.suffix.lower() in SUFFIXES
            if is_template and path.is_file() and path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _folders() -> list[Path]:
    """Return the folders of templates that belong to the project, not to installed packages."""
    folders: list[Path] = []
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            folders += map(Path, engine.engine.dirs)
            if engine.app_dirname and engine.engine.app_dirs:
                folders += map(Path, get_app_template_dirs(engine.app_dirname))
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir() and _is_own(folder)]


def _is_own(folder: Path) -> bool:
    installed = {"site-packages", "dist-packages"}
    package = Path(__file__).resolve().parents[2]
    path = folder.resolve()
    return installed.isdisjoint(path.parts) and not path.is_relative_to(package)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None


def _shown(path: Path) -> str:
    """Return a path as it is seen from the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
