"""A virtual environment with the last botocore that has a client of Elastic Transcoder.

It is made once, below ``var``: pip installs that boto3, and all other packages are those of the
interpreter that runs the tests.
"""

from __future__ import annotations

import functools
import hashlib
import os
import site
import subprocess
import sys
import venv
from pathlib import Path

from filelock import FileLock

VERSION = "1.42.17"
ROOT = Path(__file__).resolve().parent.parent.parent

_SECONDS = 180  # for pip, which fetches 15 MB
_CHECK = "import botocore; print(botocore.__version__)"


def folder() -> Path:
    """Return the folder of the environment, one for each interpreter that runs the tests."""
    version = ".".join(map(str, sys.version_info[:2]))
    own = hashlib.sha256(sys.prefix.encode()).hexdigest()[:8]
    return ROOT / "var" / f"botocore-{VERSION}-python{version}-{own}"


@functools.cache
def find() -> Path | None:
    """Return the path of its Python; None if pip could not make it."""
    place = folder()
    place.parent.mkdir(exist_ok=True)
    with FileLock(f"{place}.lock", timeout=2 * _SECONDS):
        python = place / "bin" / "python"
        return python if _is_right(python) or _make(place, python) else None


def _make(place: Path, python: Path) -> bool:
    venv.create(place, clear=True, with_pip=False, symlinks=True)
    install = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    quiet = ["-qq", "--disable-pip-version-check", "--no-input", "--retries", "1"]
    try:
        subprocess.run(
            [*install, *quiet, f"boto3=={VERSION}", f"botocore=={VERSION}"],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )
    except (subprocess.SubprocessError, OSError):
        return False
    (inner,) = place.glob("lib/python*/site-packages")
    (inner / "outer.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return _is_right(python)


def _is_right(python: Path) -> bool:
    if not python.exists():
        return False
    said = subprocess.run([python, "-c", _CHECK], capture_output=True, text=True, check=False)
    return said.stdout.strip() == VERSION


def environment() -> dict[str, str]:
    """Return the variables for programs in it, which also find those beside our own Python."""
    own = str(Path(sys.executable).parent)
    path = os.pathsep.join([own, os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
