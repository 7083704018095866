"""Each line of shell in the documentation is run, or checked, by a test that is named here."""

from __future__ import annotations

import re
import shlex

from tests.docs.blocks import BLOCKS, Block, lines_of
from tests.docs.test_guides import GUIDES, NOT_RUN
from tests.parts import ROOT

SETTING_UP = "django startproject|startapp|makemigrations|migrate$|check$|runserver"

RUN_BY = {
    r"manage.py media_bucket (create|plan|apply)": "aws/test_tutorial.py",
    r"media_bucket claim": "aws/test_shared_bucket.py",
    r"media_bucket print": "aws/test_guides.py",
    r"media_doctor": "doctor",
    r"media_copy": "management/test_media_copy.py",
    r"media_templates": "management/test_media_templates.py",
    r"media_transcode": "transcoding",
    r"^python manage.py check --deploy": "docs/test_blocks.py",
    r"^python -m pytest|^python manage.py test$": "docs/test_guides.py",
    rf"^python (-m|manage.py) ({SETTING_UP})": "docs/test_docs.py",
    r"^aws (iam|cloudfront|acm) ": "aws",
    r"^python -m (gunicorn|uvicorn) ": "resizes/test_web_servers.py",
}
"""Patterns of lines that are not run in the project of their guide, and where they are run."""

CHECKED = (
    r"^aws ",  # its options, by the model of the service
    r"^python -m pip install",  # its extras
    r"^make (bench|load) ",  # its target
)
"""Patterns of lines whose words `check_shell` compares with what exists."""

BY_OTHERS = (r"^(sudo )?(apt-get|systemctl) ", r"^(export|npm|tar|mkdir|mv|curl|mc) ")
"""Patterns of lines that run programs of others on the machine of a reader."""


def is_run_in_its_guide(block: Block, line: str) -> bool:
    return (
        block.page in GUIDES
        and block.language == "shell"
        and shlex.split(line, comments=True)[:2] == ["python", "manage.py"]
        and not NOT_RUN.search(line)
    )


def test_each_line_of_shell_is_run_here_or_by_a_test_that_is_named() -> None:
    patterns = [*RUN_BY, *CHECKED, *BY_OTHERS]
    lost = [
        f"{block}: {line}"
        for block in BLOCKS
        if block.language in ("shell", "console")
        for line in lines_of(block)
        if shlex.split(line, comments=True)
        and not is_run_in_its_guide(block, line)
        and not any(re.search(pattern, line) for pattern in patterns)
    ]
    assert lost == [], "Run these lines in a test, and name it in RUN_BY."


def test_tests_that_run_lines_of_shell_exist() -> None:
    assert [test for test in RUN_BY.values() if not (ROOT / "tests" / test).exists()] == []
