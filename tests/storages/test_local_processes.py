"""The local storage with several processes, killed ones, and a full or read-only disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shift_media.storages import LocalMediaStorage
from shift_media.storages.local import TEMPORARY
from shift_media.testing.steps import fetch_bytes, list_keys

PREPARE = """
import io, sys, time
from django.conf import settings
settings.configure(SECRET_KEY="x", USE_TZ=True)
from shift_media.core.errors import StorageError
from shift_media.storages import LocalMediaStorage
from shift_media.testing.steps import fetch_bytes, list_keys, put_bytes
storage = LocalMediaStorage(sys.argv[1], base_url="/media/")
"""


def start(
    code: str, folder: Path, *prefix: str, args: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-c", PREPARE + code, str(folder), *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return output


@pytest.fixture
def storage(tmp_path: Path) -> LocalMediaStorage:
    return LocalMediaStorage(tmp_path, base_url="/media/")


WITHOUT_LINKS = """
import errno, os
def refuse(*args, **kwargs):
    raise OSError(errno.EPERM, "Operation not permitted")
os.link = refuse
"""


@pytest.mark.slow
@pytest.mark.acceptance(45)
@pytest.mark.parametrize(
    ("file_system", "left"),
    [("", []), (WITHOUT_LINKS, ["rename.lock"])],
    ids=["hard links", "no hard links"],
)
def test_processes_writing_same_keys_store_each_once(
    storage: LocalMediaStorage, tmp_path: Path, file_system: str, left: list[str]
) -> None:
    code = (
        f"""
{file_system}"""
        """
me = sys.argv[2]
sys.stdin.readline()
for number in range(100):
    if put_bytes(storage, f"a/{number}", me.encode() * 50_000):
        print(number)
"""
    )
    command = [sys.executable, "-c", PREPARE + code, str(tmp_path)]
    writers = {
        me: subprocess.Popen(
            [*command, me], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for me in "ABC"
    }
    for writer in writers.values():
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    written = {me: finish(writer).split() for me, writer in writers.items()}
    assert sorted(int(n) for numbers in written.values() for n in numbers) == list(range(100))
    for me, numbers in written.items():
        assert all(
            fetch_bytes(storage, f"a/{number}") == me.encode() * 50_000 for number in numbers
        )
    assert os.listdir(tmp_path / TEMPORARY) == left


@pytest.mark.slow
@pytest.mark.acceptance(40)
def test_killed_writer_leaves_only_a_temporary_file_that_is_swept(
    storage: LocalMediaStorage, tmp_path: Path
) -> None:
    code = """
from shift_media.testing.contents import Stream
content = Stream(10**12, watch=lambda: (print("writing", flush=True), time.sleep(0.02)))
storage.put("a/b", content, content_type="image/jpeg")
"""
    writer = start(code, tmp_path)
    assert writer.stdout
    for _ in range(5):
        assert writer.stdout.readline() == "writing\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=60)
    assert storage.stat("a/b") is None
    assert list_keys(storage, "") == []
    (left,) = (tmp_path / TEMPORARY).iterdir()
    assert storage.sweep_temporary() == 0
    os.utime(left, (time.time() - 100_000,) * 2)
    assert storage.sweep_temporary() == 1
    assert not left.exists()


CANNOT_WRITE = """
def cannot_write(key):
    try:
        put_bytes(storage, key, b"x" * 3_000_000)
    except StorageError as error:
        print(error)
    else:
        raise SystemExit("it was written")
    assert storage.stat(key) is None
"""


@pytest.mark.slow
@pytest.mark.acceptance(19)
def test_put_over_file_size_limit_raises_and_leaves_nothing(tmp_path: Path) -> None:
    code = """
import resource
put_bytes(storage, "a/small", b"x")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
cannot_write("a/b")
assert list_keys(storage, "") == ["a/small"]
assert fetch_bytes(storage, "a/small") == b"x"
"""
    assert "File too large" in finish(start(CANNOT_WRITE + code, tmp_path))
    assert os.listdir(tmp_path / TEMPORARY) == []


@pytest.fixture
def own_mounts(tmp_path: Path) -> tuple[str, ...]:
    """Return the start of a command that runs with a disk of 2 MB mounted in the test's folder."""
    namespace = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "-r", "--mount")
    mount = f'mount -t tmpfs -o size=2m tmpfs "{tmp_path}" && exec "$@"'
    prefix = (*namespace, "sh", "-c", mount, "sh")
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let the tests mount a small disk")
    return prefix


@pytest.mark.slow
@pytest.mark.acceptance(19)
def test_full_or_read_only_disk_raises_and_keeps_stored_files(
    tmp_path: Path, own_mounts: tuple[str, ...]
) -> None:
    code = """
import os, subprocess
put_bytes(storage, "a/small", b"x")
cannot_write("a/large")
assert os.listdir(f"{sys.argv[1]}/.tmp") == [], "a temporary file was left"
put_bytes(storage, "a/other", b"x" * 1_000_000)
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
cannot_write("a/c")
assert fetch_bytes(storage, "a/small") == b"x"
for call in (storage.delete, lambda key: storage.delete_prefix("a/")):
    try:
        call("a/small")
    except StorageError as error:
        print(error)
    else:
        raise SystemExit("it was deleted")
assert list_keys(storage, "") == ["a/other", "a/small"]
"""
    output = finish(start(CANNOT_WRITE + code, tmp_path, *own_mounts))
    assert output.count("No space left on device") == 1
    assert output.count("Read-only file system") == 3
