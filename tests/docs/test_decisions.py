"""Each record of a decision has the same form and is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import DOCS

FOLDER = DOCS / "decisions"
RECORDS = sorted(set(FOLDER.glob("*.rst")) - {FOLDER / "index.rst"})
PARTS = ["Context", "Decision", "Consequences"]
MOST_LINES = 45


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_record_has_status_and_parts_and_is_short(record: Path) -> None:
    text = record.read_text()
    assert re.search(r"^:Status: (accepted|replaced by :doc:`[\w-]+`)$", text, re.MULTILINE)
    assert re.findall(r"^(\w+)\n-+$", text, re.MULTILINE) == PARTS
    assert text.count("\n") <= MOST_LINES, "Keep the decision here and explain it in a guide."


def test_index_lists_every_record() -> None:
    listed = re.findall(r"^   ([\w-]+)$", (FOLDER / "index.rst").read_text(), re.MULTILINE)
    assert sorted(listed) == [record.stem for record in RECORDS]
