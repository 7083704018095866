"""Single flight, the limiter and the TTL cache, with real threads and real processes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.test import Client, override_settings

from shift_media.concurrency import locks, shared
from shift_media.concurrency.limiter import Limiter
from shift_media.concurrency.locks import LEASE_SECONDS
from shift_media.concurrency.single_flight import SingleFlight
from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.core.errors import Busy
from shift_media.core.keys import parse_original_key
from shift_media.resizes import making, service
from shift_media.resizes.resize import Resize
from shift_media.resizes.stored import StoredResize
from shift_media.storages import LocalMediaStorage
from testproject.servers.processes import is_responding
from tests.parts import ROOT
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.waiting import wait_until

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Site = Callable[..., CountingStorage]


class DownCache(BaseCache):
    """A shared cache whose server is down."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def _down(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("no cache server")

    add = get = set = touch = delete = _down


def shared_cache(tmp_path: Path) -> dict[str, Any]:
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(tmp_path / "cache"),
        }
    }


def environment(root: Path, **more: str) -> dict[str, str]:
    settings = {"DJANGO_SETTINGS_MODULE": "tests.resizes.processes", "TEST_SITE": str(root)}
    return {**os.environ, "PYTHONPATH": str(ROOT), **settings, **more}


def answers_on(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server stopped"
    return is_responding(f"http://127.0.0.1:{port}/media/ping")


@pytest.fixture
def two_processes(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "testproject.wsgi", f"--bind=127.0.0.1:{port}",
         "--workers=2", "--threads=20", "--worker-connections=24", "--log-level=warning",
         f"--chdir={ROOT}"],
        env=environment(tmp_path),
    )  # fmt: skip
    try:
        wait_until(lambda: answers_on(port, process))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
@pytest.mark.acceptance(14)
def test_32_requests_over_two_processes_make_one_resize(
    two_processes: str, site: Site, add: Add, resize_of: ResizeOf, tmp_path: Path
) -> None:
    site()
    first = two_processes + resize_of(add(), "20x").url

    def calls() -> list[list[str]]:
        return [line.split() for line in (tmp_path / "calls.log").read_text().splitlines()]

    def both_answer() -> bool:
        urllib.request.urlopen(first).close()
        return len({process for process, *_ in calls()}) == 2

    wait_until(both_answer)
    key = add(picture(size=(4000, 3000)))
    urls = [two_processes + resize_of(key).url] * 32
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda url: urllib.request.urlopen(url).read(), urls))
    assert len(set(answers)) == 1
    assert answers[0].startswith(b"\xff\xd8")
    counted = Counter((call, name) for _, call, name in calls())
    resize = resize_of(key).key
    assert counted["fetch", key] == 1
    assert counted["put", resize] == 1
    assert len({process for process, *rest in calls() if rest == ["stat", resize]}) == 2


