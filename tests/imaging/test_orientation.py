"""Originals and resizes beside each other in Chromium: both stand the same way up."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine.transform import apply_orientation
from shift_media.imaging.probe import probe
from tests.imaging import images
from tests.imaging.browser import Shown, show
from tests.imaging.orientations import PICTURE, WAYS

ORIGINALS = {
    f"{format}: {name}": (format, content)
    for format, files in WAYS.items()
    for name, content in files()
}


@pytest.fixture(scope="module")
def shown(needs: Callable[[str], Path]) -> dict[str, Shown]:
    """Return all originals as Chromium shows them."""
    seen = show(str(needs("chromium")), ORIGINALS)
    pictures = {name: picture for name, picture in seen.items() if picture is not None}
    assert pictures.keys() == ORIGINALS.keys()
    return pictures


def orientation_of(shown: Shown) -> int:
    """Return the orientation by which the stored pixels became what is shown."""
    for orientation in range(1, 9):
        turned = apply_orientation(PICTURE, orientation)
        colors = zip(shown.colors, images.corners(turned), strict=True)
        if turned.size == shown[:2] and all(images.near(a[:3], b, 40) for a, b in colors):
            return orientation
    raise AssertionError(f"No orientation gives {shown}.")


def check_sides_and_resize(content: bytes, orientation: int) -> None:
    facts = probe(BytesIO(content))
    expected = apply_orientation(PICTURE, orientation)
    assert (facts.width, facts.height) == expected.size
    made = images.opened(engine.make(BytesIO(content), Spec.make("32x32", format="png")).content)
    colors = zip(images.corners(made), images.corners(expected), strict=True)
    assert all(images.near(a, b, 40) for a, b in colors)


@pytest.mark.slow
@pytest.mark.acceptance(72)
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("format", [format for format in WAYS if format != "webp"])
def test_resize_and_sides_stand_like_the_original_in_a_browser(
    format: str, shown: dict[str, Shown]
) -> None:
    wrong = []
    for name, (extension, content) in ORIGINALS.items():
        if extension == format:
            try:
                check_sides_and_resize(content, orientation_of(shown[name]))
            except AssertionError:
                wrong.append(name)
    assert wrong == []


@pytest.mark.slow
@pytest.mark.acceptance(32, 72)
@pytest.mark.needs("chromium")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_is_upright_by_exif_although_browsers_do_not_turn_it(
    orientation: int, shown: dict[str, Shown]
) -> None:
    name = f"webp: value {orientation}"
    assert orientation_of(shown[name]) == 1
    check_sides_and_resize(ORIGINALS[name][1], orientation)
