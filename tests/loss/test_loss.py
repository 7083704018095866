"""A short run of `make loss`, and the auditor, which must find what is lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests import parts
from tests.loss.auditor import Auditor, Stock, directory_of
from tests.loss.run import LossRun, compare, errors_in

SECONDS = 15
ID = "3c72aedc/ba25/41e6/a569/406c8f413974"
KEY = f"{ID}/a.jpg/a.jpg"
OTHER = f"{ID[:-1]}5/b.mp4/b.mp4"
MADE = f"{OTHER.rpartition('/')[0]}/_tiny/0a1b2c3d/24p.mp4"


@pytest.mark.skipif(not parts.full(), reason="takes half a minute: make test-full")
@pytest.mark.long
@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.needs("postgres", "seaweedfs", "redis", "ffmpeg")
@pytest.mark.acceptance(82)
def test_nothing_is_lost_while_everything_is_killed_at_random() -> None:
    lines: list[str] = []
    run = LossRun("ci", 3, lines.append)
    assert run.run(SECONDS) == [], "\n".join(lines)
    assert sum(run.outcomes.values()) > 20, "\n".join(lines)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def stock_of(folder: Path, *keys: str) -> Stock:
    """Return the stock of a disk with these files, and a row for each of the first two keys."""
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(key.encode())
    rows = [
        ("media", key, digest(key.encode()), digest(key.encode()), key) for key in (KEY, OTHER)
    ]
    return Stock(rows, [("media", MADE)], {"media": set(keys), "bucket": set()})


@pytest.mark.acceptance(82)
def test_auditor_finds_rows_and_renditions_without_their_bytes(tmp_path: Path) -> None:
    auditor = Auditor({}, tmp_path, None)
    assert list(auditor.find_losses(stock_of(tmp_path, KEY, OTHER, MADE))) == []
    (tmp_path / KEY).write_bytes(b"other")
    (tmp_path / OTHER).unlink()
    stock = stock_of(tmp_path)
    stock.objects["media"].clear()
    assert list(auditor.find_losses(stock)) == [
        f"media: {KEY} has other bytes than its row says",
        f"media: the metadata of {KEY} are those of {KEY}",
        f"media: a row refers to {OTHER}, which is gone",
        f"media: the rendition {MADE} is gone",
    ]


@pytest.mark.acceptance(82)
def test_auditor_ignores_renditions_of_a_deleted_original_until_their_rows_go(
    tmp_path: Path,
) -> None:
    auditor = Auditor({}, tmp_path, None)
    stock = stock_of(tmp_path, KEY, OTHER)
    stock.pending = {directory_of(OTHER)}
    assert list(auditor.find_losses(stock)) == [f"media: the rendition {MADE} is gone"]
    del stock.rows[1]
    assert list(auditor.find_losses(stock)) == []
    stock.pending.clear()
    assert list(auditor.find_losses(stock)) == [f"media: the rendition {MADE} is gone"]


@pytest.mark.acceptance(82)
def test_auditor_finds_what_the_clean_up_left_and_what_it_should_not_have_removed() -> None:
    orphan, failed = KEY.replace("3c72", "aaaa"), MADE.replace("0a1b", "ffff")
    rows = [("media", key, "", "", key) for key in (KEY, OTHER)]

    def stock(*keys: str) -> Stock:
        return Stock(rows, [("media", MADE)], {"media": set(keys), "bucket": set()})

    before = stock(KEY, OTHER, MADE, orphan, failed)
    assert list(compare(before, stock(KEY, OTHER, MADE))) == []
    assert list(compare(before, stock(OTHER, MADE, orphan, failed))) == [
        f"media: the orphan {orphan} was not found",
        f"media: {failed} of a failed attempt was not found",
        f"media: {KEY} should not have been removed",
    ]


def test_error_that_no_operation_expects_is_quoted_from_the_journal_alone() -> None:
    trace = "Traceback (most recent call last):\n| line\n| LookupError: no such row\n| \n"
    journal = f"+ upload\nUNEXPECTED {trace}+ delete\n- Refused\nUNEXPECTED {trace}"
    assert list(errors_in(journal)) == ["line\nLookupError: no such row"] * 2
