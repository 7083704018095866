"""The acceptance list, the marks of the tests, and what was recorded of the last full run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.acceptance import __main__ as command
from tests.acceptance.results import Recorder, Run
from tests.acceptance.rows import Marks, find_marks, read_rows

SOURCE = """
import pytest
pytestmark = [pytest.mark.slow, pytest.mark.acceptance(3)]

@pytest.mark.acceptance(1, 2)
def test_a(): ...

@pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.acceptance(4))])
def test_b(x): ...

@pytest.mark.acceptance(5)
class TestContract:
    @pytest.mark.acceptance(6)
    def test_c(self): ...
"""


@pytest.fixture(scope="module")
def marks() -> Marks:
    return find_marks()


@pytest.mark.slow
def test_each_row_has_tests_and_each_mark_a_row(marks: Marks) -> None:
    rows = read_rows()
    assert list(rows) == list(range(1, len(rows) + 1))
    assert sorted(set(rows) - set(marks)) == [], "mark a test with the number of each row"
    assert sorted(set(marks) - set(rows)) == [], "add the row to tests/acceptance/rows.toml"


def test_marks_of_modules_tests_parameters_and_classes_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(SOURCE)
    name = "tests/test_x.py::"
    assert find_marks(folder) == {
        1: {f"{name}test_a"},
        2: {f"{name}test_a"},
        3: {f"{name}test_a", f"{name}test_b", f"{name}TestContract"},
        4: {f"{name}test_b"},
        5: {f"{name}TestContract"},
        6: {f"{name}TestContract::test_c"},
    }


@pytest.mark.slow
def test_recorded_run_is_not_stale(marks: Marks) -> None:
    """It may lack a few tests that are newer, but no row, and it names no lost row."""
    run = Run.read()
    if run is None:
        return  # The page says that no run was recorded.
    for row, tests in marks.items():
        known = [test for test in tests if any(run.count(test))]
        hint = f"row {row}: record a new run with make test-full and make evidence"
        assert len(known) * 2 >= len(tests), hint


def report(nodeid: str, outcome: str, when: str = "call") -> Any:
    return SimpleNamespace(nodeid=nodeid, outcome=outcome, when=when)


@pytest.mark.slow
def test_recorder_counts_cases_of_marked_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(tmp_path / "results.json")
    marked = "tests/acceptance/test_x.py::test_a"
    recorder._marked = {marked, "tests/test_y.py::TestContract"}
    for outcome in ("passed", "passed", "failed"):
        recorder.pytest_runtest_logreport(report(f"{marked}[{outcome}]", outcome))
    recorder.pytest_runtest_logreport(report(f"{marked}[x]", "passed", "setup"))
    recorder.pytest_runtest_logreport(report(f"{marked}[y]", "failed", "setup"))
    inherited = "tests/test_y.py::TestContract::test_b"
    recorder.pytest_runtest_logreport(report(inherited, "skipped"))
    recorder.pytest_runtest_logreport(report("tests/test_y.py::test_other", "passed"))
    option = SimpleNamespace(keyword="", markexpr="", file_or_dir=["tests/x"])
    session = SimpleNamespace(config=SimpleNamespace(option=option))
    recorder.pytest_sessionfinish(cast("pytest.Session", session))
    run = Run.read(tmp_path / "results.json")
    assert run is not None
    assert run.totals == {"passed": 3, "failed": 2, "skipped": 1}
    assert run.count(marked) == [2, 2, 0]
    assert run.count("tests/test_y.py::TestContract") == [0, 0, 1]
    assert run.count("tests/test_y.py::test_gone") == [0, 0, 0]
    assert not run.is_full
    words = ["--results", str(tmp_path / "results.json"), "--to", str(tmp_path / "docs.json")]
    assert command.main(words) == 1
    assert "left tests out" in capsys.readouterr().err
    run.is_full = True
    run.write(tmp_path / "results.json")
    assert command.main(words) == 0
    assert json.loads((tmp_path / "docs.json").read_text())["totals"] == run.totals
    assert Run.read(tmp_path / "docs.json") == run
