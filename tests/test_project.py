"""Rules of the project as a whole: layers, wheel, readability, no path of a machine."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

import grimp
import pytest

import shift_media
from tests.parts import ROOT

PACKAGES = ("shift_media", "testproject")
PACKAGE = ROOT / "shift_media"
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 45
NOT_OURS = {"build", "dist", "var", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def config() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def project_files() -> Iterator[Path]:
    """Yield the files of the project, without those that tools and the demo leave behind."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if is_ours(name)]
        yield from (Path(folder) / name for name in files if is_ours(name))


def is_ours(name: str) -> bool:
    hidden = name.startswith(".") and name not in (".ci", ".gitignore")
    return not hidden and name not in NOT_OURS and not name.endswith(".egg-info")


def modules() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


# Layers


def lint_imports(project: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports; "
    code += "sys.exit(lint_imports(config_filename='setup.cfg', no_cache=True))"
    return run(sys.executable, "-c", code, cwd=project)


@pytest.mark.slow
def test_imports_follow_layers() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout


def test_no_module_imports_itself_through_others() -> None:
    """An import for a type checker counts too: the reader has to follow it as well."""
    graph = grimp.build_graph("shift_media", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    left = dict(imports)
    while ready := [name for name, needed in left.items() if needed.isdisjoint(left)]:
        for name in ready:
            del left[name]
    assert left == {}, "Of these modules some import each other: " + ", ".join(sorted(left))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("storages/base.py", "from shift_media import resizes", "Imports go down the layers"),
        ("core/spec.py", "from shift_media import conf", "Imports go down the layers"),
        ("core/spec.py", "import django", "Pure rooms import neither Django"),
        ("resizes/builder.py", "import boto3", "Only modules that call AWS import boto3"),
        ("stranger.py", "", "Imports go down the layers"),
        (
            "transcoding/services/jobs.py",
            "from shift_media.transcoding import backends",
            "Transcoding has layers of its own",
        ),
    ],
)
def test_import_against_layers_breaks_contract(
    tmp_path: Path, module: str, line: str, contract: str
) -> None:
    skip = shutil.ignore_patterns("__pycache__")  # Other tests write to them meanwhile.
    shutil.copytree(ROOT / "shift_media", tmp_path / "shift_media", ignore=skip)
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    with (tmp_path / "shift_media" / module).open("a") as file:
        file.write(f"\n{line}\n")
    linted = lint_imports(tmp_path)
    assert linted.returncode != 0
    assert re.search(rf"{contract}.* BROKEN", linted.stdout)


def test_core_imports_without_django_and_boto3() -> None:
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "shift_media" / "core").rglob("*.py")
    )
    code = f"import sys, importlib; [importlib.import_module(name) for name in {names}]"
    check = "assert not {'django', 'boto3', 'botocore'} & set(sys.modules)"
    ran = run(sys.executable, "-c", f"{code}; {check}")
    assert ran.returncode == 0, ran.stderr


# The wheel


def metadata(unpacked: Path) -> Message:
    (info,) = unpacked.glob("*.dist-info")
    return message_from_string((info / "METADATA").read_text())


@pytest.mark.slow
def test_wheel_contains_whole_package_and_nothing_else(unpacked_wheel: Path) -> None:
    def files(folder: Path) -> set[str]:
        found = (path for path in folder.rglob("*") if path.is_file())
        return {str(p.relative_to(folder)) for p in found if "__pycache__" not in p.parts}

    compiled = {name.replace(".po", ".mo") for name in files(PACKAGE) if name.endswith(".po")}
    assert files(unpacked_wheel / "shift_media") == files(PACKAGE) | compiled
    assert (unpacked_wheel / "shift_media" / "py.typed").is_file()
    top = {path.name for path in unpacked_wheel.iterdir()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"shift_media"}


@pytest.mark.slow
def test_wheel_metadata_matches_project(unpacked_wheel: Path) -> None:
    fields = metadata(unpacked_wheel)
    assert fields["Name"] == "django-shift-media"
    assert fields["Version"] == shift_media.__version__
    assert fields["Requires-Python"] == ">=3.11"
    assert fields["License-File"] == "LICENSE"
    required = {
        re.split(r"[^A-Za-z0-9_-]", line)[0].lower()
        for line in fields.get_all("Requires-Dist", [])
        if "extra ==" not in line
    }
    assert required == {"django", "pillow", "boto3", "django-storages", "filelock"}
    assert "MediaField" in str(fields.get_payload())


def test_extras_named_by_errors_exist() -> None:
    named: set[str] = set()
    for path in modules():
        named |= set(re.findall(r'MissingExtra\(\s*"[^"]+",\s*"([^"]+)"', path.read_text()))
    assert named <= set(config()["options.extras_require"])


# Readability


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function):
            yield node


