"""Files that are read by ranges: the same bytes as of a whole file, with few requests."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest

from shift_media.core.errors import SourceTruncated
from shift_media.storages.ranges import BLOCK, RangedFile

CONTENT = random.Random(7).randbytes(9 * BLOCK + 1234)


class Server:
    """Opens ranges of the content, and notes them."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.asked: list[tuple[int, int]] = []

    def open(self, first: int, length: int) -> Any:
        self.asked.append((first, length))
        return io.BytesIO(self.content[first : first + length])


def test_random_reads_return_the_bytes_of_the_file() -> None:
    file, plain = RangedFile(len(CONTENT), Server().open), io.BytesIO(CONTENT)
    chance = random.Random(11)
    for _ in range(300):
        position, length = chance.randrange(len(CONTENT) + 9), chance.randrange(2 * BLOCK)
        assert file.seek(position) == plain.seek(position)
        assert file.read(length) == plain.read(length)
    assert file.seek(-3, io.SEEK_END) == len(CONTENT) - 3
    assert file.read() == CONTENT[-3:]
    assert file.read(1) == b""


def test_header_is_one_small_request_and_a_whole_reading_is_few() -> None:
    server = Server()
    file = RangedFile(len(CONTENT), server.open)
    for _ in range(3):
        file.seek(0)
        file.read(4096)
    assert server.asked == [(0, BLOCK)]
    file.seek(0)
    assert file.read() == CONTENT
    assert [length // BLOCK for _, length in server.asked] == [1, 2, 4, 2]


def test_file_that_ends_early_raises_source_truncated() -> None:
    file = RangedFile(len(CONTENT), Server(CONTENT[:100]).open)
    with pytest.raises(SourceTruncated):
        file.read(200)
