"""Runs that are killed with ``kill -9`` between any two steps, and the runs after them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone

from shift_media.deletion.sweep import Sweep
from shift_media.importing import claims, copying, plan, run, undo
from shift_media.importing.finish import FinishRun
from shift_media.importing.models import ImportState
from shift_media.importing.plan import ImportPlan
from shift_media.importing.run import ImportOptions, ImportRun
from shift_media.importing.undo import UndoRun
from shift_media.models import ImportedFile
from shift_media.storages import default_media_storage
from tests.fields.material import picture
from tests.testapp.models import Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.acceptance(69),
]

OldRow = Callable[..., Any]
Stored = Callable[[], list[str]]
ROWS = 5
NAMES = [f"photos/{number}.jpg" for number in range(ROWS)]

IMPORT_STEPS = {
    "rows claimed": (claims.Claims, "take", 1),
    "file copied": (copying.Copier, "copy", 2),
    "row written in its transaction": (plan.ImportPlan, "write", 2),
    "claim settled in the transaction": (claims.Claims, "settle", 3),
    "row committed": (run.ImportRun, "_write", 3),
    "everything done": (run.ImportRun, "_write", ROWS),
}
UNDO_STEPS = {
    "name put back in the transaction": (plan.ImportPlan, "restore", 2),
    "deletion scheduled in the transaction": (undo.deletion, "schedule", 3),
    "page committed": (undo.UndoRun, "_undo_page", 1),
}
FINISH_STEPS = {
    "files verified": (FinishRun, "_verify", 2),
    "rows marked": (FinishRun, "_mark", 1),
    "names looked up again": (FinishRun, "holders", 2),
    "file deleted": (FileSystemStorage, "delete", 2),
    "files settled": (FinishRun, "_mark", 2),
}


def killed(step: tuple[Any, str, int], action: Callable[[], object]) -> None:
    """Run an action in a process that is killed after the n-th call of a method."""
    kind, name, number = step
    connection.close()
    pid = os.fork()
    if not pid:  # The child must not return to the tests.
        try:
            kill_after(kind, name, number)
            action()
        finally:
            os._exit(3)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"{name} was called less than {number} times"
    assert os.WTERMSIG(status) == signal.SIGKILL


def kill_after(kind: Any, name: str, number: int) -> None:
    """Let the n-th call of a method kill this process when it is done."""
    original, calls = getattr(kind, name), []

    def wrapped(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        calls.append(name)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(kind, name, wrapped)


def photo_plan() -> ImportPlan:
    return ImportPlan.make(Photo, "image", None, "default")


def import_all(**options: Any) -> None:
    list(ImportRun(photo_plan(), ImportOptions(workers=2, **options)).outcomes())


def finish_all() -> None:
    list(FinishRun(photo_plan(), workers=2).outcomes())


def undo_all() -> None:
    list(UndoRun(photo_plan()).outcomes())


def assert_each_row_has_its_file() -> None:
    for photo in Photo.objects.all():
        with photo.image.open() as file:
            assert file.read() == picture(), photo.image.name


@pytest.fixture(autouse=True)
def _dead_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the claims of a killed run for dead at once, and not after a minute."""
    monkeypatch.setattr(claims, "LEASE", timedelta(0))


