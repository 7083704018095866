"""Directives of the page on evidence: the last full run, and the acceptance list with its tests.

The tests of a row are those that are marked with it now. Their outcomes are those of the run that
``make evidence`` has recorded, so that a newer test shows as one that was not run yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tests.acceptance.results import Run
from tests.acceptance.rows import Section, find_marks, read_sections

_MAX_FILES = 3
"""Files of a row that are named."""


class LastRun(SphinxDirective):
    """Say when, where and with what the last full run was."""

    def run(self) -> list[nodes.Node]:
        """Return a sentence, and a list of facts."""
        run = Run.read()
        if run is None:
            return self.parse_text_to_nodes("No full run was recorded for this version yet.")
        totals = ", ".join(f"{count} {outcome}" for outcome, count in run.totals.items())
        facts = {
            "Command": f"``{run.command}``",
            "Date": run.date,
            "Commit": f"``{run.commit}``",
            "Machine": run.machine,
            "Versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
            "Tests": f"{totals}, in {run.seconds // 60} minutes",
        }
        return self.parse_text_to_nodes("\n".join(f":{n}: {text}" for n, text in facts.items()))


class AcceptanceRows(SphinxDirective):
    """List the rows of the acceptance list, each with its tests and their last result."""

    def run(self) -> list[nodes.Node]:
        """Return a table for each section of the list."""
        marks, run = find_marks(), Run.read()
        lines = [
            line for section in read_sections() for line in _describe_section(section, marks, run)
        ]
        return self.parse_text_to_nodes("\n".join(lines))


def _describe_section(
    section: Section, marks: dict[int, set[str]], run: Run | None
) -> Iterator[str]:
    yield f".. list-table:: {section.title}"
    yield "   :header-rows: 1"
    yield "   :widths: 6 44 14 36"
    yield ""
    for row in (("Row", "What must happen", "Result", "Tests"), *_rows_of(section, marks, run)):
        yield from (f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row))
    yield ""


def _rows_of(
    section: Section, marks: dict[int, set[str]], run: Run | None
) -> Iterator[tuple[str, str, str, str]]:
    for number, sentence in section.rows.items():
        tests = marks[number]
        yield str(number), sentence, _result(tests, run), _describe_tests(tests)


def _result(tests: Iterable[str], run: Run | None) -> str:
    """Return the cases of some tests by their outcomes, and the number of tests not run."""
    counts = {test: run.count(test) if run else [0, 0, 0] for test in tests}
    totals = [sum(each) for each in zip(*counts.values(), strict=True)]
    outcomes = dict(zip(("passed", "failed", "skipped"), totals, strict=True))
    outcomes["not run yet"] = sum(not any(each) for each in counts.values())
    said = [f"{count} {outcome}" for outcome, count in outcomes.items() if count]
    return ", ".join(f"**{each}**" if "failed" in each else each for each in said)


def _describe_tests(tests: set[str]) -> str:
    """Return the number of tests, and the files with most of them."""
    files = Counter(test.partition("::")[0] for test in tests)
    ordered = sorted(files, key=lambda name: (-files[name], name))
    names = ", ".join(f"``{name.removeprefix('tests/')}``" for name in ordered[:_MAX_FILES])
    rest = len(ordered) - _MAX_FILES
    return f"{len(tests)}: {names}" + (f" and {rest} more" if rest > 0 else "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("last-run", LastRun)
    app.add_directive("acceptance-rows", AcceptanceRows)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
