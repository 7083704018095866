"""The parts outside Python that some tests need: where they are, and how to get them.

A test names them, ``@pytest.mark.needs("chromium")``, or asks the fixture ``needs`` for one and
gets its place. Without the part it is skipped with the reason; where ``SHIFT_MEDIA_FULL=1`` is
set (``make test-full``) it fails instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import shift_media

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(shift_media.__file__).parent
"""The tested package, which `make matrix` has in another place than the tests."""

_SEARCH = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]
)


@dataclass(frozen=True)
class Part:
    """A program or a folder that may be installed in addition to Python."""

    find: Callable[[], Path | None]
    how: str


def full() -> bool:
    """Return True if no test may be skipped in this run."""
    return os.environ.get("SHIFT_MEDIA_FULL") == "1"


def package(name: str, extra: str) -> ModuleType:
    """Import a package of an extra; without it skip the tests, or fail in a full run."""
    if full():
        return importlib.import_module(name)
    import pytest  # the benchmarks look for parts too, without it

    reason = f'{name} is not installed: python -m pip install -e ".[{extra}]"'
    module: ModuleType = pytest.importorskip(name, reason=reason)
    return module


def script(name: str) -> ModuleType:
    """Import a script of ``.ci``, which is no package."""
    path = ROOT / ".ci" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def excused() -> frozenset[str]:
    """Return the parts that a full run may do without: ``SHIFT_MEDIA_WITHOUT="corpus rgw"``."""
    return frozenset(os.environ.get("SHIFT_MEDIA_WITHOUT", "").split())


def locate(name: str) -> Path | None:
    """Return the path of a part, or None."""
    return PARTS[name].find()


def missing(name: str) -> str:
    """Return the message that a part is missing, with the command that installs it."""
    return f"{name} is not installed: {PARTS[name].how}"


def _programs(*alternatives: str) -> Callable[[], Path | None]:
    """Return a search for the first of several programs, which are one part by several names."""

    def find() -> Path | None:
        found = (shutil.which(program, path=_SEARCH) for program in alternatives)
        return next((Path(path) for path in found if path), None)

    return find


def _all_programs(*needed: str) -> Callable[[], Path | None]:
    """Return a search for several programs that are all needed; it finds the last one."""

    def find() -> Path | None:
        found = [shutil.which(program, path=_SEARCH) for program in needed]
        return Path(found[-1] or "") if all(found) else None

    return find


def _rgw() -> Path | None:
    programs = _all_programs("ceph", "ceph-mon", "ceph-osd", "radosgw-admin", "radosgw")
    return programs() if os.geteuid() == 0 else None


def _postgres() -> Path | None:
    """Return the folder of PostgreSQL's server programs, which Debian keeps off the path."""
    on_path = _programs("initdb")()
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = on_path or (debian[-1] if debian else None)
    return initdb.parent if initdb else None


def _ffmpeg() -> Path | None:
    """Return the ffmpeg that the app would run, if it can also probe videos."""
    from shift_media.core.errors import MissingExtra
    from shift_media.sandbox.ffmpeg import find_program
    from shift_media.transcoding.probing import is_available

    try:
        return Path(find_program()) if is_available() else None
    except MissingExtra:
        return None


def _corpus() -> Path | None:
    named = os.environ.get("SHIFT_MEDIA_CORPUS")
    folder = Path(named) if named else ROOT.parent / "shared" / "corpus"
    return folder if (folder / "hostile" / "INDEX.tsv").is_file() else None


def _old_botocore() -> Path | None:
    """Return an environment with the last botocore that knew Elastic Transcoder; make it once."""
    from tests.servers import old_botocore

    return old_botocore.find()


def _npm_package(name: str) -> Part:
    """Return the part that is a package from npm."""

    def find() -> Path | None:
        from tests.servers import npm

        return npm.find(name)

    return Part(find, "npm (apt-get install npm) packs it into var/, which needs the network")


def _server(name: str) -> Part:
    """Return the part that is an application server from PyPI."""
    return Part(_programs(name), 'pip install "django-shift-media[dev]"')


PARTS = {
    "chromium": Part(
        _programs("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"),
        "apt-get install chromium",
    ),
    "corpus": Part(_corpus, "SHIFT_MEDIA_CORPUS must name the folder of test files"),
    "ffmpeg": Part(_ffmpeg, 'pip install "django-shift-media[ffmpeg]"'),
    "ffprobe": Part(_all_programs("ffmpeg", "ffprobe"), "apt-get install ffmpeg"),
    "jpegtran": Part(_programs("jpegtran"), "apt-get install libjpeg-turbo-progs"),
    "old-botocore": Part(
        _old_botocore, "boto3==1.42.17 is installed by pip into var/, which needs the network"
    ),
    "hls.js": _npm_package("hls.js"),
    "shaka-player": _npm_package("shaka-player"),
    "daphne": _server("daphne"),
    "gunicorn": _server("gunicorn"),
    "hypercorn": _server("hypercorn"),
    "uvicorn": _server("uvicorn"),
    "uwsgi": _server("uwsgi"),
    "filepond": _npm_package("filepond"),
    "htmx": _npm_package("htmx"),
    "react": _npm_package("react"),
    "react-dom": _npm_package("react-dom"),
    "scheduler": _npm_package("scheduler"),
    "typescript": _npm_package("typescript"),
    "uppy": _npm_package("uppy"),
    "mariadb": Part(_programs("mariadbd"), "apt-get install mariadb-server"),
    "nginx": Part(_programs("nginx"), "apt-get install nginx-light"),
    "postgres": Part(_postgres, "apt-get install postgresql"),
    "redis": Part(_programs("redis-server"), "apt-get install redis-server"),
    "rgw": Part(
        _rgw,
        "as root, apt-get install --no-install-recommends ceph-mon ceph-osd ceph-common radosgw",
    ),
    "seaweedfs": Part(_programs("weed"), 'pip install "django-shift-media[dev]"'),
}
