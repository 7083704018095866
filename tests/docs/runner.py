"""Runs commands and code in projects, each time in a fork of a process that has imported Django.

It reads one request in JSON from each line of its input, and answers with a line. A fork costs a
tenth of a new process, and begins with the settings and models as they are in the files now.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import sys
import traceback
from typing import Any

PRELOADED = (
    "django.core.management",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.autodetector",
    "django.forms",
    "django.test",
    "django.views.generic",
    "shift_media.fields",
    "shift_media.testing",
)
"""Modules that can be imported before the settings are known."""

DOCTEST = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def main() -> None:
    """Answer requests until the input ends."""
    for name in PRELOADED:
        __import__(name)
    for line in sys.stdin:
        print(json.dumps(_in_fork(json.loads(line))), flush=True)  # noqa: T201


def _in_fork(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            json.dump(_run(request["folder"], request["settings"], request["calls"]), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {"ok": False, "output": "The process has died."}


def _run(folder: str, settings: str, calls: list[list[Any]]) -> dict[str, Any]:
    """Run calls in the project of a folder; stop at the first that fails."""
    os.chdir(folder)
    sys.path.insert(0, folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            import django

            django.setup()
            for kind, argument in calls:
                _KINDS[kind](argument)
        except BaseException:  # SystemExit of a command, too
            traceback.print_exc()
            return {"ok": False, "output": output.getvalue()}
    return {"ok": True, "output": output.getvalue()}


def _manage(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", *arguments])


def _python(code: str) -> None:
    exec(compile(code, "<test>", "exec"), {"__name__": "test"})


def _session(text: str) -> None:
    example = doctest.DocTestParser().get_doctest(text, {}, "session", None, 0)
    runner = doctest.DocTestRunner(optionflags=DOCTEST)
    runner.run(example, out=sys.stdout.write)
    if runner.failures:
        raise AssertionError("The session has printed something else.")


_KINDS = {"manage": _manage, "python": _python, "session": _session}

if __name__ == "__main__":
    main()
