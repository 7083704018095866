"""The command ``media_import``: its options, its output and its exit codes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.deletion import site_marker
from shift_media.importing import run as run_module
from shift_media.models import ImportedFile
from shift_media.storages import LocalMediaStorage, default_media_storage
from tests.fields.material import picture, upload
from tests.testapp.models import Photo, Switched

pytestmark = pytest.mark.django_db(transaction=True)

OldRow = Callable[..., Any]
LABEL = "testapp.Photo.image"


def run(*arguments: str, label: str = LABEL, **options: Any) -> tuple[str, str, int]:
    """Return the output, the errors and the exit code of the command."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("media_import", label, *arguments, stdout=out, stderr=err, **options)
    except CommandError as error:
        err.write(str(error))
        code = error.returncode
    except SystemExit as error:
        code = int(str(error.code))
    return out.getvalue(), err.getvalue(), code


def test_import_is_summed_up(old_row: OldRow) -> None:
    old_row("photos/1.jpg"), old_row("photos/2.jpg")
    size = len(picture()) * 2
    out, err, code = run()
    assert out == f"2 rows: 2 imported ({size / 1024:.1f} KB), 0 skipped, 0 failed.\n"
    assert (err, code) == ("", 0)


@pytest.mark.acceptance(70)
def test_each_failed_row_is_printed_with_its_code(old_row: OldRow) -> None:
    first = old_row("photos/1\x1b[2J.jpg", b"")
    second = old_row("photos/2.jpg", missing=True)
    out, err, code = run("--workers=1")
    lines = err.splitlines()
    assert lines[0].startswith(f"{first.pk}: photos/1\\x1b[2J.jpg: empty: ")
    assert lines[1].startswith(f"{second.pk}: photos/2.jpg: not_stored: ")
    assert lines[2:] == ["2 rows failed."]
    assert out.endswith("Failed: 1 empty, 1 not_stored.\n")
    assert code == 1


def test_dry_run_counts_and_changes_nothing(old_row: OldRow, stored: Callable[[], Any]) -> None:
    old_row("photos/1.jpg"), old_row("photos/1.jpg"), old_row("photos/2.jpg", missing=True)
    out, err, code = run("--dry-run")
    assert "3 rows: 2 to be imported (" in out
    assert "Requests to storages: 0." in out
    assert "Files that several rows share: 1, of 2 rows.\n  photos/1.jpg: 2 rows" in out
    assert "not_stored" in err
    assert (code, stored(), ImportedFile.objects.count()) == (1, [], 0)


def test_report_has_a_line_for_each_row(old_row: OldRow, tmp_path: Path) -> None:
    good, bad = old_row("photos/a,b.jpg"), old_row("photos/2.jpg", b"")
    run(f"--report={tmp_path / 'report.csv'}", "--workers=1")
    with open(tmp_path / "report.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [(line["row"], line["old_name"], line["state"], line["code"]) for line in lines] == [
        (str(good.pk), "photos/a,b.jpg", "done", ""),
        (str(bad.pk), "photos/2.jpg", "failed", "empty"),
    ]
    assert lines[0]["key"] == Photo.objects.get(pk=good.pk).image.name
    assert run("--report=/nonexistent/report.csv")[2] == 2


def test_status_counts_rows(old_row: OldRow) -> None:
    rows = [old_row(f"photos/{number}.jpg") for number in range(3)]
    run()
    changed = Photo.objects.get(pk=rows[0].pk)
    changed.image = upload()
    changed.save()
    old_row("photos/4.jpg", b"")
    run()
    old_row("photos/5.jpg")
    out, err, code = run("--status")
    assert out.splitlines() == [
        "Imported: 2",
        "Left: 1",
        "Failed: 1 (1 empty)",
        "Changed since: 1",
    ]
    assert (err, code) == ("", 0)


def test_status_after_the_finish_counts_the_rows_as_imported(old_row: OldRow) -> None:
    old_row()
    run(), run("--finish")
    out, _, _ = run("--status")
    assert out.splitlines() == [
        "Imported: 1",
        "Left: 0",
        "Failed: 0",
        "Changed since: 0",
        "Old files deleted: 1",
    ]


