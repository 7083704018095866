"""The private folders of ffmpeg's runs: locked while their worker lives, swept afterwards."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shift_media.transcoding.backends.ffmpeg.workspace import PREFIX, Workspace
from tests.parts import ROOT

HOLD = """
import sys
from pathlib import Path
from shift_media.transcoding.backends.ffmpeg.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
(workspace.folder / "source.mp4").touch()
print(workspace.folder, flush=True)
sys.stdin.read()
"""


def hold(base: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a worker that has a workspace; return its process and its folder."""
    worker = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(base)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    return worker, Path(worker.stdout.readline().strip())


@pytest.mark.slow
def test_folder_of_killed_worker_is_swept_and_that_of_living_worker_stays(tmp_path: Path) -> None:
    (dead, left), (living, used) = hold(tmp_path), hold(tmp_path)
    dead.kill()
    dead.communicate()
    assert left.exists()
    Workspace(tmp_path).close()
    assert not left.exists()
    assert (used / "source.mp4").exists()
    living.communicate()


def test_folder_is_private_and_can_be_closed_by_another_thread(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert workspace.folder.stat().st_mode & 0o777 == 0o700
    closing = threading.Thread(target=workspace.close)
    closing.start()
    closing.join()
    assert not workspace.folder.exists()
    again = Workspace(tmp_path)  # The lock of the base folder is free.
    again.close()


def test_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    base, victim = tmp_path / "base", tmp_path / "victim"
    base.mkdir()
    victim.write_text("precious")
    Workspace(base).close()
    (lock,) = base.iterdir()
    lock.unlink()
    lock.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic"):
        Workspace(base)
    assert victim.read_text() == "precious"


def test_link_with_name_of_workspace_is_not_swept(tmp_path: Path) -> None:
    base, other = tmp_path / "base", tmp_path / "other"
    base.mkdir()
    other.mkdir()
    (base / f"{PREFIX}link").symlink_to(other)
    Workspace(base).close()
    assert other.exists()
    assert list(other.iterdir()) == []
