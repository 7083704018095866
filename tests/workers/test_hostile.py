"""Pictures that crash, hang or exhaust a decoder: an error for them, and for no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from shift_media.core.errors import MediaError
from tests.workers.conftest import Workers, bad, good, make

pytestmark = pytest.mark.acceptance(80)

OUTCOMES = {
    "hang": "undecodable",
    "abort": "undecodable",
    "segfault": "undecodable",
    "exit": "undecodable",
    "lie": "undecodable",
    "fork": "undecodable",
    "orphan": "undecodable",
    "eat": "out_of_resources",
    "kill": "out_of_resources",
    "read_file": "out_of_resources",
    "socket": "out_of_resources",
}


@pytest.mark.slow
@pytest.mark.parametrize(("action", "code"), OUTCOMES.items())
def test_hostile_picture_fails_alone_and_its_worker_is_replaced(
    workers: Workers, action: str, code: str
) -> None:
    # Memory that a busy machine can fill within the second that a picture has.
    pool = workers(WORKER_MEMORY=400 << 20)
    assert make(good()).width == 20
    before = pool.pids
    with pytest.raises(MediaError) as caught:
        make(bad(action))
    assert caught.value.code == code
    assert make(good()).width == 20
    assert not set(before) & set(pool.pids)
    assert all(not Path(f"/proc/{pid}").exists() for pid in before)
