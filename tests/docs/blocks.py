"""Code blocks of the documentation, and how each language is tested.

``python``   executed with ``photo``, ``clip`` and the names of settings and URL modules; settings
             that it assigns must pass the system checks, and ``>>>`` must print the output shown
``django``   rendered, and so is ``jinja``
``shell``    each command must exist and accept the arguments, also those of ``aws``; extras of pip
             must exist (``console``: the lines after ``$``)
``json``     parsed, and so are ``xml`` and ``ini``
``nginx``    run by a test of its own, which names the page
``text``     not tested

A block with a caption is pasted into that file of a project, by test_guides.py.
"""

from __future__ import annotations

import configparser
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

from botocore import xform_name
from django.core.management import get_commands, load_command_class

from tests.aws.validation import service
from tests.parts import ROOT

DOCS = ROOT / "docs"
DIRECTIVE = re.compile(r"^( *)\.\. code-block:: *(\S*)$")
PROGRAMS = frozenset(
    "apt-get cat cd curl export mc mkdir mv nginx npm sudo systemctl tar weed".split()
)
"""Programs of others that guides may call; their arguments are not checked."""

SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
"""A command whose output is an argument of another one."""

AWS_OPTIONS = frozenset(
    "--cli-input-json --output --profile --query --region --paths --notification-endpoint".split()
)
"""Options of the AWS CLI that are no parameters of the API: those of each command, and two that
it names by itself."""


@dataclass(frozen=True)
class Block:
    """A code block of a page; the caption is the file of a project that it belongs to."""

    file: Path
    line: int
    language: str
    name: str
    caption: str
    text: str

    @property
    def page(self) -> str:
        """The name of the page as in Sphinx: the path without its extension."""
        return str(self.file.relative_to(DOCS).with_suffix(""))

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read_blocks(file: Path) -> Iterator[Block]:
    """Yield the code blocks of a page."""
    lines = file.read_text().splitlines()
    for number, line in enumerate(lines):
        found = DIRECTIVE.match(line)
        if found:
            inner = list(_inner(lines[number + 1 :], len(found[1])))
            options = [text.strip() for text in inner if re.match(r" +:[a-z-]+:", text)]
            name, caption = (_option(options, option) for option in ("name", "caption"))
            body = dedent("\n".join(inner[len(options) :])).strip("\n")
            yield Block(file, number + 1, found[2], name, caption, body + "\n")


def _option(options: list[str], name: str) -> str:
    prefix = f":{name}: "
    return "".join(text.removeprefix(prefix) for text in options if text.startswith(prefix))


def _inner(lines: list[str], margin: int) -> Iterator[str]:
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= margin:
            return
        yield line


PAGES = sorted(DOCS.rglob("*.rst"))
BLOCKS = [block for page in PAGES for block in read_blocks(page)]


def check_shell(block: Block) -> None:
    """Assert that each command exists and accepts its arguments."""
    for line in lines_of(block):
        for command in _commands_of(line):
            _check_command(shlex.split(command, comments=True))


def _commands_of(line: str) -> Iterator[str]:
    """Yield the commands whose output is an argument, from the inside, then the line's own."""
    while inner := SUBSTITUTION.search(line):
        yield inner[1]
        line = line.replace(inner[0], "output")
    yield line


def lines_of(block: Block) -> list[str]:
    """Return the commands of a block, with continued lines joined."""
    lines = block.text.replace("\\\n", " ").splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return lines


def _check_command(words: list[str]) -> None:
    while words and (words[0] in ("sudo", "exec") or re.fullmatch(r"[A-Z_]+=.*", words[0])):
        words = words[1:]
    match words:
        case ["python", "-m", "pip", "install", *requirements]:
            _check_extras(" ".join(requirements))
        case [] | ["python", "-m", _, *_]:
            pass
        case ["aws", name, verb, *arguments]:
            _check_aws(name, verb, arguments)
        case ["python", "manage.py", command, *arguments]:
            apps = get_commands()
            assert command in apps, f"There is no command {command}: name it as it is called now."
            if apps[command] == "shift_media":
                parser = load_command_class("shift_media", command).create_parser("-", command)
                parser.parse_args(arguments)
        case ["make", *targets]:
            known = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert {target for target in targets if "=" not in target} <= set(known)
        case [program, *_]:
            assert program in PROGRAMS, f"{program}: run it in a test, or add it to PROGRAMS"


def _check_extras(requirements: str) -> None:
    """Assert that the extras in the brackets behind the package's name exist."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    named = re.findall(r"django-shift-media\[([\w,-]+)\]", requirements)
    wanted = {extra for list_ in named for extra in list_.split(",")}
    assert wanted <= set(setup["options.extras_require"]), requirements


def _check_aws(name: str, verb: str, arguments: list[str]) -> None:
    """Assert that a service of AWS has an operation with these options, by its own model."""
    model = service(name)
    operation = "".join(part.capitalize() for part in verb.split("-"))
    assert operation in model.operation_names, f"aws {name} has no {verb}."
    members = model.operation_model(operation).input_shape.members
    known = {f"--{xform_name(member, '-')}" for member in members} | AWS_OPTIONS
    options = {word for word in arguments if word.startswith("--")}
    assert options <= known, f"aws {name} {verb} has no {options - known}."


def check_text(block: Block) -> None:
    """Assert that a block of JSON, XML or INI can be parsed, and that others are tested."""
    match block.language:
        case "json":
            json.loads(block.text)
        case "xml":
            ElementTree.fromstring(block.text)
        case "ini":
            configparser.ConfigParser(strict=False, interpolation=None).read_string(block.text)
        case "js" | "nginx":
            tests = [*(ROOT / "tests").rglob("*.py")]
            assert any(block.file.name in test.read_text() for test in tests)
        case language:
            assert language in ("text", "html", "http", "css", "tsx"), (
                f"{block} is in {language!r}: say in check_text how to test this language."
            )
