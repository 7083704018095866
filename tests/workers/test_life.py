"""How workers start, end, and are replaced."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from shift_media.core.errors import Busy, OutOfResources, Undecodable
from shift_media.core.spec import Spec
from shift_media.workers import isolated, process
from shift_media.workers.loop import ORPHAN_SECONDS
from shift_media.workers.pool import Pool
from shift_media.workers.process import WorkerOptions
from tests.imaging import images, processes
from tests.waiting import wait_until
from tests.workers.conftest import Workers, bad, good, make

JOBS = 100


def exists(pid: int) -> bool:
    """Return True for a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_worker_starts_with_the_first_picture_and_is_used_again(workers: Workers) -> None:
    pool = workers(WORKERS=2)
    started = pool.pids
    assert len(started) <= 1
    make(good())
    first = pool.pids
    make(good())
    assert (len(first), pool.pids) == (1, first)


@pytest.mark.slow
def test_worker_killed_between_pictures_is_replaced(workers: Workers) -> None:
    pool = workers()
    make(good())
    (first,) = pool.pids
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not exists(first))
    assert make(good()).width == 20
    assert pool.pids != [first]


@pytest.mark.slow
def test_group_of_a_worker_is_killed_only_before_it_was_waited_for(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[tuple[int, bool]] = []

    def killpg(group: int, number: int) -> None:
        killed.append((group, Path(f"/proc/{group}").exists()))

    pool = workers()
    monkeypatch.setattr(process.os, "killpg", killpg)
    with pytest.raises(Undecodable, match="SIGABRT"):
        make(bad("abort"))
    assert killed
    assert all(is_there for _, is_there in killed)
    make(good())
    (idle,) = pool.pids
    os.kill(idle, signal.SIGKILL)
    wait_until(lambda: not exists(idle))
    make(good())  # finds that it has ended, and waits for it
    assert idle not in [group for group, _ in killed]
    monkeypatch.undo()


@pytest.mark.slow
def test_picture_of_a_worker_killed_meanwhile_is_made_by_another(workers: Workers) -> None:
    pool = workers(WORKER_SECONDS=60)
    make(good())
    (first,) = pool.pids
    with ThreadPoolExecutor(1) as thread:
        hanging = thread.submit(make, bad("hang"))
        wait_until(lambda: len(os.listdir(f"/proc/{first}/fd")) == 4)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: pool.pids not in ([first], []))
        (second,) = pool.pids
        wait_until(lambda: len(os.listdir(f"/proc/{second}/fd")) == 4)
        assert not hanging.done()
        os.kill(second, signal.SIGKILL)
        with pytest.raises(OutOfResources, match="SIGKILL"):
            hanging.result(60)


@pytest.mark.slow
def test_results_survive_a_storage_that_is_slower_than_the_time_of_a_picture(
    workers: Workers,
) -> None:
    workers(WORKER_SECONDS=1)
    noise = Image.frombytes("RGB", (500, 500), os.urandom(750_000))
    wanted = [(Spec.make(size, format="png"), None) for size in ("480x", "490x")]
    made = isolated.make_many(BytesIO(images.encoded(noise, "png")), wanted)
    first = next(made)
    time.sleep(1 + ORPHAN_SECONDS + 0.2)  # The second one is more than the connection holds.
    assert [each.width for each in (first, *made)] == [480, 490]


def test_caller_that_finds_no_free_worker_is_told_so() -> None:
    pool = Pool(1, 0.01, WorkerOptions.from_settings())
    with (
        pool.worker(),
        pytest.raises(Busy, match="None of 1 worker processes"),
        pool.worker(),
    ):
        pass


def test_damaged_picture_costs_no_worker(workers: Workers) -> None:
    pool = workers()
    make(good())
    first = pool.pids
    content = good().getvalue()
    with pytest.raises(Undecodable):
        make(BytesIO(content[: len(content) // 2]))
    assert pool.pids == first


@pytest.mark.slow
def test_large_worker_is_replaced(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = workers()
    make(good())
    first = pool.pids
    monkeypatch.setattr(process, "MAX_IDLE_BYTES", 1)
    make(good())
    assert pool.pids == []
    monkeypatch.undo()
    make(good())
    assert pool.pids != first


@pytest.mark.slow
def test_hundred_pictures_leak_neither_descriptors_nor_memory(workers: Workers) -> None:
    pool = workers()
    for _ in range(5):
        make(good())
    (pid,) = pool.pids

    def used() -> tuple[int, int, int]:
        resident = process._resident_bytes(pid) >> 20
        return len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{pid}/fd")), resident

    before = used()
    for number in range(JOBS):
        make(good(64 + number % 7))
    after = used()
    assert pool.pids == [pid]
    assert after[:2] == before[:2]
    assert after[2] <= before[2] + 2


@pytest.mark.slow
def test_worker_has_limits_no_secrets_and_no_descriptors_of_the_server(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with open("/dev/null") as file:
        os.set_inheritable(file.fileno(), True)
        pool = workers(WORKER_MEMORY=300 << 20)
        make(good())
        (pid,) = pool.pids
    limits = Path(f"/proc/{pid}/limits").read_text()
    soft = {line[:26].strip(): line[26:47].strip() for line in limits.splitlines()}
    assert soft["Max address space"] == str(300 << 20)
    assert soft["Max open files"] == "4"
    assert soft["Max core file size"] == "0"
    assert 0 < int(soft["Max cpu time"]) < 60
    assert len(os.listdir(f"/proc/{pid}/fd")) == 3
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"DJANGO" not in environment
    assert "django" not in Path(f"/proc/{pid}/maps").read_text()
    assert os.getsid(pid) == pid


SERVER = """
import django, json, os, threading; django.setup()
from django.test import override_settings
from shift_media.workers.pool import current_pool
from tests.workers.conftest import bad, good, make
os.environ["SHIFT_MEDIA_WORKER_IMPORTS"] = "tests.workers.hostile"
settings = {"WORKERS": 2, "WORKER_SECONDS": 1, "ENGINE": "pillow"}
override_settings(SHIFT_MEDIA=settings).enable()
make(good())
pids = current_pool().pids
if not os.fork():
    make(good())
    own = current_pool().pids
    os._exit(0 if len(own) == 1 and own != pids else 1)
status = os.wait()[1]
make(good())
is_same = current_pool().pids == pids
while len(current_pool().pids) < 2:
    threading.Thread(target=make, args=[bad("hang")], daemon=True).start()
    make(good())
print(json.dumps([status, is_same, current_pool().pids]), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_forked_server_has_workers_of_its_own_and_a_killed_one_leaves_none() -> None:
    ended = processes.start(SERVER)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    status, is_same, pids = json.loads(ended.stdout)
    assert status == 0
    assert is_same
    assert len(pids) == 2
    # The worker that waits sees its connection close; the one that hangs has its own clock.
    wait_until(lambda: not any(map(exists, pids)))


@pytest.mark.slow
def test_interpreter_without_pillow_is_named(
    workers: Workers, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "python3"
    script.write_text("#!/bin/sh\necho no module named PIL >&2\nexit 1\n")
    script.chmod(0o755)
    workers(WORKER_PYTHON=str(script))
    with pytest.raises(OutOfResources, match="WORKER_PYTHON"):
        make(good())
    assert "no module named PIL" in caplog.text


@pytest.mark.slow
def test_interpreter_that_does_not_exist_is_named(workers: Workers) -> None:
    workers(WORKER_PYTHON="/nowhere/python3")
    with pytest.raises(OutOfResources, match="/nowhere/python3"):
        make(good())
