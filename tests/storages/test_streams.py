"""Streams that are read as seekable files while they arrive."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.errors import SourceTruncated
from shift_media.storages.streams import SeekableStream

CONTENT = bytes(range(256)) * 40


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 12_000), st.integers(-1, 4_000))))
def test_stream_reads_like_the_file_and_receives_no_more(reads: list[tuple[int, int]]) -> None:
    file, furthest = BytesIO(CONTENT), 0
    with SeekableStream(BytesIO(CONTENT), len(CONTENT)) as stream:
        assert stream.seek(0, 2) == len(CONTENT)
        assert stream.received == 0
        for at, size in reads:
            stream.seek(at)
            file.seek(at)
            content = file.read(size)
            assert stream.read(size) == content
            furthest = max(furthest, at + len(content) if content else 0)
            assert stream.received == furthest


@pytest.mark.parametrize("received", [0, 1, 5_000, len(CONTENT) - 1])
def test_truncated_stream_raises_beyond_its_end(received: int) -> None:
    stream = SeekableStream(BytesIO(CONTENT[:received]), len(CONTENT))
    assert stream.read(received) == CONTENT[:received]
    with pytest.raises(SourceTruncated):
        stream.read(1)
    with pytest.raises(SourceTruncated):
        stream.require(received + 1)


def test_longer_stream_is_refused_when_all_is_required() -> None:
    stream = SeekableStream(BytesIO(CONTENT + b"!"), len(CONTENT))
    stream.require(1_000)
    with pytest.raises(SourceTruncated):
        stream.require(len(CONTENT))


def test_stream_required_in_full_twice_is_read_to_its_end() -> None:
    stream = SeekableStream(BytesIO(CONTENT), len(CONTENT))
    stream.require(len(CONTENT))
    stream.require(len(CONTENT))
    assert stream.read() == CONTENT
