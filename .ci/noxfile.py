"""The matrix: the wheel, installed into empty environments, tested in all that it supports.

``make matrix`` runs it. The wheel of the last commit is built once. The tests run in a folder that
has no ``shift_media`` in it, so that an environment can import the wheel alone. Each cell is a
session of nox: ``make matrix ARGS="--list"`` lists them, ``ARGS="-s databases"`` runs a part. The
results are printed as a table and written to ``matrix.json`` in ``var/``.

The pairs of Python and Django run the quick tests, those that need no server and less than 0.1
seconds: they use each room, so they find what a version has renamed or removed. Slow tests run in
the cells of their extra and of the databases. uv makes the environments, and its cache has each
package once.
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))
import dist

ROOT = Path(__file__).resolve().parent.parent
FOLDER, TABLE = ROOT / "var" / "matrix", ROOT / "var" / "matrix.json"
WHEELS, COPY, RESULTS = FOLDER / "wheels", FOLDER / "project", FOLDER / "results.jsonl"

NEWEST, OLDEST = "3.13", "3.11"
PAIRS = [
    ("3.11", "5.2"),
    ("3.12", "5.2"),
    ("3.12", "6.0"),
    ("3.12", "6.1"),
    ("3.13", "5.2"),
    ("3.13", "6.0"),
    ("3.13", "6.1"),
]
TOOLS = (
    "Babel",
    "pytest>=8.2",
    "pytest-django",
    "pytest-xdist",
    "hypothesis",
    "numpy",
    "setuptools",
)
"""Packages that tests import in addition to those of an extra."""

WITHOUT_SERVERS = "not e2e and not s3 and not rgw and not postgres and not mariadb and not redis"
QUICK = f"{WITHOUT_SERVERS} and not slow"

SOURCE_TESTS = (
    "--ignore=tests/docs",
    "--ignore=tests/fuzz",
    "--ignore=tests/test_project.py",
    "--ignore=tests/test_readme.py",
    "--deselect=tests/test_messages.py::test_bad_catalogue_is_found",
)
"""Tests of the source tree and of the pages, which are not in the wheel, are left out."""

EXTRAS = {
    "drf": ("tests/contrib/test_rest_framework.py",),
    "ffmpeg": ("tests/transcoding/test_probing.py", "tests/transcoding/test_audio.py"),
    "heic": ("tests/imaging/test_heic.py",),
    "jinja2": ("tests/test_jinja2.py",),
    "jxl": ("tests/imaging/test_jxl.py",),
    "metrics": ("tests/resizes/test_metrics.py",),
    "names": ("tests/core/test_keys.py",),
    "ninja": ("tests/contrib/test_ninja.py",),
    "pdf": ("tests/sandbox/test_failures.py", "tests/validators/test_rules.py"),
    "sns": ("tests/transcoding/webhook",),
    "strawberry": ("tests/contrib/test_strawberry.py",),
    "svg": ("tests/sandbox/test_svg_worker.py",),
    "tasks": ("tests/transcoding/test_jobs.py",),
    "vips": ("tests/imaging/test_engine_vips.py",),
}
"""Tests of each extra."""

DATABASE_ROOMS = (
    "tests/deletion",
    "tests/fields/test_saving.py",
    "tests/fields/test_stale_saves.py",
    "tests/fields/test_transactions.py",
    "tests/fields/test_partial_rows.py",
    "tests/fields/test_foreign_names.py",
    "tests/importing",
    "tests/direct",
    "tests/collections",
    "tests/transcoding/test_jobs.py",
    "tests/transcoding/test_priority.py",
    "tests/transcoding/test_polling.py",
    "tests/test_legacy_urls.py",
)
"""The tests whose results depend on the database most."""

SERVER_TESTS = (
    "tests/deletion", "tests/direct", "tests/fields", "tests/importing",
    "tests/test_database_servers.py",
)  # fmt: skip
"""The rooms with tests that start a server by themselves."""

PROCESSES = os.environ.get("SHIFT_MEDIA_PROCESSES", "2")

PACKED = {
    "py.typed",
    "locale/ar/LC_MESSAGES/django.mo",
    "locale/de/LC_MESSAGES/django.mo",
    "migrations/0001_initial.py",
    "migrations/0011_one_live_job_everywhere.py",
    "static/shift_media",
    "templates/shift_media",
    "testing/samples",
}
"""Files of the wheel beside its modules, and folders that must have files."""

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = True
nox.options.envdir = str(FOLDER / "environments")


def wheel() -> Path:
    """Return the wheel of the last commit, and unpack the tests of that commit beside it."""
    commit = dist.git("rev-parse", "HEAD").strip()
    folder = WHEELS / commit
    if not folder.exists():
        shutil.rmtree(FOLDER / "wheels", ignore_errors=True)
        epoch = dist.git("log", "-1", "--format=%ct").strip()
        with tempfile.TemporaryDirectory() as temporary:
            built = dist.build(Path(temporary) / "build", epoch)
            copy_project(Path(temporary) / "build" / "source")
            folder.mkdir(parents=True)
            for path in built:
                shutil.copy(path, folder)
    return next(folder.glob("*.whl"))


def copy_project(source: Path) -> None:
    """Copy what the tests use of the project, without the package."""
    shutil.rmtree(COPY, ignore_errors=True)
    shutil.copytree(source, COPY)
    shutil.rmtree(COPY / "shift_media")


class Cell:
    """One environment, and the result of its tests."""

    def __init__(self, session: nox.Session) -> None:
        self.session = session
        self.name = session.name
        self._began = time.monotonic()
        self._wheel = wheel()

    def install(self, *packages: str, extra: str = "") -> None:
        """Install the wheel and packages, and check that nothing else is imported."""
        name = f"{self._wheel}[{extra}]" if extra else str(self._wheel)
        self.session.install(name, *packages)
        program = "import shift_media; print(shift_media.__file__)"
        found = self.session.run("python", "-I", "-c", program, silent=True)
        if "site-packages" not in str(found):
            self.session.error(f"Not the wheel: {found}")

    def run_tests(self, *arguments: str, before: tuple[str, ...] = (), part: str = "") -> None:
        """Run pytest away from the source tree, and note its result whatever it is."""
        report = FOLDER / "report.xml"
        report.unlink(missing_ok=True)
        command = ["python", "-m", "pytest", "-n", PROCESSES, "-q", f"--junitxml={report}"]
        self.session.chdir(COPY)
        try:
            self.session.run(*before, *command, *arguments, *self.session.posargs)
        finally:
            self.note(part, **read_report(report))

    def note(self, part: str = "", **result: object) -> None:
        """Add a line to the results."""
        seconds = round(time.monotonic() - self._began)
        line = {"cell": self.name, "part": part, **result, "seconds": seconds}
        self._began = time.monotonic()
        with RESULTS.open("a") as file:
            file.write(json.dumps(line) + "\n")


def read_report(path: Path) -> dict[str, object]:
    """Return the counts of a run of pytest; a run without a report has failed."""
    if not path.exists():
        return {"tests": 0, "failed": 1, "skipped": 0, "result": "no report"}
    (suite,) = ET.parse(path).getroot().iter("testsuite")
    count = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"] or int(not count["tests"])
    names = [
        f"{case.attrib['classname']}::{case.attrib['name']}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return {
        "tests": count["tests"],
        "failed": failed,
        "skipped": count["skipped"],
        "result": "failed" if failed else "passed",
        "names": names[:20],
    }


@nox.session(python=NEWEST)
def contents(session: nox.Session) -> None:
    """Look into the wheel: templates, static files, migrations, compiled catalogues, marker."""
    cell = Cell(session)
    cell.install()
    program = "import shift_media; print(shift_media.__path__[0])"
    package = Path(str(session.run("python", "-I", "-c", program, silent=True)).strip())
    missing = sorted(name for name in PACKED if not any(files_at(package / name)))
    tracked = dist.git("ls-files", "shift_media").splitlines()
    missing += [name for name in tracked if not (package.parent / name).exists()]
    cell.note(tests=len(tracked) + len(PACKED), failed=len(missing), skipped=0, result="contents")
    if missing:
        session.error(f"The wheel has not: {missing}")


def files_at(path: Path) -> Iterator[Path]:
    """Yield the file at a path, or the files below it."""
    yield from [path] if path.is_file() else (each for each in path.rglob("*") if each.is_file())


@nox.session(python=NEWEST)
def nothing(session: nox.Session) -> None:
    """Run field, view, tags and admin with no extra: `tests.test_default_install` has the site."""
    cell = Cell(session)
    cell.install()
    run_default_site(session)
    cell.note(tests=1, failed=0, skipped=0, result="passed")


def run_default_site(session: nox.Session) -> None:
    """Run the site of the default install in an environment that need not have pytest."""
    source = (COPY / "tests" / "test_default_install.py").read_text()
    program = source.split('PROGRAM = """', 1)[1].split('"""', 1)[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(program)
        session.run("python", "-I", str(path), str(Path(folder) / "media"))


@nox.session
@nox.parametrize("python,django", PAIRS)
def unit(session: nox.Session, django: str) -> None:
    """Run the quick tests on a pair of Python and Django, with the newest of all else."""
    cell = Cell(session)
    backport = ",tasks" if django == "5.2" else ""  # The extra "dev" has it for Python 3.11 alone.
    cell.install(f"Django~={django}.0", extra=f"dev{backport}")
    cell.run_tests("-m", QUICK, *SOURCE_TESTS)


@nox.session(python=OLDEST)
def lowest(session: nox.Session) -> None:
    """Run the quick tests, and those of all extras, with the lowest versions of ``setup.cfg``."""
    cell = Cell(session)
    pins, required = FOLDER / "lowest.txt", FOLDER / "lowest.in"
    required.write_text("\n".join(requirements("all", "tasks")) + "\n")
    command = ["uv", "pip", "compile", "-q", "--resolution", "lowest-direct", "--python", OLDEST]
    session.run(*command, str(required), "-o", str(pins), external=True)
    cell.install("-c", str(pins), extra="all,tasks,dev")
    cell.run_tests("-m", QUICK, *SOURCE_TESTS)
    paths = sorted({path for paths in EXTRAS.values() for path in paths})
    cell.run_tests("-m", f"{WITHOUT_SERVERS} and slow", *paths, part=" (slow tests of the extras)")


def requirements(*extras: str) -> list[str]:
    """Return the direct requirements in ``setup.cfg``, with those of some extras."""
    config = configparser.ConfigParser()
    config.read(COPY / "setup.cfg")
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in extras]
    return [line for text in texts for line in text.strip().splitlines()]


@nox.session(python=NEWEST)
@nox.parametrize("extra", list(EXTRAS))
def extra(session: nox.Session, extra: str) -> None:
    """Run the site and the tests of one extra with nothing else installed."""
    cell = Cell(session)
    cell.install(*TOOLS, extra=extra)
    run_default_site(session)
    cell.run_tests("-m", WITHOUT_SERVERS, *EXTRAS[extra])


@nox.session(python=NEWEST)
@nox.parametrize("database", ["sqlite", "postgres", "mariadb"])
def databases(session: nox.Session, database: str) -> None:
    """Run the rooms that use rows on a database; MariaDB by mysqlclient if it can be built."""
    cell = Cell(session)
    driver = ["mysqlclient"] if database == "mariadb" and shutil.which("mariadb_config") else []
    cell.install(*driver, extra="dev")
    on_server = ("python", "-m", "tests.servers.databases", database)
    before = () if database == "sqlite" else on_server
    cell.run_tests("-m", WITHOUT_SERVERS, *DATABASE_ROOMS, before=before)
    if database != "sqlite":
        cell.run_tests("-m", database, *SERVER_TESTS, part=" (several connections)")


@nox.session
@nox.parametrize(
    "python,django,backport",
    [
        ("3.11", "5.2", "django-tasks"),
        ("3.13", "6.0", ""),
        ("3.13", "6.1", ""),
    ],
)
def tasks(session: nox.Session, django: str, backport: str) -> None:
    """Run the tests of tasks: ``django.tasks``, or its backport on Django 5.2."""
    cell = Cell(session)
    cell.install(f"Django~={django}.0", extra="dev,tasks" if backport else "dev")
    cell.run_tests(
        "-m",
        WITHOUT_SERVERS,
        "tests/transcoding/test_jobs.py",
        "tests/transcoding/test_checks.py",
        "tests/fields/test_ahead.py",
        "tests/fields/test_analysis.py",
        "-k",
        "task or TASK",
    )


def print_table() -> int:
    """Print the results and write them to a file; return 1 if one has failed."""
    if not RESULTS.exists():
        return 0  # The sessions were only listed.
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    TABLE.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{'cell':62} {'tests':>6} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for row in rows:
        counts = f"{row['tests']:6} {row['failed']:7} {row['skipped']:8} {row['seconds']:8}"
        print(f"{row['cell'] + row['part']:62} {counts}")
    cells = len({row["cell"] for row in rows})
    print(f"{cells} cells in {sum(row['seconds'] for row in rows)} s")
    return int(any(row["failed"] for row in rows))


if __name__ == "__main__":
    sys.exit(print_table())