@pytest.mark.slow
@pytest.mark.acceptance(15)
def test_lock_of_killed_process_is_free_at_once(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, tmp_path: Path
) -> None:
    resize = resize_of(add())
    code = (
        "import django, sys, time; django.setup()\n"
        "from shift_media.concurrency.locks import file_lock\n"
        "with file_lock(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, resize.key], env=environment(tmp_path), stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(resize.ensure)
            time.sleep(0.5)
            assert not waiting.done()
            os.kill(holder.pid, signal.SIGKILL)
            assert waiting.result(60) is True
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close() if holder.stdout else None


@pytest.mark.acceptance(15)
def test_another_host_takes_over_when_lease_ends(
    storage: CountingStorage,
    add: Add,
    resize_of: ResizeOf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert LEASE_SECONDS <= 30
    monkeypatch.setattr(locks, "LEASE_SECONDS", 1)
    resize = resize_of(add())
    with override_settings(CACHES=shared_cache(tmp_path)):
        started = time.monotonic()
        caches["default"].add(f"shift_media:lock:{shared.digest(resize.key)}", "dead host", 1)
        assert resize.ensure() is True
        assert 0.5 < time.monotonic() - started < 30


@pytest.mark.acceptance(15)
def test_resize_is_made_while_shared_cache_is_down(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, caplog: pytest.LogCaptureFixture
) -> None:
    down = {"default": {"BACKEND": f"{__name__}.DownCache"}}
    with override_settings(CACHES=down):
        assert resize_of(add()).ensure() is True
    assert "shared cache failed" in caplog.text


def test_resize_is_made_without_private_lock_folder(
    site: Site, add: Add, resize_of: ResizeOf, lock_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock_dir.mkdir(mode=0o777)
    lock_dir.chmod(0o777)
    site()
    key = add(picture()[:2000])
    assert resize_of(add()).ensure() is True
    for _ in range(2):
        assert Client().get(resize_of(key).url).status_code == 422
    assert "not a folder of this user alone" in caplog.text
    assert not list(lock_dir.iterdir())


def test_two_hosts_with_shared_cache_make_one_resize(
    site: Site, add: Add, resize_of: ResizeOf, tmp_path: Path
) -> None:
    """Two instances stand for two hosts, which share nothing but a cache and a storage."""
    storage = site()
    key = add(picture(size=(3000, 2000)))
    resize = resize_of(key)
    with override_settings(CACHES=shared_cache(tmp_path)):
        delivered = [
            SingleFlight[StoredResize]().run(
                resize.key,
                lambda: making._make_one(service.verify(resize.key), storage),
            )[0]
            for _ in range(2)
        ]
    assert [one.made for one in delivered] == [True, False]
    assert storage.calls["put"] == 1


@pytest.mark.slow
@pytest.mark.acceptance(16)
def test_storm_of_resizes_is_bounded_and_surplus_gets_retry_after(
    site: Site, add: Add, resize_of: ResizeOf
) -> None:
    site(shift_media={"CONCURRENCY": 2, "QUEUE": 6})
    key = add(picture(size=(4000, 3000)))
    urls = [resize_of(key, f"{width}x").url for width in range(1000, 1064)]
    start = threading.Barrier(64)

    def get(url: str) -> Any:
        start.wait()
        response = Client().get(url)
        list(response)
        return response

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(get, urls))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 8
    assert all(answer["Retry-After"] for answer in answers if answer.status_code == 503)


@pytest.mark.acceptance(16)
@pytest.mark.acceptance(81)
def test_limiter_gives_a_free_slot_to_the_thread_that_waits() -> None:
    """A semaphore leaves it to this thread, which takes it again at once."""
    limiter, order = Limiter(1, 9, 60), list[str]()

    def work() -> None:
        with limiter.slot():
            order.append("waited")

    waiting = threading.Thread(target=work)
    with limiter.slot():
        waiting.start()
        wait_until(lambda: limiter._waiting)
    for _ in range(3):
        with limiter.slot():
            order.append("came later")
    waiting.join()
    assert order[0] == "waited"


def test_slot_of_a_thread_that_is_stopped_while_it_waits_is_not_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stopped(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            raise SystemExit

    limiter = Limiter(1, 1, 60)
    with limiter.slot(), monkeypatch.context() as patch:
        patch.setattr("threading.Event", Stopped)
        with pytest.raises(SystemExit), limiter.slot():
            pass
    with limiter.slot():
        pass


def test_limiter_never_has_more_at_work_than_slots() -> None:
    limiter, working, most = Limiter(2, 100, 60), [], []

    def work() -> None:
        with limiter.slot():
            working.append(1)
            most.append(len(working))
            time.sleep(0.01)
            working.pop()

    with ThreadPoolExecutor(20) as pool:
        for future in [pool.submit(work) for _ in range(40)]:
            future.result()
    assert max(most) == 2


def test_slot_that_is_not_free_in_time_raises_busy() -> None:
    limiter = Limiter(1, 1, 0.05)
    with limiter.slot(), pytest.raises(Busy), limiter.slot():
        pass
    with limiter.slot():
        pass


def test_failure_is_raised_for_all_waiting_and_next_call_tries_again() -> None:
    single_flight: SingleFlight[str] = SingleFlight()
    started, release = threading.Event(), threading.Event()

    def fail() -> str:
        started.set()
        release.wait(60)
        raise Busy("once")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(single_flight.run, "key", fail)
        assert started.wait(60)
        second = pool.submit(single_flight.run, "key", lambda: "never")
        wait_until(lambda: single_flight._futures["key"]._condition._waiters)  # type: ignore[attr-defined]
        release.set()
        assert isinstance(first.exception(60), Busy)
        assert isinstance(second.exception(60), Busy)
    assert single_flight.run("key", lambda: "made") == ("made", True)


def test_stopped_maker_raises_busy_for_waiting_callers() -> None:
    single_flight: SingleFlight[str] = SingleFlight()
    started, release = threading.Event(), threading.Event()

    def stop() -> str:
        started.set()
        release.wait(60)
        raise SystemExit(1)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(single_flight.run, "key", stop)
        assert started.wait(60)
        second = pool.submit(single_flight.run, "key", lambda: "never")
        wait_until(lambda: single_flight._futures["key"]._condition._waiters)  # type: ignore[attr-defined]
        release.set()
        assert isinstance(second.exception(60), Busy)
        assert isinstance(first.exception(60), SystemExit)


def test_expired_entries_are_missing_and_swept(tmp_path: Path) -> None:
    with override_settings(SHIFT_MEDIA={"LOCK_DIR": tmp_path / "locks"}):
        short = TTLCache("short", seconds=60)
        short.set("key", "text")
        assert short.get("key") == "text"
        assert short.get("other") is None
        folder = tmp_path / "locks" / "short"
        for path in folder.iterdir():
            os.utime(path, (time.time() - 61,) * 2)
        assert short.get("key") is None
        short.set("second", "text")
        names = {path.name for path in folder.iterdir()}
        assert names == {".swept", shared.digest("short", "second")}


@pytest.mark.slow
def test_local_storage_does_not_import_boto3() -> None:
    code = (
        "import django, sys; django.setup(); import shift_media.resizes.views\n"
        "print('boto3' in sys.modules)"
    )
    seen = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(ROOT / "var"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout == "False\n"


def test_original_is_unchanged_by_resize(
    storage: LocalMediaStorage, add: Add, resize_of: ResizeOf
) -> None:
    content = picture()
    key = add(content)
    resize_of(key).ensure()
    assert storage.fetch(key).read() == content
    assert parse_original_key(key).prefix in resize_of(key).key
    assert io.BytesIO(content).read(2) == b"\xff\xd8"
