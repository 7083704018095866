"""Fixtures that every test may use, and how missing parts are treated."""

from __future__ import annotations

import copy
import functools
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlparse
from botocore.loaders import create_loader
from django.test import override_settings
from filelock import FileLock

from shift_media.concurrency import locks
from testproject.servers.processes import free_ports
from tests import flushing, parts
from tests.servers import shared
from tests.servers.databases import SERVERS as DATABASE_SERVERS
from tests.servers.databases import database_server
from tests.servers.fixtures import rgw, seaweedfs
from tests.servers.redis import redis
from tests.servers.rgw import RGW
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.sites import s3_proxy, s3_server, s3_site

__all__ = ["database_server", "redis", "rgw", "s3_proxy", "s3_server", "s3_site", "seaweedfs"]

SHARED: dict[str, type[shared.Server]] = {
    **DATABASE_SERVERS,
    "rgw": RGW,
    "seaweedfs": SeaweedFS,
}

hypothesis.settings.register_profile(
    "quick",
    derandomize=True,
    deadline=None,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("quick"), max_examples=300
)
hypothesis.settings.load_profile("thorough" if parts.full() else "quick")

SLOW_IN_CONTRACTS = {
    "test_delete_prefix_and_entries_handle_many_keys",
    "test_put_during_deletion_succeeds_and_next_deletion_removes_it",
}

Needs = Callable[[str], Path]


def _need(name: str) -> Path:
    place = parts.locate(name)
    if place is not None:
        return place
    if parts.full() and name not in parts.excused():
        pytest.fail(f"{parts.missing(name)} (SHIFT_MEDIA_FULL=1 skips nothing)", pytrace=False)
    pytest.skip(parts.missing(name))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rows", action="store_true", help="list the rows of the acceptance list and their tests"
    )
    parser.addoption(
        "--results", type=Path, metavar="FILE", help="write the outcomes of their tests to a file"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Handle Ctrl-C even if a shell has started the run in the background with it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()  # Collection makes a million objects that all stay.
    if not hasattr(config, "workerinput"):  # A test of another run may have started this.
        os.environ.pop("PYTEST_XDIST_WORKER", None)
        parts.script("catalog_backend").compile_catalogs()  # An installation has them compiled.
        if path := config.getoption("--results"):
            from tests.acceptance.results import Recorder

            config.pluginmanager.register(Recorder(path))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers of the run after its last worker."""
    factory: pytest.TempPathFactory | None = getattr(config, "_tmp_path_factory", None)
    if factory is None or hasattr(config, "workerinput"):
        return
    for name, kind in SHARED.items():
        shared.stop(factory.getbasetemp(), name, kind)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the slow tests of the contracts, which know no marker of the project."""
    if getattr(item, "originalname", "") in SLOW_IN_CONTRACTS:
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the long tests and with those in a browser, which one worker runs.

    Other workers steal from the end of its list, so that only this one starts a browser.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("long") is None,
            item.get_closest_marker("e2e") is None,
        )
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Print which tests check which rows: ``pytest --rows --collect-only -qq``."""
    # The collected tests stay until the end: the garbage collector need not look at them again.
    gc.freeze()
    gc.enable()
    if not session.config.getoption("--rows"):
        return
    rows: dict[int, set[str]] = {}
    for item in session.items:
        for mark in item.iter_markers("acceptance"):
            for row in mark.args:
                rows.setdefault(row, set()).add(item.nodeid.partition("[")[0])
    for row in sorted(rows):
        print(row, *sorted(rows[row]), sep="\n   ")  # noqa: T201


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test without a part that it names; fail it in a full run."""
    for mark in item.iter_markers("sqlite"):
        if "SHIFT_MEDIA_DATABASE" in os.environ:
            pytest.skip(mark.args[0])
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            _need(name)


@pytest.fixture
def lock_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a lock file for each key, so that counts do not depend on random keys."""
    monkeypatch.setattr(locks, "_LOCK_FILES", 2**32)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report every other skip in a full run as a failure."""
    report = yield
    excused = any(parts.missing(name) in str(report.longrepr) for name in parts.excused())
    if parts.full() and report.skipped and not hasattr(report, "wasxfail") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped in a full run: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def needs() -> Needs:
    """Return a function that finds a part by name, or skips the test, or fails a full run."""
    return _need


@pytest.fixture(scope="session")
def corpus(needs: Needs) -> Path:
    """Return the folder of real files, with ``hostile``, ``photos`` and ``video`` in it."""
    return needs("corpus")


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that returns a free port on loopback, another one at each call."""
    return lambda: free_ports(1)[0]


@pytest.fixture(scope="session")
def unpacked_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked wheel, which is built once in a run."""
    unpacked = shared.base_folder(tmp_path_factory) / "unpacked-wheel"
    with FileLock(f"{unpacked}.lock"):
        if not unpacked.exists():
            _build_and_unpack(tmp_path_factory.mktemp("wheel"), unpacked)
    return unpacked


def _build_and_unpack(folder: Path, unpacked: Path) -> None:
    source, out = folder / "source", folder / "out"
    source.mkdir()
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(parts.ROOT / "shift_media", source / "shift_media", ignore=skip)
    shutil.copytree(parts.ROOT / "testproject", source / "testproject", ignore=skip)
    shutil.copytree(parts.ROOT / ".ci", source / ".ci", ignore=skip)
    for name in ("setup.cfg", "pyproject.toml", "README.rst", "CHANGELOG.rst", "LICENSE"):
        shutil.copy(parts.ROOT / name, source)
    options = ["--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    built = subprocess.run(
        [sys.executable, "-m", "build", *options], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = out.glob("*.whl")
    shutil.unpack_archive(wheel, unpacked, "zip")


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Create a temporary folder for each worker, because the app keeps a host's locks there."""
    folder = str(tmp_path_factory.mktemp("tmp"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _service_models_read_once() -> Iterator[None]:
    """Share one loader between all sessions of botocore, because each reads megabytes of JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def _statements_parsed_once() -> Iterator[None]:
    """Parse the statement of each SQLite table once, which Django does for each of its columns.

    The parser takes nine tenths of the time of a clean-up or a check of the database.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlparse, "parse", functools.cache(sqlparse.parse))
        yield


@pytest.fixture(scope="session", autouse=True)
def _files_outside_the_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Store the uploads of tests outside the folder of the gallery."""
    with override_settings(STORAGES=_storages_below(tmp_path_factory.mktemp("files"))):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Create the test database, and flush it faster than Django does."""
    with pytest.MonkeyPatch.context() as patch:
        with django_db_blocker.unblock():
            flushing.install(patch.setattr)
        yield


@pytest.fixture
def media_root(tmp_path: Path) -> Iterator[Path]:
    """Return an empty media folder for one test, which ``STORAGES["media"]`` uses."""
    with override_settings(STORAGES=_storages_below(tmp_path)):
        yield tmp_path / "media"


def _storages_below(folder: Path) -> dict[str, dict[str, object]]:
    from django.conf import settings

    storages = copy.deepcopy(settings.STORAGES)
    for alias, config in storages.items():
        if "location" in config.get("OPTIONS", {}):
            config["OPTIONS"]["location"] = folder / alias
    return storages
