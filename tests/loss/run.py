"""One run: operations and faults, then the audit, the clean-up, and the audit of that."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

from tests.loss.auditor import Auditor, Stock, directory_of
from tests.loss.faults import Faults
from tests.loss.host import Host
from tests.servers.ending import exit_on_signals

_JOB_SECONDS = 180
"""In which the jobs that are left must end once nothing fails any more."""


class LossRun:
    """A run with one seed.

    Args:
        write: takes the lines of the report.
    """

    def __init__(self, seed: str, users: int, write: Callable[[str], object]) -> None:
        self._seed, self._users, self._write = seed, users, write
        self.outcomes: Counter[str] = Counter()

    def run(self, seconds: float, operations: int = 10**9) -> list[str]:
        """Run for a time or a number of operations; return what went wrong."""
        folder = Path(tempfile.mkdtemp(prefix="shift-media-loss-"))
        folder.chmod(0o755)  # PostgreSQL does not run as root
        self._write(f"seed {self._seed}, {folder}")
        with exit_on_signals(folder), Host(folder, self._seed, self._users) as host:
            problems = self._cause_faults(host, seconds, operations)
            problems += self._audit(host)
        for problem in problems:
            self._write(f"PROBLEM {problem}")
        if problems:
            self._write(f"The journals are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
        return problems

    def _cause_faults(self, host: Host, seconds: float, operations: int) -> list[str]:
        faults, until, shown = Faults(host, self._seed), time.monotonic() + seconds, 0.0
        host.revive()
        while time.monotonic() < until and self._read_journals(host) < operations:
            faults.cause_next()
            if time.monotonic() > shown + 10:
                shown = time.monotonic()
                self._write(f"{until - shown:4.0f} s left: {self._summary()}")
        host.clock.write_text("0")
        host.stop_processes()
        self._read_journals(host)
        self._write(f"operations: {self._summary()}")
        self._write("faults: " + ", ".join(f"{n} × {name}" for name, n in faults.counts.items()))
        return [*faults.unexpected, *_unexpected(host)]

    def _summary(self) -> str:
        done = sum(n for name, n in self.outcomes.items() if name.startswith("+"))
        return f"{done} done, {sum(self.outcomes.values()) - done} refused"

    def _read_journals(self, host: Host) -> int:
        """Count the operations; return how many users have begun."""
        self.outcomes = Counter(
            line.strip()
            for name in host.roles
            if name.startswith("user") and host.journal(name).exists()
            for line in host.journal(name).read_text().splitlines()
            if line[:2] in ("+ ", "- ")
        )
        return sum(self.outcomes.values())

    def _audit(self, host: Host) -> list[str]:
        self._write("by kind: " + ", ".join(f"{n} {k}" for k, n in sorted(self.outcomes.items())))
        settings = host.postgres.settings
        database = {"host": settings["HOST"], "user": settings["USER"], "dbname": settings["NAME"]}
        auditor = Auditor(database, host.disk, host.client)
        problems = _finish_jobs(host, auditor)
        before = auditor.take_stock()
        losses = [f"before the clean-up: {loss}" for loss in auditor.find_losses(before)]
        self._write(
            f"{len(before.rows)} rows, {len(before.renditions)} renditions, {len(before.all)} "
            f"objects, {len(before.orphans)} of them orphans, {len(before.unused)} of attempts "
            f"that failed; {len(losses)} losses"
        )
        for storage in ("media", "bucket"):
            host.manage("media_cleanup", f"--storage={storage}", "--grace=1")
        removed = before.all - auditor.take_stock().all
        problems += [
            f"{storage}: {key} was removed before its grace time"
            for storage, key in sorted(removed)
            if directory_of(key) not in before.pending
        ]
        for _ in range(2):  # A deletion is repeated once.
            auditor.let_time_pass()
            for storage in ("media", "bucket"):
                host.manage("cleanup-later", f"--storage={storage}")
        after = auditor.take_stock()
        problems += losses
        problems += [f"after the clean-up: {loss}" for loss in auditor.find_losses(after)]
        problems += compare(before, after)
        problems += [
            f"{n} rows are left in {name}" for name, n in auditor.count_pending().items() if n
        ]
        problems += [f"a temporary file is left: {name}" for name in auditor.temporary_files()]
        self._write(f"after the clean-up {len(after.all)} objects; {len(problems)} problems")
        return problems


def _finish_jobs(host: Host, auditor: Auditor) -> list[str]:
    """Let transcoders end the jobs that are left, with nothing to disturb them."""
    auditor.make_jobs_due()
    until = time.monotonic() + _JOB_SECONDS
    for name in ("transcoder-0", "transcoder-1"):
        host.start(name)
    while (left := auditor.unfinished_jobs()) and time.monotonic() < until:
        time.sleep(0.5)
    host.stop_processes()
    problems = [f"{left} jobs did not end"] if left else []
    return problems + [f"a job has failed: {error}" for error in auditor.failed_jobs()]


def compare(before: Stock, after: Stock) -> Iterator[str]:
    """Yield what the clean-up has left, and what it should not have removed."""
    for storage, key in sorted(after.orphans):
        yield f"{storage}: the orphan {key} was not found"
    for storage, key in sorted(after.unused):
        yield f"{storage}: {key} of a failed attempt was not found"
    removable = before.orphans | before.unused
    for storage, key in sorted(before.all - after.all - removable):
        yield f"{storage}: {key} should not have been removed"


def _unexpected(host: Host) -> list[str]:
    """Return the errors in the journals that no view would expect."""
    return [
        f"{name}: {error}"
        for name in host.roles
        if host.journal(name).exists()
        for error in errors_in(host.journal(name).read_text())
    ]


def errors_in(journal: str) -> Iterator[str]:
    """Yield the end of each traceback in a journal, whose further lines begin with ``| ``."""
    for part in journal.split("UNEXPECTED ")[1:]:
        lines = takewhile(lambda line: line.startswith("| "), part.splitlines()[1:])
        yield "\n".join(line[2:] for line in lines).strip()[-1500:]
