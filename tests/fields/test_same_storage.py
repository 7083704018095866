"""Files that are assigned to a field whose storage is the same, however it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import Storage, storages
from django.db import models
from django.test import override_settings
from django.test.utils import isolate_apps

from shift_media.doctor.integrity import fields_stored_in
from shift_media.fields import MediaField
from shift_media.storages import LocalMediaStorage, default_media_storage
from shift_media.testing.steps import list_keys
from tests.fields.material import upload


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    backend = "shift_media.storages.LocalMediaStorage"
    media = {"BACKEND": backend, "OPTIONS": {"location": tmp_path, "base_url": "/media/"}}
    other = {"BACKEND": backend, "OPTIONS": {"location": tmp_path / "other", "base_url": "/o/"}}
    with override_settings(STORAGES={"media": media, "other": other}):
        yield tmp_path


@pytest.mark.parametrize(
    ("target", "is_same"),
    [
        (None, True),
        (lambda: storages["media"], True),
        (lambda: default_media_storage, True),
        (lambda: storages["other"], False),
    ],
)
@isolate_apps("tests.testapp")
def test_file_is_stored_again_only_if_the_storage_differs(
    root: Path, target: Callable[[], Storage] | None, is_same: bool
) -> None:
    class Pair(models.Model):  # noqa: DJ008
        source = MediaField()
        target_field = MediaField(storage=target, blank=True)

        class Meta:
            app_label = "testapp"

    pair = Pair(source=upload())
    pair.source.save("photo.jpg", upload(), save=False)
    pair.target_field = pair.source
    Pair._meta.get_field("target_field").pre_save(pair, add=True)
    assert (pair.target_field.key == pair.source.key) is is_same
    assert len([key for key in list_keys(storages["media"], "") if "other" not in key]) == 1  # type: ignore[arg-type]


def test_storages_of_the_same_options_are_one(root: Path) -> None:
    from shift_media.storages.naming import is_same_storage

    first, second = (LocalMediaStorage(root, base_url="/media/") for _ in range(2))
    assert is_same_storage(first, second)
    assert not is_same_storage(first, LocalMediaStorage(root / "other", base_url="/media/"))
    assert not is_same_storage(first, storages["other"])


def test_doctor_counts_fields_of_the_storage_under_every_name(root: Path) -> None:
    default: Any = fields_stored_in(default_media_storage)
    assert [str(field) for field in default] == [
        str(field) for field in fields_stored_in(storages["media"])
    ]
    assert default
