"""Files that tests make once and keep below ``var``, for all workers and for later runs."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
from filelock import FileLock

from tests.imaging import images
from tests.parts import ROOT

FOLDER = ROOT / "var" / "tests"


def kept(name: str, make: Callable[[], bytes], module: str) -> bytes:
    """Return the bytes of that name; make them if no earlier test has done so.

    They are made again when the module with the recipe changes, or what it draws with.

    Args:
        module: the ``__file__`` of the recipe.
    """
    path = FOLDER / _fingerprint(module) / hashlib.sha256(name.encode()).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):  # so that two workers do not draw the same
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(make())
            part.replace(path)
    return path.read_bytes()


@functools.cache
def _fingerprint(module: str) -> str:
    recipe = Path(module).read_bytes() + Path(images.__file__).read_bytes()
    versions = f"Pillow {PIL.__version__}, numpy {np.__version__}"
    return hashlib.sha256(recipe + versions.encode()).hexdigest()[:16]