@pytest.mark.slow
def test_files_and_functions_stay_below_limits() -> None:
    long = []
    for path in modules():
        if "migrations" in path.parts:
            continue
        lines = path.read_text().count("\n")
        if lines > MOST_LINES_OF_A_FILE:
            long.append(f"{path.relative_to(ROOT)}: {lines} lines")
        for function in functions(path):
            lines = (function.end_lineno or 0) - function.lineno + 1
            if lines > MOST_LINES_OF_A_FUNCTION:
                long.append(f"{path.relative_to(ROOT)} {function.name}: {lines} lines")
    assert long == []


# Language

ODD_OPENING = re.compile(r"(Tells?|Gives?|Have|Has|What|Whether)\b")
ODD_WORD = re.compile(r"\b(nobody|somebody|whoever|mend(?:s|ed|ing)?)\b", re.IGNORECASE)
SHARED_NAMES = {"Meta", "Media", "Command"}
"""Names of classes that Django looks for, and that may occur many times."""


def package_modules(package: Path) -> list[Path]:
    paths = sorted(package.rglob("*.py"))
    return [path for path in paths if "migrations" not in path.parts]


def odd_docstrings(path: Path) -> Iterator[str]:
    """Yield docstrings that open oddly, with the texts below constants and attributes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))) if ODD_OPENING.match(text):
                yield f"{path}:{node.lineno}: {text.splitlines()[0]}"


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every string and comment of a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def odd_words(path: Path) -> Iterator[str]:
    for line, text in texts(path):
        for match in ODD_WORD.finditer(text):
            yield f"{path}:{line}: {match[0]}"


def names_used_twice(package: Path) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for path in package_modules(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(f"{path}:{node.lineno}")
    for name, found in places.items():
        if len(found) > 1 and name not in SHARED_NAMES:
            yield f"{name}: {', '.join(found)}"


@pytest.mark.slow
def test_docstrings_open_with_what_happens() -> None:
    found = [odd for path in package_modules(PACKAGE) for odd in odd_docstrings(path)]
    assert found == [], "Begin with Return, Raise, Yield, Store …, or a noun for a class."


@pytest.mark.slow
def test_texts_use_plain_words() -> None:
    found = [odd for path in package_modules(PACKAGE) for odd in odd_words(path)]
    assert found == [], "Name the user, client or caller; write fix instead of mend."


@pytest.mark.slow
def test_public_class_names_are_unique() -> None:
    found = list(names_used_twice(PACKAGE))
    assert found == [], "Give the classes names that say how they differ."


ODD_MODULE = """
'''Tell the time.'''

class Clock:
    '''Whether it runs.'''

    hour = 0
    '''What it shows.'''

# Nobody
f"mended {1}"
"""


def test_odd_language_is_found(tmp_path: Path) -> None:
    for name in ("one.py", "other.py"):
        (tmp_path / name).write_text(ODD_MODULE)
    assert len(list(odd_docstrings(tmp_path / "one.py"))) == 3
    words = [odd.rpartition(" ")[2] for odd in odd_words(tmp_path / "one.py")]
    assert words == ["mended", "Nobody"]
    assert len(list(names_used_twice(tmp_path))) == 1


# No path of a machine


def test_files_name_no_path_of_this_machine() -> None:
    places = {str(ROOT), str(Path.home()), sys.prefix, sys.base_prefix, sys.exec_prefix}
    places -= {"/usr", "/usr/local", "/"}
    pattern = re.compile(
        "|".join([*(re.escape(place) + r"\b" for place in places), r"/(?:home|Users)/[a-z]"])
    )
    found = []
    for path in project_files():
        text = path.read_bytes().decode(errors="replace")
        if match := pattern.search(text):
            found.append(f"{path.relative_to(ROOT)}: {match[0]}")
    assert found == []


# The scripts that run everything


def test_ci_script_is_executable_and_valid() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    checked = run("bash", "-n", script)
    assert checked.returncode == 0, checked.stderr


def test_make_help_names_every_target() -> None:
    shown = run("make", "help").stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    for target in set(phony[1].split()) - {"help"}:
        assert re.search(rf"\b{target}\b", shown), target


def test_make_names_missing_or_too_old_python(tmp_path: Path) -> None:
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    made = run("make", "unit", "PYTHON=python2.0", cwd=tmp_path)
    assert made.returncode != 0
    assert 'Python 3.11 or newer, which "python2.0" is not' in made.stderr


def test_make_bench_installs_all_of_its_packages(tmp_path: Path) -> None:
    shown = run("make", "--dry-run", "bench", f"VENV_BENCH={tmp_path}/bench", cwd=ROOT).stdout
    assert shown.count('-e ".[ffmpeg,heic,pdf,svg]" -r benchmarks/requirements.txt') == 2
