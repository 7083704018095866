"""Copies of videos with holes, which a probe reads as it reads the whole file."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shift_media.testing import make_video
from shift_media.transcoding import probing
from shift_media.transcoding.probing import READERS, VideoLimits, sparse
from shift_media.transcoding.probing.base import ProbeReader
from shift_media.transcoding.probing.sparse_copy import ProbedBytes
from tests.transcoding.conftest import Draw
from tests.transcoding.odd_sources import AAC, LIVE, graph, tone

LONG = 3_000_000
NOISE = "nullsrc=size=64x48:rate=10:duration=20,geq=random(1)*255:128:128"
"""A picture that cannot be compressed, so that all seconds have about as many bytes."""

ORDINARY = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "5", "-g", "10", *AAC]
VP8 = ["-c:v", "libvpx", "-g", "10", "-b:v", "1M", "-c:a", "libopus"]
CLUSTERS = ["-cluster_time_limit", "400"]
FRAGMENTS = ["-frag_duration", "40000", "-movflags"]
LONG_CLIPS: dict[str, list[str]] = {
    "index.mkv": [*ORDINARY, *CLUSTERS],
    "index.webm": [*VP8, *CLUSTERS],
    "index-first.mkv": [*ORDINARY, *CLUSTERS, "-reserve_index_space", "9000"],
    "live.webm": [*VP8, *CLUSTERS, *LIVE],
    "live.mkv": [*ORDINARY, *CLUSTERS, *LIVE],
    "fragments.mp4": [*ORDINARY, *FRAGMENTS, "empty_moov"],
    "fragments-index.mp4": [*ORDINARY, *FRAGMENTS, "empty_moov+default_base_moof+global_sidx"],
    "dash.mp4": [*ORDINARY, *FRAGMENTS, "empty_moov+default_base_moof+dash"],
}
"""Videos of many pieces, as cameras, browsers and packagers write them."""


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
    monkeypatch.setattr(sparse, "LIMITS", ProbedBytes(heads=(1 << 20,)))
    short = make_video().read()
    holes = box(b"mdat", bytes(LONG)) + box(b"free", bytes(LONG)) + box(b"skip", bytes(LONG))
    whole = io.BytesIO(short + holes + box(b"udta", b"end"))
    ranged = Ranged(whole.getvalue())
    limits = VideoLimits()
    assert probing.probe_upload(ranged, "mp4", limits) == probing.probe_upload(
        whole, "mp4", limits
    )
    assert ranged.received < 2 << 20


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", LONG_CLIPS)
def test_facts_of_many_pieces_are_read_from_the_first_and_the_last(
    name: str,
    reader: type[ProbeReader],
    draw: Draw,
    needs: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs("ffprobe")
    monkeypatch.setattr(probing, "READERS", (reader,))
    path = draw(name, *graph(NOISE), *tone(20.5), *LONG_CLIPS[name])
    whole = path.read_bytes()
    share = len(whole) // 20
    limits = ProbedBytes(heads=(1000, 8 * share), tails=(100, share))
    monkeypatch.setattr(sparse, "LIMITS", limits)
    ranged, extension = Ranged(whole), path.suffix[1:]
    expected = probing.probe_upload(io.BytesIO(whole), extension, VideoLimits())
    assert expected
    assert expected.duration == pytest.approx(20.5, abs=0.1)
    found = probing.probe_upload(ranged, extension, VideoLimits())
    assert found
    # FFmpeg measures the rate of fragments by the frames of the head.
    assert found.fps == pytest.approx(expected.fps, rel=0.01)
    assert replace(found, fps=expected.fps) == expected
    assert ranged.received < len(whole) * 0.6


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\x1aE\xdf\xa3" + bytes(100), box(b"moov", b"") * 300],
    ids=["empty", "short", "matroska", "many"],
)
def test_file_of_another_kind_is_read_whole(content: bytes, tmp_path: Path) -> None:
    with (tmp_path / "copy").open("w+b") as target:
        assert not sparse.copy_sparsely(io.BytesIO(content), target, len(content))
    assert (tmp_path / "copy").read_bytes() == b""


def test_headers_behind_the_media_are_copied(tmp_path: Path) -> None:
    content = box(b"ftyp", b"mp42") + box(b"mdat", b"x" * 20_000_000) + box(b"moov", b"y" * 99)
    target = tmp_path / "copy"
    with target.open("w+b") as file:
        assert sparse.copy_sparsely(io.BytesIO(content), file, len(content))
    copy = target.read_bytes()
    assert len(copy) == len(content)
    assert copy[: 1 << 20] == content[: 1 << 20]
    assert copy[-115:] == content[-115:]
    assert copy[18_000_000:18_000_100] == bytes(100)


@pytest.mark.slow
def test_file_of_millions_of_tiny_pieces_costs_little(tmp_path: Path) -> None:
    tracks, cluster = b"\x16\x54\xae\x6b\x80", b"\x1f\x43\xb6\x75\xff\xe7\x81\x00"
    begin = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + tracks
    elements = begin + cluster * 100 + b"\xec\x80" * 1_000_000 + cluster + b"junk" * 5
    fragment = box(b"free", box(b"moof", b""))[16:]
    boxes = box(b"ftyp", b"isom") + (box(b"moov", b"") + fragment * 300)
    boxes += b"\0\0\0\x08free" * 500_000 + b"\0\0\0\x14moof\0\0\0\x10mfhdtfdt" * 50 + b"\xff" * 99
    for content in (elements, boxes):
        began = time.process_time()
        with (tmp_path / "copy").open("w+b") as target:
            assert not sparse.copy_sparsely(io.BytesIO(content), target, len(content))
        # Some seconds on a slow machine; a search that begins anew at each piece takes hours.
        assert time.process_time() - began < 30


@pytest.mark.parametrize("at", [5, 40, 60, 700])
def test_cut_or_damaged_file_is_copied_in_part_or_read_whole(at: int, tmp_path: Path) -> None:
    cluster = b"\x1f\x43\xb6\x75\x8a\xe7\x81\x00\xa3\x85\x81\0\0\x80x"
    begin = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x16\x54\xae\x6b\x80"
    content = begin + cluster * 100
    for damaged in (content[:at], content[:at] + b"\xff" * 20 + content[at + 20 :]):
        with (tmp_path / "copy").open("w+b") as target:
            sparse.copy_sparsely(io.BytesIO(damaged), target, len(damaged))
            target.seek(0, io.SEEK_END)
            assert target.tell() in (0, len(damaged))
