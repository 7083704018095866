"""Copies of videos with holes, which a probe reads as it reads the whole file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from shift_media.testing import make_video
from shift_media.transcoding import probing
from shift_media.transcoding.probing import VideoLimits, sparse

LONG = 3_000_000


class Ranged(io.BytesIO):
    """A file that counts the bytes that are read of it."""

    is_read_by_ranges = True
    received = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.received += len(content)
        return content


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of ISO/IEC 14496-12 with a size of 64 bits."""
    return b"\0\0\0\1" + kind + (16 + len(content)).to_bytes(8, "big") + content


@pytest.mark.needs("ffprobe")
@pytest.mark.slow
def test_probe_of_a_long_video_reads_its_headers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "_HEAD_BYTES", 1 << 20)
    short = make_video().read()
    holes = box(b"mdat", bytes(LONG)) + box(b"free", bytes(LONG)) + box(b"skip", bytes(LONG))
    whole = io.BytesIO(short + holes + box(b"udta", b"end"))
    ranged = Ranged(whole.getvalue())
    limits = VideoLimits()
    assert probing.probe_upload(ranged, "mp4", limits) == probing.probe_upload(
        whole, "mp4", limits
    )
    assert ranged.received < 2 << 20


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\x1aE\xdf\xa3" + bytes(100), box(b"moov", b"") * 300],
    ids=["empty", "short", "matroska", "many"],
)
def test_file_of_another_kind_is_read_whole(content: bytes, tmp_path: Path) -> None:
    with (tmp_path / "copy").open("wb") as target:
        assert not sparse.copy_sparsely(io.BytesIO(content), target, len(content))
    assert (tmp_path / "copy").read_bytes() == b""


def test_headers_behind_the_media_are_copied(tmp_path: Path) -> None:
    content = box(b"ftyp", b"mp42") + box(b"mdat", b"x" * 20_000_000) + box(b"moov", b"y" * 99)
    target = tmp_path / "copy"
    with target.open("wb") as file:
        assert sparse.copy_sparsely(io.BytesIO(content), file, len(content))
    copy = target.read_bytes()
    assert len(copy) == len(content)
    assert copy[: 1 << 20] == content[: 1 << 20]
    assert copy[-115:] == content[-115:]
    assert copy[18_000_000:18_000_100] == bytes(100)
