"""Pickles that sites have in their caches, made before the modules moved into rooms."""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from shift_media.fields import MediaFile
from shift_media.resizes import Resize

pytestmark = pytest.mark.filterwarnings(
    "ignore:Pickled model instance's Django version:RuntimeWarning"
)

PICKLES: dict[str, str] = json.loads(
    (Path(__file__).parent / "golden" / "pickles_before_the_rooms.json").read_text()
)
KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
DIRECTORY = KEY.rpartition("/")[0]


def load(name: str) -> Any:
    return pickle.loads(base64.b64decode(PICKLES[name]))


@pytest.mark.parametrize("name", sorted(PICKLES))
def test_pickle_made_before_the_move_loads_and_can_be_pickled_again(name: str) -> None:
    again = pickle.dumps(load(name))
    assert b"shift_media.files" not in again
    assert b"shift_media.videos" not in again
    assert b"shift_media.core.paths" not in again
    pickle.loads(again)


def test_row_pickled_before_the_move_has_its_file_metadata_and_resizes() -> None:
    row = load("row_with_file")
    assert isinstance(row.image, MediaFile)
    assert (row.image.key, row.image.width, row.image.focal) == (KEY, 4000, (30, 70))
    assert row.image.resize("400x").key.startswith(f"{DIRECTORY}/400x-fit-")


def test_resize_pickled_before_the_move_has_its_url_and_size() -> None:
    resize = load("resize")
    assert isinstance(resize, Resize)
    assert resize.key.startswith(f"{DIRECTORY}/400x300-fill-79-noupscale-f30.70-")
    assert resize.url.endswith(resize.key)
    assert (resize.width, resize.height) == (400, 300)
    assert sorted(load("ladder")) == [320, 640]


def test_poster_pickled_before_the_move_has_its_rendition() -> None:
    poster = load("poster")
    assert poster.key.endswith("/_poster.jpg")
    assert (poster.width, poster.height) == (640, 360)
    assert load("row_with_renditions").video.key == poster.file.key
