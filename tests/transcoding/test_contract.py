"""The transcoder contract: broken transcoders fail exactly the clause that they break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shift_media.storages import LocalMediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import TranscoderContract
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.base import Job, Transcoder
from shift_media.video.profiles import Profile, parse_profile
from tests.transcoding.broken import BROKEN, CopyService, CopyTranscoder

CLAUSES = [name for name in vars(TranscoderContract) if name.startswith("test_")]
MP4 = b"\0\0\0\x18ftypmp42" + bytes(100)


class CopyContract(TranscoderContract):
    __test__ = False
    patience = 5.0

    def __init__(self, kind: Callable[[CopyService], Transcoder], folder: Path) -> None:
        self._kind, self._folder, self._service = kind, folder, CopyService()

    def make_transcoder(self) -> Transcoder:
        return self._kind(self._service)

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self._folder, base_url="https://cdn.example/", fsync=False)

    def make_video(self) -> bytes:
        return MP4

    def finish(self, job: Job) -> None:
        self._service.finish()

    def count_jobs(self) -> int:
        return len(self._service.jobs)


def failing_clauses(kind: Callable[[CopyService], Transcoder], folder: Path) -> dict[str, str]:
    """Return the message of each clause that a transcoder fails."""
    messages = {}
    for clause in CLAUSES:
        try:
            getattr(CopyContract(kind, folder), clause)()
        except AssertionError as error:
            messages[clause] = str(error)
    return messages


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_broken_transcoder_fails_exactly_the_clauses_that_it_breaks(
    kind: Any, tmp_path: Path
) -> None:
    messages = failing_clauses(kind, tmp_path)
    assert set(messages) == set(kind.caught_by), messages
    assert all(messages.values()), "a clause fails without saying why"


def test_sound_transcoder_fails_no_clause(tmp_path: Path) -> None:
    assert failing_clauses(CopyTranscoder, tmp_path) == {}


def test_each_clause_is_broken_by_some_transcoder() -> None:
    assert {clause for kind in BROKEN for clause in kind.caught_by} == set(CLAUSES)  # type: ignore[attr-defined]


def test_contract_without_hooks_says_which_one_is_missing() -> None:
    contract = TranscoderContract()
    for hook in ("make_transcoder", "make_storage", "make_video"):
        with pytest.raises(NotImplementedError, match=hook):
            getattr(contract, hook)()


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
class TestFFmpeg(TranscoderContract):
    """The contract with real ffmpeg, on local disk."""

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path, clip: Path) -> None:
        self.folder, self.video = tmp_path / "media", clip.read_bytes()

    def make_transcoder(self) -> Transcoder:
        return FFmpeg()

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="/media/", fsync=False)

    def make_video(self) -> bytes:
        return self.video


@pytest.mark.needs("ffmpeg")
class TestFFmpegWithAllKinds(TestFFmpeg):
    """The contract with each kind of rendition."""

    def make_profile(self) -> Profile:
        return parse_profile(
            "all",
            {
                "480p.mp4": {"kind": "mp4", "height": 480},
                "hls.m3u8": {"kind": "hls", "heights": [480]},
                "_poster.jpg": {"kind": "poster"},
                "preview.vtt": {"kind": "sprite"},
                "audio.m4a": {"kind": "audio"},
            },
        )
