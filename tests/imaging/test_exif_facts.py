"""Camera, time and place of a photograph, and EXIF blocks of any kind."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from shift_media.core.formats import BY_EXTENSION
from shift_media.imaging.exif_facts import ExifFacts, read_exif_facts


def photo(
    format: str = "JPEG",
    *,
    root: dict[int, Any] | None = None,
    details: dict[int, Any] | None = None,
    place: dict[int, Any] | None = None,
) -> bytes:
    exif = Image.Exif()
    exif.update(root or {})
    exif.get_ifd(0x8769).update(details or {})
    exif.get_ifd(0x8825).update(place or {})
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, format, exif=exif.tobytes())
    return file.getvalue()


def read(content: bytes, extension: str = "jpg") -> ExifFacts:
    return read_exif_facts(io.BytesIO(content), BY_EXTENSION[extension])


DEGREES = (IFDRational(48, 1), IFDRational(8, 1), IFDRational(3000, 100))
PLACE = {1: "N", 2: DEGREES, 3: "W", 4: (IFDRational(11, 1), IFDRational(0), IFDRational(36, 1))}


@pytest.mark.parametrize(
    ("format", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("AVIF", "avif")]
)
def test_facts_are_read_from_each_format(format: str, extension: str) -> None:
    content = photo(
        format,
        root={0x010F: "Apple\0\0", 0x0110: "iPhone 13 Pro"},
        details={0x9003: "2024:05:01 12:30:00", 0x9011: "+02:00"},
        place=PLACE,
    )
    facts = ExifFacts("Apple iPhone 13 Pro", "2024-05-01T12:30:00+02:00", (48.141667, -11.01))
    assert read(content, extension) == facts


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("", "Pixel 8", "Pixel 8"),
        ("Sony", "", "Sony"),
        ("a\x07b", "<b>\n", "ab <b>"),
        ("", "x" * 500, "x" * 100),
    ],
)
def test_camera_is_maker_and_model_once(make: str, model: str, camera: str) -> None:
    assert read(photo(root={0x010F: make, 0x0110: model})).camera == camera


@pytest.mark.parametrize(
    ("details", "taken_at"),
    [
        ({0x9003: "2024:05:01 12:30:00"}, "2024-05-01T12:30:00"),
        ({0x9004: "2024:05:01 12:30:00"}, "2024-05-01T12:30:00"),
        ({0x9003: "0000:00:00 00:00:00", 0x9004: "2024:05:01 12:30:00"}, "2024-05-01T12:30:00"),
        ({0x9003: "2024:05:01 12:30:00", 0x9011: "later"}, "2024-05-01T12:30:00"),
        ({0x9003: "2024:13:01 12:30:00"}, ""),
        ({0x9003: "    :  :     :  :  "}, ""),
    ],
)
def test_time_is_local_with_its_offset_if_both_are_possible(
    details: dict[int, Any], taken_at: str
) -> None:
    assert read(photo(details=details)).taken_at == taken_at


@pytest.mark.parametrize(
    "changes",
    [
        {1: "X"}, {1: ""}, {2: (IFDRational(91), IFDRational(0), IFDRational(0))},
        {2: (IFDRational(1, 0), IFDRational(0), IFDRational(0))}, {2: (IFDRational(1),)},
    ],
)  # fmt: skip
def test_place_that_is_impossible_is_left_out(changes: dict[int, Any]) -> None:
    assert read(photo(place={**PLACE, **changes})).gps is None


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", photo()[:40], photo()])
def test_image_without_facts_has_none(content: bytes) -> None:
    assert read(content) == ExifFacts()


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_block_gives_facts_or_none(noise: bytes, at: int) -> None:
    content = photo(root={0x010F: "Apple"}, place=PLACE)
    facts = read(content[: at % len(content)] + noise + content[at % len(content) :])
    assert len(facts.camera) <= 100
    assert facts.gps is None or abs(Fraction(facts.gps[0])) <= 90
