"""Facts that a field keeps on request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from shift_media.core.metadata import Metadata
from shift_media.fields import MediaField
from shift_media.testing.files import SAMPLES
from shift_media.validators import FileRules, Inspection, InvalidMedia, inspect
from tests.fields.conftest import media, use
from tests.fields.material import picture, upload
from tests.imaging.test_exif_facts import PLACE, photo
from tests.testapp.models import Kept

__all__ = ["media", "use"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

PHOTO = photo(root={0x010F: "Apple", 0x0110: "iPhone"}, place=PLACE)


def test_kept_facts_are_in_the_row_although_the_file_is_stripped() -> None:
    row = Kept(image=upload(PHOTO))
    row.full_clean()
    row.save()
    known = Kept.objects.get().image.metadata
    assert (known.camera, known.gps, known.taken_at) == ("Apple iPhone", (48.141667, -11.01), "")
    assert known.palette == ("#000000",)
    assert len(known.blurhash) == 28
    assert known.extra == {"first": 255, "frames": 1}
    with row.image.open() as file:
        assert b"Apple" not in file.read()


def test_fact_that_was_not_asked_for_is_not_kept() -> None:
    inspection = inspect(upload(PHOTO))
    assert (inspection.metadata.camera, inspection.metadata.gps) == ("", None)


def test_function_is_called_once_for_full_clean_and_save(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Inspection] = []
    field: Any = Kept._meta.get_field("image")
    monkeypatch.setattr(field, "keep_metadata", [lambda seen: calls.append(seen) or {"a": 1}])
    row = Kept(image=upload())
    row.full_clean()
    row.save()
    assert len(calls) == 1
    assert row.image.metadata.extra == {"a": 1}


def test_row_with_and_without_the_new_facts_can_be_read() -> None:
    old = Metadata(content_type="image/png", size=5).to_json("k")
    assert not {"pages", "camera", "gps", "palette", "blurhash", "extra"} & set(old)
    assert Metadata.from_json(old, "k") == Metadata(content_type="image/png", size=5)
    full = Metadata(
        content_type="image/png",
        size=5,
        gps=(1.5, -2),
        palette=("#ffffff",),
        extra={"a": [1]},
        pages=2,
        camera="x",
    )
    assert Metadata.from_json(json.loads(json.dumps(full.to_json("k"))), "k") == full
    newer = {**full.to_json("k"), "later": 1}
    assert Metadata.from_json(newer, "k") == full


@pytest.mark.parametrize("gps", ["x", 5, {"a": 1}])
def test_row_with_a_malformed_fact_raises_nothing(gps: Any) -> None:
    row = {**Metadata(content_type="image/png", size=5).to_json("k"), "gps": gps}
    known = Metadata.from_json(row, "k")
    assert known is None or known.size == 5


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"keep_metadata": ["lens"], "metadata_field": "meta"}, "must be a list of names"),
        ({"keep_metadata": "gps", "metadata_field": "meta"}, "must be a list of names"),
        ({"keep_metadata": ["gps"]}, "needs 'metadata_field'"),
    ],
)
def test_wrong_request_is_reported_by_the_checks(options: dict[str, Any], expected: str) -> None:
    with isolate_apps("tests.testapp"):

        class Wrong(models.Model):  # noqa: DJ008
            image = MediaField(**options)
            meta = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        messages = [one for one in Wrong.check() if one.id == "shift_media.E117"]
    assert len(messages) == 1
    assert expected in messages[0].msg


def test_request_is_not_in_migrations() -> None:
    field: Any = Kept._meta.get_field("image")
    assert "keep_metadata" not in field.deconstruct()[3]


@pytest.mark.needs("ffmpeg")
@pytest.mark.parametrize("name", ["second.mp3", "second.m4a"])
def test_sound_has_its_duration_codec_and_channels(name: str) -> None:
    file = upload((SAMPLES / name).read_bytes(), name)
    known = inspect(file, accept=["audio/*"], rules=FileRules(min_duration=0.5)).metadata
    assert known.duration == pytest.approx(1.1, abs=0.2)
    assert known.codecs == {"mp3": "mp3", "m4a": "aac"}[name.rpartition(".")[2]]
    assert known.channels in (1, 2)
    with pytest.raises(InvalidMedia) as caught:
        inspect(file, accept=["audio/*"], rules=FileRules(max_duration=0.5))
    assert caught.value.code == "too_long"


def test_picture_is_accepted_with_all_facts_asked_for() -> None:
    row = Kept.objects.create(image=upload(picture(size=(64, 48))))
    assert len(row.image.metadata.palette) == 5
