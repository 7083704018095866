"""``media_cleanup --presets`` removes the resizes of a preset and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.storages import default_media_storage
from testproject.gallery.models import Photo
from tests.resizes.conftest import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

CARD: dict[str, Any] = {"size": "40x30", "mode": "fill"}
WIDE: dict[str, Any] = {"size": "30x", "format": "webp"}
BOTH = override_settings(SHIFT_MEDIA={"PRESETS": {"card": CARD, "wide": WIDE}})


@pytest.fixture
def photo() -> Photo:
    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(picture()), save=False)
    photo.image.focal = (30, 70)
    photo.image.crops = {"4:3": (0, 0, 40, 30)}
    photo.save()
    return photo


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("media_cleanup", *options, stdout=out)
    return out.getvalue()


def stored() -> set[str]:
    return {entry.key for entry in default_media_storage.entries()}


def make(photo: Photo, *arguments: tuple[str, dict[str, Any]]) -> list[str]:
    resizes = [photo.image.resize(size, **options) for size, options in arguments]
    for resize in resizes:
        resize.ensure()
    return [resize.key for resize in resizes]


@BOTH
def test_resizes_of_a_preset_are_removed_whatever_their_format_crop_or_density(
    photo: Photo, media_root: Path
) -> None:
    gone = make(photo, ("card", {}), ("card", {"format": "webp"}), ("80x60", {"mode": "fill"}))
    gone += make(photo, ("card", {"focal": (10, 10)}))
    kept = make(photo, ("wide", {}), ("40x30", {}), ("40x30", {"mode": "fill", "quality": 50}))
    kept += make(photo, ("40x30", {"mode": "fill", "blur": 5}))
    before = stored()
    assert f"Resizes of card: {len(gone)} (" in run("--presets", "card", "--dry-run")
    assert stored() == before
    output = run("--presets", "card")
    assert f"Resizes of card: {len(gone)} (" in output
    assert "removed." in output
    assert stored() == {photo.image.key, *kept}
    assert photo.image.resize("card").ensure()  # It is made again when it is asked for.


@override_settings(SHIFT_MEDIA={"PRESETS": {"wide": WIDE}})
def test_preset_that_is_not_in_the_settings_any_more_is_given_by_its_old_line(
    photo: Photo,
) -> None:
    make(photo, ("40x30", {"mode": "fill"}))
    with pytest.raises(CommandError, match="write its old line in its place"):
        run("--presets", "card")
    assert "1 (" in run("--presets", str(CARD))
    assert stored() == {photo.image.key}


@override_settings(SHIFT_MEDIA={"PRESETS": {"old-card": CARD, "tile": dict(CARD)}})
def test_resize_that_another_preset_gives_too_is_kept(photo: Photo) -> None:
    (key,) = make(photo, ("old-card", {}))
    output = run("--presets", "old-card")
    assert "Resizes of old-card: 0 (" in output
    assert "Kept, because another preset gives them too: 1 (" in output
    assert key in stored()


@pytest.mark.parametrize("text", ["{'size': 1}", "{'size'", "{'size': '4x3', 'mood': 'fill'}"])
def test_wrong_definition_is_refused_and_nothing_is_removed(photo: Photo, text: str) -> None:
    before = stored()
    with pytest.raises(CommandError, match="is not the definition of a preset"):
        run("--presets", text)
    assert stored() == before


@BOTH
def test_misspelled_preset_is_refused_with_the_nearest(photo: Photo) -> None:
    with pytest.raises(CommandError, match='did you mean "card"'):
        run("--presets", "crad")


@BOTH
def test_specs_are_listed_with_their_presets(photo: Photo) -> None:
    assert "No resizes are stored." in run("--list-resizes")
    make(photo, ("card", {}), ("wide", {}), ("9x9", {}))
    lines = run("--list-resizes").splitlines()
    assert any(line.startswith("40x30-fill-80-noupscale.jpg of card: 1 (") for line in lines)
    assert any(line.startswith("30x-fit-79-noupscale.webp of wide: 1 (") for line in lines)
    assert any(line.startswith("9x9-fit-80-noupscale.jpg: 1 (") for line in lines)
    assert photo.image.key in stored()


def test_orphans_and_pending_work_are_left_to_other_runs(photo: Photo) -> None:
    output = run("--presets", str(CARD))
    assert "Orphaned" not in output
    assert "Pending deletions" not in output
