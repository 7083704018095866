"""The processes of the site: ``python -m tests.loss.worker`` imports everything once and forks.

Each line of its input is a list: a role with its arguments, for which it starts a process and
writes its id, or ``"manage"`` with a command, after which it writes the exit status. A process
works until SIGTERM, or until it is killed. Its journal has a line for each operation.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import django

from tests.loss.clock import SteppedClock


def main() -> None:
    """Fork a process for each line."""
    django.setup()
    from tests.loss import operations

    operations.new_picture(random.Random(1))
    for line in sys.stdin:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        role, *arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            _begin(role, arguments)
        answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if role == "manage" else pid
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _begin(role: str, arguments: list[str]) -> None:
    """Work in the new process, and end it."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        (manage if role == "manage" else work)(role, *arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def manage(role: str, output: str, name: str, *words: str) -> None:
    """Run a command; ``cleanup-later`` is the clean-up of a day later."""
    from django.core.management import call_command

    from shift_media.management.commands import media_cleanup

    with Path(output).open("w") as log:
        if name == "cleanup-later":
            # Objects of a bucket cannot be made older, so what is young for the command is.
            media_cleanup.LEAST_GRACE_HOURS = -1
            words = (*words, "--grace=-0.01", "--force")
            name = "media_cleanup"
        call_command(name, *words, stdout=log, stderr=log)


def work(role: str, seed: str, journal: str, video: str, clock: str = "") -> None:
    """Do the work of a role, one step after another."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if clock:
        SteppedClock(Path(clock)).install()
    step = {"user": user, "transcoder": transcoder, "keeper": keeper}[role](seed, Path(video))
    with Path(journal).open("a", buffering=1) as log:
        while not stopping.is_set():
            run(step, log.write)


def run(step: Callable[[], str], write: Callable[[str], object]) -> None:
    """Run a step as a request is run, and write how it ended."""
    from django.db import Error, close_old_connections, connection

    from tests.loss.operations import EXPECTED

    close_old_connections()
    try:
        name = step()
    except (*EXPECTED, Error) as error:
        write(f"- {type(error).__name__}\n")
        if isinstance(error, Error):
            with contextlib.suppress(Exception):
                connection.close()
            time.sleep(0.2)
    except Exception:
        write("UNEXPECTED " + traceback.format_exc().replace("\n", "\n| ") + "\n")
    else:
        write(f"+ {name}\n")


def user(seed: str, video: Path) -> Callable[[], str]:
    """Return the operations of a user."""
    from tests.loss.operations import Operations

    return Operations(random.Random(seed), video).run_one


def transcoder(seed: str, video: Path) -> Callable[[], str]:
    """Return a step of a worker of video jobs."""
    from shift_media.transcoding.services import Worker

    worker = Worker()

    def step() -> str:
        if worker.run_one() is None:
            time.sleep(0.5)
            return "idle"
        return "job"

    return step


def keeper(seed: str, video: Path) -> Callable[[], str]:
    """Return a step of the daily clean-up, for which five minutes pass in a second."""
    from django.core.management import CommandError, call_command
    from django.utils import timezone

    from shift_media.core.errors import StorageError
    from shift_media.models import PendingDeletion

    def step() -> str:
        time.sleep(1)
        PendingDeletion.objects.filter(attempts=0).update(not_before=timezone.now())
        output = io.StringIO()
        for alias in ("media", "bucket"):
            try:
                call_command("media_cleanup", storage=alias, grace=1, stdout=output, stderr=output)
            except CommandError as error:
                raise StorageError(str(error)) from error
        return "cleanup"

    return step


if __name__ == "__main__":
    main()