@pytest.fixture
def rows(old_row: OldRow, old_folder: Path) -> None:
    long_ago = (timezone.now() - timedelta(days=9)).timestamp()
    for name in NAMES:
        old_row(name)
        os.utime(old_folder / name, (long_ago, long_ago))


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("link", [False, True])
@pytest.mark.parametrize("step", IMPORT_STEPS)
def test_import_that_was_killed_goes_on(step: str, link: bool, stored: Stored) -> None:
    killed(IMPORT_STEPS[step], lambda: import_all(link=link))
    assert_each_row_has_its_file()
    import_all(link=link)
    assert_each_row_has_its_file()
    keys = list(Photo.objects.values_list("image", flat=True))
    assert sorted(keys) == stored()
    assert ImportedFile.objects.filter(state=ImportState.IMPORTED).count() == ROWS
    assert ImportedFile.objects.count() == ROWS


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("step", IMPORT_STEPS)
def test_sweep_after_a_kill_takes_no_file_of_a_row(step: str) -> None:
    killed(IMPORT_STEPS[step], lambda: import_all(link=True))
    storage: Any = default_media_storage
    held = {r.key[:36] for r in ImportedFile.objects.filter(state=ImportState.COPYING)}
    before = {entry.key for entry in storage.entries()}
    Sweep(storage, timezone.now() - timedelta(hours=1)).run()
    after = {entry.key for entry in storage.entries()}
    assert {key for key in before if key[:36] in held} <= after
    assert_each_row_has_its_file()


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("step", UNDO_STEPS)
def test_undo_that_was_killed_goes_on(step: str, stored: Stored) -> None:
    import_all()
    killed(UNDO_STEPS[step], undo_all)
    assert_each_row_has_its_file()
    undo_all()
    assert_each_row_has_its_file()
    assert sorted(Photo.objects.values_list("image", flat=True)) == NAMES
    assert ImportedFile.objects.filter(state=ImportState.UNDONE).count() == ROWS


@pytest.mark.slow
@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("step", FINISH_STEPS)
def test_finish_that_was_killed_goes_on(step: str, old_folder: Path, stored: Stored) -> None:
    import_all()
    killed(FINISH_STEPS[step], finish_all)
    assert_each_row_has_its_file()
    finish_all()
    assert_each_row_has_its_file()
    assert not [path for path in old_folder.rglob("*") if path.is_file()]
    assert ImportedFile.objects.filter(state=ImportState.FINISHED).count() == ROWS


@pytest.mark.usefixtures("rows")
def test_run_waits_for_the_claims_of_another_run(
    monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    """A claim that is renewed belongs to a run that is alive; then it is left to it."""
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=60))
    monkeypatch.setattr(run, "_PAUSE_SECONDS", 0.01)
    other = claims.Claims(photo_plan())
    page = next(photo_plan().pages())
    taken, _ = other.take(page[:2])
    second = ImportRun(photo_plan(), ImportOptions(workers=1))
    outcomes = second.outcomes()
    assert [next(outcomes).old_name for _ in range(3)] == NAMES[2:]
    other.release(taken)
    assert sorted(outcome.old_name for outcome in outcomes) == NAMES[:2]
    assert len(stored()) == ROWS


@pytest.mark.usefixtures("rows")
def test_run_whose_claim_was_taken_over_leaves_the_row_to_the_other(
    monkeypatch: pytest.MonkeyPatch, stored: Stored
) -> None:
    monkeypatch.setattr(run, "_PAUSE_SECONDS", 0.01)
    write, calls = run.ImportRun._write, []

    def after_another_run(self: ImportRun, *arguments: Any) -> bool:
        if not calls:
            calls.append(self)
            import_all()  # It takes the claims for those of a dead run.
        return write(self, *arguments)

    monkeypatch.setattr(run.ImportRun, "_write", after_another_run)
    import_all()
    assert_each_row_has_its_file()
    assert sorted(Photo.objects.values_list("image", flat=True)) == stored()


def test_claim_is_renewed_while_a_long_copy_goes_on(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=0.2))
    monkeypatch.setattr(run, "_PAUSE_SECONDS", 0.02)
    old_row()
    renewed, seen = threading.Event(), []
    copy, renew = copying.Copier.copy, claims.Claims.renew

    def slow(self: Any, *arguments: Any) -> Any:
        assert renewed.wait(30)
        return copy(self, *arguments)

    def watched(self: claims.Claims) -> None:
        renew(self)
        seen.append(ImportedFile.objects.get().updated)
        if len(set(seen)) > 2:
            renewed.set()

    monkeypatch.setattr(copying.Copier, "copy", slow)
    monkeypatch.setattr(claims.Claims, "renew", watched)
    import_all()
    assert ImportedFile.objects.get().state == ImportState.IMPORTED
