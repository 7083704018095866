"""The reference has a place for each setting, check, error, signal, tag, command and option.

The built pages are compared with the code, so that what is added to one of them is missed in the
other. Options of tags are compared in ``resizes/test_transforms.py``.
"""

from __future__ import annotations

import argparse
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.core.signals import Signal

from shift_media import conf, signals
from shift_media.core.errors import BY_CODE
from shift_media.templatetags.shift_media import register
from shift_media.validators import MESSAGES
from tests.docs.blocks import DOCS
from tests.docs.built import build_pages
from tests.parts import ROOT

pytestmark = pytest.mark.slow

COMMANDS = [
    path.stem for path in sorted((ROOT / "shift_media/management/commands").glob("media_*"))
]


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built reference."""
    return build_pages(tmp_path_factory) / "reference"


def text_of(page: Path) -> str:
    """Return what a reader sees of a page."""
    article = page.read_text().partition('<article role="main"')[2].partition("</article>")[0]
    return without_markup(article)


def without_markup(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def test_each_setting_is_in_the_reference(pages: Path) -> None:
    described = set(re.findall(r'id="confval-(\w+)"', (pages / "settings.html").read_text()))
    assert described == set(conf.KEYS)


def test_each_check_is_in_the_reference(pages: Path) -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "shift_media").rglob("*.py"))
    ids = set(re.findall(r"\bshift_media\.([EW]\d{3})\b", sources))
    described = set(re.findall(r"\b[EW]\d{3}\b", text_of(pages / "checks.html")))
    assert ids - described == set()
    assert described - ids == set(), "The page has a check that no code returns."


def test_each_error_is_in_the_reference(pages: Path) -> None:
    described = set(re.findall(r"\w+", text_of(pages / "errors.html")))
    assert {*BY_CODE, *MESSAGES} - described == set()


def test_each_signal_is_in_the_reference(pages: Path) -> None:
    names = {name for name, value in vars(signals).items() if isinstance(value, Signal)}
    page = (pages / "signals.html").read_text()
    assert names <= set(re.findall(r'id="shift_media\.signals\.(\w+)"', page))


def test_each_tag_is_in_the_reference(pages: Path) -> None:
    titles = re.findall(r"^(\w+)\n-+$", (DOCS / "reference/tags.rst").read_text(), re.MULTILINE)
    assert {tag for tag in register.tags if tag not in titles} == set()


def options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of a command and of its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield name
                yield from options_of(inner)
        elif action.help != argparse.SUPPRESS:
            yield from action.option_strings


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_of_a_command_is_in_the_reference(command: str, pages: Path) -> None:
    section = (pages / "commands.html").read_text()
    section = section.partition(f'<section id="{command.replace("_", "-")}">')[2]
    text = without_markup(section.partition("</section>")[0])
    common = set(options_of(BaseCommand().create_parser("manage.py", "any")))
    parser = load_command_class("shift_media", command).create_parser("manage.py", command)
    wanted = set(options_of(parser)) - common
    assert wanted - set(text.split()) - set(re.findall(r"[\w-]+", text)) == set()
