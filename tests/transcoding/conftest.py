"""Small videos drawn by ffmpeg, rows with them, and the files in the storage."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, connections
from django.dispatch import Signal
from filelock import FileLock

from shift_media import signals
from shift_media.transcoding import probing
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.probing import VideoLimits
from shift_media.transcoding.services import Worker
from shift_media.video.facts import VideoFacts
from tests.kept import FOLDER
from tests.servers.shared import base_folder
from tests.testapp.models import Film

Draw = Callable[..., Path]
NewFilm = Callable[..., Film]


@pytest.fixture(scope="session")
def draw(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Draw:
    """Return a function that draws a video by ffmpeg; later runs use it again."""
    program, base = needs("ffmpeg"), base_folder(tmp_path_factory)
    made_by = f"{program} {program.stat().st_size} {program.stat().st_mtime_ns}"

    def draw(name: str, *arguments: str) -> Path:
        # Two tests may draw different videos of the same name.
        drawing = hashlib.sha256("\0".join([made_by, *arguments]).encode()).hexdigest()[:16]
        of_this_run = any(str(base) in argument for argument in arguments)
        path = (base if of_this_run else FOLDER) / "clips" / drawing / name
        part = path.parent.with_name(f"{drawing}-part") / name
        for folder in (path.parent, part.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path.parent}.lock"):
            if not path.exists():
                command = [program, "-nostdin", "-loglevel", "error", "-y", *arguments, part]
                subprocess.run(command, check=True)
                part.replace(path)
        return path

    return draw


def pattern(size: str = "160x120", seconds: float = 1, rate: int = 10) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}"]


def sound(seconds: float = 1, layout: str = "stereo") -> list[str]:
    source = f"sine=duration={seconds},aformat=channel_layouts={layout}"
    return ["-f", "lavfi", "-i", source, "-c:a", "aac"]


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


@pytest.fixture(scope="session")
def clip(draw: Draw) -> Path:
    """Draw a second of video with sound."""
    return draw("clip.mp4", *pattern(), *sound(), *H264)


@pytest.fixture
def new_film(media_root: Path, clip: Path) -> NewFilm:
    """Return a function that saves a row with a video, which submits its job."""

    def new(path: Path = clip, name: str = "", **values: object) -> Film:
        return save_film(ContentFile(path.read_bytes(), name or path.name), **values)

    return new


def save_film(file: ContentFile[bytes], **values: object) -> Film:
    """Save a row with a video that is probed once, however many rows it is saved in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "probe_upload", probed_once)
        return Film.objects.create(video=file, **values)


_probe_upload = probing.probe_upload
_facts: dict[tuple[str, str, VideoLimits, str], VideoFacts | None] = {}


def probed_once(
    file: BinaryIO, extension: str, limits: VideoLimits, formats: str = probing.FORMATS
) -> VideoFacts | None:
    """Return the facts of an upload; start a process only once for the same content."""
    if not probing.is_available():
        return _probe_upload(file, extension, limits, formats)
    file.seek(0)
    key = (hashlib.sha256(file.read()).hexdigest(), extension, limits, formats)
    if key not in _facts:
        _facts[key] = _probe_upload(file, extension, limits, formats)
    return _facts[key]


@pytest.fixture
def film(new_film: NewFilm) -> Film:
    """Save the second of video."""
    return new_film()


def work() -> None:
    """Run all jobs that are due."""
    worker = Worker()
    while worker.run_one():
        pass


@pytest.fixture
def stored(media_root: Path) -> Callable[[], list[str]]:
    """Return a function that lists the stored keys."""

    def keys() -> list[str]:
        files = (path for path in media_root.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(media_root)) for path in files)

    return keys


@pytest.fixture
def completed() -> Iterator[list[int]]:
    """Collect the primary keys of the jobs that ``transcode_completed`` was sent for."""
    yield from received(signals.transcode_completed)


@pytest.fixture
def failed() -> Iterator[list[int]]:
    """Collect the primary keys of the jobs that ``transcode_failed`` was sent for."""
    yield from received(signals.transcode_failed)


def received(signal: Signal) -> Iterator[list[int]]:
    pks: list[int] = []

    def receive(job: TranscodeJob, **kwargs: object) -> None:
        pks.append(job.pk)

    signal.connect(receive)
    yield pks
    signal.disconnect(receive)


@pytest.fixture
def drop(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that drops the connection once a job is committed as complete.

    The database stays away for some more queries.
    """

    def drop(queries: int) -> None:
        connection = connections["default"]
        commit, cursor = connection._commit, connection.cursor
        left = [0]

        def commit_and_drop() -> None:
            is_complete = TranscodeJob.objects.filter(state=State.COMPLETE).exists()
            commit()
            if is_complete and connection._commit is commit_and_drop:
                monkeypatch.setattr(connection, "_commit", commit)
                left[0] = queries
                raise OperationalError("server closed the connection unexpectedly")

        def cursor_unless_away() -> Any:
            if left[0]:
                left[0] -= 1
                raise OperationalError("could not connect to server")
            return cursor()

        monkeypatch.setattr(connection, "_commit", commit_and_drop)
        monkeypatch.setattr(connection, "cursor", cursor_unless_away)

    return drop


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check after each test that no private folder and no process of ffmpeg is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    yield
    ours = ("shift_media-transcode-", "shift_media-probe-")
    left = [path.name for path in scratch.iterdir() if path.name.startswith(ours)]
    assert [name for name in left if not name.endswith(".lock")] == []
    assert children_in(scratch) == []


def children_in(folder: Path) -> list[str]:
    """Return the commands of processes whose working directory is below a folder."""
    commands = []
    for process in (Path("/proc", name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            if os.readlink(process / "cwd").startswith(str(folder)):
                commands.append((process / "cmdline").read_text())
        except OSError:  # The process has ended meanwhile.
            continue
    return commands
