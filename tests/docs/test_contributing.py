"""Pages for contributors and workflow files agree with the Makefile."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from docutils.core import publish_doctree

from tests.docs.blocks import check_shell, check_text, read_blocks
from tests.parts import ROOT
from tests.test_project import config

PAGES = [ROOT / "CONTRIBUTING.rst", ROOT / "tests" / "README.rst"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_page_is_well_formed(page: Path) -> None:
    publish_doctree(page.read_text(), settings_overrides={"halt_level": 2, "report_level": 5})


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_of_page_exist(page: Path) -> None:
    for block in read_blocks(page):
        if block.language == "shell":
            check_shell(block)
        else:
            check_text(block)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_targets_that_page_names_exist(page: Path) -> None:
    named = re.findall(r"``make ([a-z][a-z-]*)", page.read_text())
    assert set(named) - TARGETS == set()


def test_contributing_names_every_target_that_checks() -> None:
    text = PAGES[0].read_text()
    not_checks = {"help", "demo", "demo-s3", "clean"}
    assert {each for each in TARGETS - not_checks if f"make {each}" not in text} == set()


def test_tests_readme_names_every_marker() -> None:
    declared = re.findall(r"^(\w+)[(:]", config()["tool:pytest"]["markers"].strip(), re.MULTILINE)
    text = PAGES[1].read_text()
    assert {marker for marker in declared if not re.search(rf"``{marker}\b", text)} == set()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=relative)
def test_workflow_runs_commands_of_the_project(workflow: Path) -> None:
    text = workflow.read_text()
    ran = re.findall(r"^ *- run: make ((?:[a-z-]+ ?)+)", text, re.MULTILINE)
    assert {target for targets in ran for target in targets.split()} <= TARGETS
    scripts = re.findall(r"^ *- run: (\.\S+)$", text, re.MULTILINE)
    assert all((ROOT / script).stat().st_mode & 0o111 for script in scripts)
    assert ran or scripts


def test_workflow_without_make_selects_the_same_tests_as_make_test_oldest() -> None:
    serverless = re.search(r"^WITHOUT_SERVERS = (.+)$", MAKEFILE, re.MULTILINE)
    assert serverless
    for workflow in WORKFLOWS:
        for options in re.findall(r"python -m pytest (.*)", workflow.read_text()):
            expected = f'-m "{serverless[1]}"'
            assert options == expected, "Copy WITHOUT_SERVERS from the Makefile."


NOXFILE = ROOT / ".ci" / "noxfile.py"


def constant_of_matrix(name: str) -> Any:
    """Return a literal of the file that describes the matrix, which needs nox to be imported."""
    for node in ast.parse(NOXFILE.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


def test_matrix_has_every_python_and_django_that_setup_cfg_claims() -> None:
    pairs = constant_of_matrix("PAIRS")
    for index, name in enumerate(["Programming Language :: Python", "Framework :: Django"]):
        claimed = re.findall(rf"{name} :: (\d\.\d+)", config()["metadata"]["classifiers"])
        assert claimed
        assert {pair[index] for pair in pairs} == set(claimed)


def test_matrix_tests_each_extra_for_a_site_alone() -> None:
    extras = set(config()["options.extras_require"]) - {"all", "dev", "fuzz"}
    assert set(constant_of_matrix("EXTRAS")) == extras


def test_matrix_leaves_out_the_same_servers_as_make() -> None:
    serverless = re.search(r"^WITHOUT_SERVERS = (.+)$", MAKEFILE, re.MULTILINE)
    assert serverless
    assert constant_of_matrix("WITHOUT_SERVERS") == serverless[1]


def test_hooks_call_targets_of_the_makefile() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    called = re.findall(r"^ +entry: make (.+)$", hooks, re.MULTILINE)
    assert {target for targets in called for target in targets.split()} <= TARGETS
    assert "lint" in called
    assert re.findall(r"^ +- repo: (?!local$)", hooks, re.MULTILINE) == [], "Hooks are local."


@pytest.mark.parametrize(
    ("message", "accepted"),
    [
        ("Refuse stale saves\n\nA row that was loaded before ...\n", True),
        ("Refuse stale saves\n", True),
        ("x" * 72 + "\n\nwhy\n", True),
        ("x" * 73 + "\n\nwhy\n", False),
        ("Refuse stale saves\nwithout an empty line\n", False),
        ("Refuse stale saves\n\n" + "x" * 90, True),
    ],
)
def test_hook_accepts_a_short_subject_and_an_empty_line(message: str, accepted: bool) -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    pattern = re.search(r"^ +entry: '(.+)'$", hooks, re.MULTILINE)
    assert pattern
    assert (re.search(pattern[1], message) is None) == accepted