def test_verify_reads_both_sides(old_row: OldRow, old_folder: Path) -> None:
    old_row("photos/1.jpg"), old_row("photos/2.jpg")
    run()
    assert "2 rows: 2 verified" in run("--verify")[0]
    (old_folder / "photos/2.jpg").write_bytes(b"other")
    out, err, code = run("--verify")
    assert "photos/2.jpg: old_changed: " in err
    assert ("2 rows: 1 verified" in out, code) == (True, 1)


@pytest.mark.slow
def test_undo_and_finish_are_summed_up(old_row: OldRow, old_folder: Path) -> None:
    old_row(model=Switched)
    switched = {"label": "testapp.Switched.photo", "old": "image"}
    run(**switched)
    assert "1 row: 1 undone" in run("--undo", **switched)[0]
    run(**switched)
    Switched.objects.update(image="")
    assert "1 row: 1 old files to be deleted" in run("--finish", "--dry-run", **switched)[0]
    assert "1 row: 1 old files deleted" in run("--finish", **switched)[0]
    assert not (old_folder / "photos/lake.jpg").exists()
    _, err, code = run("--undo", **switched)
    assert ("cannot be undone" in err, code) == (True, 1)


@pytest.mark.parametrize(
    ("label", "arguments", "message"),
    [
        ("testapp", [], "write app.Model.field"),
        ("testapp.Photo", [], "write app.Model.field"),
        ("testapp.Nothing.image", [], "testapp"),
        ("testapp.Photo.title", [], "not a MediaField"),
        (LABEL, ["--limit=0"], "--limit 0"),
        (LABEL, ["--workers=0"], "--workers 0"),
        (LABEL, ["--rate=0"], "--rate"),
        (LABEL, ["--after=x"], "--after"),
        (LABEL, ["--database=other"], "no database 'other'"),
    ],
)
def test_wrong_arguments_are_refused(label: str, arguments: list[str], message: str) -> None:
    _, err, code = run(*arguments, label=label)
    assert (message in err, code) == (True, 2)


def test_interrupted_import_ends_in_order_and_goes_on(
    old_row: OldRow, stored: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    for number in range(6):
        old_row(f"photos/{number}.jpg")
    settle = run_module.ImportRun._settle

    def interrupted(self: Any, *arguments: Any) -> Any:
        if not self.stop.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        return settle(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(run_module.ImportRun, "_settle", interrupted)
        out, err, code = run("--workers=1", "--limit=5")
    assert (code, "Interrupted" in err) == (130, True)
    assert "To go on: manage.py media_import testapp.Photo.image --limit=5 --workers=1" in out
    done = len(stored())
    assert 1 <= done < 6
    assert ImportedFile.objects.count() == done
    assert run()[2] == 0
    assert len(stored()) == 6


@pytest.mark.slow
def test_storage_that_fails_for_many_rows_ends_the_run(
    old_row: OldRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        old_row(f"photos/{number}.jpg")

    def fail(self: Any, key: str, *arguments: Any, **options: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalMediaStorage, "_publish", fail)
    _, err, code = run()
    assert "The storage failed for 20 rows in a row" in err
    assert (code, err.count(": storage_error: ") < 30) == (1, True)
    assert Photo.objects.filter(image__startswith="photos/").count() == 30


def test_storage_of_another_site_is_refused(old_row: OldRow, stored: Callable[[], Any]) -> None:
    old_row()
    site_marker.claim(default_media_storage, "production")  # type: ignore[arg-type]
    with override_settings(SHIFT_MEDIA={"SITE": "staging"}):
        for mode in ([], ["--finish"]):
            _, err, code = run(*mode)
            assert ("belongs to the site 'production'" in err, code) == (True, 1)
    with override_settings(SHIFT_MEDIA={"SITE": "production"}):
        assert run()[2] == 0


def test_verbose_import_prints_each_row(old_row: OldRow) -> None:
    row = old_row()
    out, _, _ = run(verbosity=2)
    key = Photo.objects.get(pk=row.pk).image.name
    assert f"{row.pk}: photos/lake.jpg: {key}\n" in out
