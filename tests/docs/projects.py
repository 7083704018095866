"""The project of the quickstart, into which the code blocks of a guide are pasted in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.core.management import call_command

from tests.docs import runner
from tests.docs.blocks import BLOCKS, Block

QUICKSTART = {block.name: block.text for block in BLOCKS if block.name.startswith("quickstart-")}


def create_project(folder: Path) -> None:
    """Write the project of the quickstart into an empty folder."""
    call_command("startproject", "site1", folder)
    app = folder / "photos"
    app.mkdir()
    call_command("startapp", "photos", app)
    write_quickstart(folder)
    (app / "tests.py").unlink()


def write_quickstart(folder: Path) -> None:
    """Write the files of the quickstart into a project that was started."""
    app = folder / "photos"
    with (folder / "site1/settings.py").open("a") as settings:
        settings.write("\n" + QUICKSTART["quickstart-settings"])
    for name in ("models", "views"):
        (app / f"{name}.py").write_text(QUICKSTART[f"quickstart-{name}"])
    (folder / "site1/urls.py").write_text(QUICKSTART["quickstart-urls"])
    (app / "templates").mkdir()
    (app / "templates/album.html").write_text(QUICKSTART["quickstart-template"])


def blocks_of(page: str) -> list[Block]:
    """Return the code blocks of a page, in order."""
    return [block for block in BLOCKS if block.page == page]


def paste(page: str, folder: Path) -> None:
    """Append each block of a page with a caption to the file that the caption names."""
    for block in blocks_of(page):
        paste_block(block, folder)


def paste_block(block: Block, folder: Path) -> None:
    """Append a block with a caption to the file that the caption names."""
    if block.caption:
        file = folder / block.caption
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as target:
            target.write("\n" + block.text)


Call = tuple[str, Any]


class Run(Protocol):
    """Runs calls in the project of a folder, and returns what they print; see `runner`."""

    def __call__(
        self, folder: Path, calls: list[Call], settings: str = "site1.settings"
    ) -> str: ...


@contextmanager
def running(source: Path) -> Iterator[Run]:
    """Yield a function that runs calls in projects, with the package from a folder.

    They run in forks of one process, because a new one imports Django for a second.
    """
    environment = {**os.environ, "PYTHONPATH": str(source)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-P", runner.__file__]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:

        def run(folder: Path, calls: list[Call], settings: str = "site1.settings") -> str:
            request = {"folder": str(folder), "calls": calls, "settings": settings}
            print(json.dumps(request), file=process.stdin, flush=True)
            answer = json.loads(process.stdout.readline())
            assert answer["ok"], answer["output"]
            output: str = answer["output"]
            return output

        yield run
        process.stdin.close()
