"""Build the package with setuptools, and compile its catalogues of messages before.

The catalogues are compiled by Babel, which is a requirement of the build alone, so that an
installation needs no gettext and Django no Babel.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "compile_catalogs",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ROOT = Path(__file__).resolve().parent.parent


def build_wheel(*arguments: Any, **options: Any) -> str:
    """Compile the catalogues and build the wheel, as PEP 517 has it."""
    compile_catalogs()
    return build_meta.build_wheel(*arguments, **options)


def build_editable(*arguments: Any, **options: Any) -> str:
    """Compile the catalogues where they are, and install a link, as PEP 660 has it."""
    compile_catalogs()
    return build_meta.build_editable(*arguments, **options)


def compile_catalogs(root: Path = ROOT) -> list[Path]:
    """Write a ``.mo`` file beside each newer catalogue, and return the paths of what was written.

    Two processes may compile at once: each writes a file of its own and renames it.
    """
    written = []
    for source in sorted((root / "shift_media" / "locale").glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parts[-3], domain=source.stem)
        with NamedTemporaryFile(dir=target.parent, delete=False) as file:
            write_mo(file, catalog)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(target)
        written.append(target)
    return written
