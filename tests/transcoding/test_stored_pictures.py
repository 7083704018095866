"""Pictures that a service has written beside the renditions of a video."""

from __future__ import annotations

import pytest
from PIL import ImageFile

from shift_media.core.errors import TranscodeError
from shift_media.transcoding.backends.stored_outputs import open_picture
from tests.imaging import images

POSTER = images.encoded(images.photograph(160, 120), "jpg")


def test_whole_picture_is_opened() -> None:
    assert open_picture("poster.jpg", POSTER).size == (160, 120)


@pytest.mark.acceptance(66)
@pytest.mark.parametrize("tolerant", [False, True])
def test_cut_picture_is_refused_whatever_pillow_tolerates(
    tolerant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    for content in (POSTER[: len(POSTER) // 2], b"<html>", b""):
        with pytest.raises(TranscodeError):
            open_picture("poster.jpg", content)
