"""A site whose workers decode hostile pictures, while many clients ask for good ones."""

from __future__ import annotations

import io
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.storages import LocalMediaStorage
from shift_media.workers.process import IMPORTS
from testproject.servers.processes import Processes, free_ports, is_responding
from tests.imaging import images
from tests.parts import ROOT
from tests.servers.web import is_worker, tree
from tests.workers import hostile
from tests.workers.conftest import bad, good

pytestmark = [pytest.mark.slow, pytest.mark.needs("gunicorn")]

CLIENTS = 32
SIZES = range(10, 20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Return a site on gunicorn, in two processes of 20 threads, with two workers each."""
    folder = tmp_path_factory.mktemp("hostile-site")
    storage = LocalMediaStorage(folder / "media", base_url="/media/")
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DJANGO_SETTINGS_MODULE": "tests.workers.site_settings",
        "TEST_SITE": str(folder),
        IMPORTS: hostile.__name__,
    }
    processes = Processes(folder / "gunicorn.log")
    command = [sys.executable, "-m", "gunicorn", "testproject.wsgi", f"--bind=127.0.0.1:{port}"]
    options = ["--workers=2", "--threads=20", "--preload", "--log-level=warning"]
    processes.start([*command, *options], cwd=ROOT, env=environment)

    def add(content: io.BytesIO) -> str:
        key = str(new_original_key("photo", "png"))
        storage.put(key, content, content_type="image/png")
        return key

    def url(key: str, size: str) -> str:
        return f"http://127.0.0.1:{port}{builder.build(key, size, storage=storage).url}"

    try:
        processes.wait(lambda: is_responding(f"http://127.0.0.1:{port}/media/x"), "gunicorn")
        yield SimpleNamespace(add=add, url=url, processes=processes)
    finally:
        processes.stop(gently=True)


def ask(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.acceptance(80)
def test_no_good_request_fails_beside_hostile_pictures(site: SimpleNamespace) -> None:
    hostile_urls = [site.url(site.add(bad(name)), "9x") for name in ("hang", "eat", "abort")]
    originals = [site.add(good(64 + number)) for number in range(4)]
    wanted = [(site.url(key, f"{side}x"), side) for key in originals for side in SIZES]
    with ThreadPoolExecutor(CLIENTS + len(hostile_urls)) as clients:
        failures = [clients.submit(ask, url) for url in hostile_urls * 2]
        answers = list(clients.map(ask, [url for url, _ in wanted]))
    for (status, content), (_, side) in zip(answers, wanted, strict=True):
        assert status == 200
        assert images.opened(content).width == side
    hang, eat, abort = ({f.result()[0] for f in failures[n::3]} for n in range(3))
    assert (hang, eat, abort) == ({422}, {503}, {422})


def test_stopped_server_leaves_no_worker(site: SimpleNamespace) -> None:
    ask(site.url(site.add(good()), "8x"))
    started = workers_of(site.processes.pids[0])
    assert started
    site.processes.stop(gently=True)
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]


def workers_of(server: int) -> list[int]:
    """Return the workers of all processes of a server."""
    return [pid for pid in tree([server]) if is_worker(pid)]
