"""HEIC: photos of phones and cameras, decoded by pi-heif."""

from __future__ import annotations

import contextlib
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shift_media.core.errors import (
    MediaError,
    MissingExtra,
    NotStrippable,
    TooManyPixels,
    Undecodable,
    UnsupportedType,
)
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders
from shift_media.imaging.formats import hevc
from shift_media.imaging.probe import SourceLimits, probe
from shift_media.imaging.strip import strip
from tests.imaging import heics, images
from tests.parts import package

pi_heif = package("pi_heif", "heic")

UPRIGHT = images.quadrants(128, 96)
PNG = Spec.make("64x64", format="png")
EXIF = b"\0\0\0\6Exif\0\0" + images.exif(6, model="Camera 7", artist="Ada")
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>52.5 13.4</x:xmpmeta>"


def made(content: bytes, spec: Spec = PNG) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def peer(content: bytes) -> Image.Image:
    """Decode by pi-heif itself, which applies the boxes for orientation and aperture."""
    image: Image.Image = pi_heif.open_heif(BytesIO(content)).to_pillow()
    return image


def with_metadata(*items: heics.Item) -> bytes:
    picture = items or (heics.coded_item(heics.coded(UPRIGHT)),)
    thumbnail = heics.coded_item(heics.coded(UPRIGHT.resize((64, 64))))
    thumbnail.references = [(b"thmb", [1])]
    exif = heics.Item(b"Exif", EXIF, [], [(b"cdsc", [1])])
    xmp = heics.Item(b"mime", XMP, [], [(b"cdsc", [1])])
    return heics.write([*picture, thumbnail, exif, xmp])


FILES: dict[str, Callable[[], bytes]] = {
    "one image": lambda: heics.heic(UPRIGHT),
    "grid": lambda: heics.grid(UPRIGHT, 64),
    "grid with edges": lambda: heics.grid(images.quadrants(150, 90), 64),
    "grey": lambda: heics.heic(UPRIGHT.convert("L")),
    "10 bit": lambda: heics.heic(UPRIGHT, depth=10),
    "grey in 10 bit": lambda: heics.heic(UPRIGHT.convert("L"), depth=10),
    "with metadata": with_metadata,
    "brand of items": lambda: heics.heic(UPRIGHT, brand=b"mif1"),
}


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("name", FILES)
def test_resize_has_the_pixels_that_were_encoded(name: str) -> None:
    content = FILES[name]()
    facts = probe(BytesIO(content))
    assert (facts.format.extension, facts.frames, facts.has_alpha) == ("heic", 1, False)
    assert (facts.width, facts.height) == peer(content).size
    grey = "grey" in name
    expected = images.corners(UPRIGHT.convert("L") if grey else UPRIGHT)
    for size in ("64x64", "20x20", f"{facts.width}x"):
        image = made(content, Spec.make(size, format="png"))
        assert image.mode == ("L" if grey else "RGB")
        for seen, color in zip(images.corners(image), expected, strict=True):
            assert images.near(seen, color, 4), (size, seen, color)


@pytest.mark.slow
@pytest.mark.acceptance(33)
def test_cells_of_a_grid_join_without_a_seam() -> None:
    picture = images.photograph(192, 128)
    whole = made(heics.heic(picture), Spec.make("192x128", format="png"))
    for size, least in (("192x128", 0.9999), ("96x64", 0.99), ("24x16", 0.98)):
        spec = Spec.make(size, format="png")
        tiled, single = made(heics.grid(picture, 64), spec), made(heics.heic(picture), spec)
        assert images.ssim(tiled, single) > least
    assert images.ssim(whole, picture) > 0.99


@pytest.mark.acceptance(32, 72)
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("angle", [0, 1, 2, 3])
def test_boxes_for_orientation_turn_as_pi_heif_does(angle: int, axis: int | None) -> None:
    turn, mirror = heics.turn(angle), [] if axis is None else [heics.mirror(axis)]
    for properties in ([turn, *mirror], [*mirror, turn]):
        content = heics.grid(UPRIGHT, 64, *properties)
        expected, facts = peer(content), probe(BytesIO(content))
        assert (facts.width, facts.height) == expected.size
        image = made(content)
        for seen, color in zip(images.corners(image), images.corners(expected), strict=True):
            assert images.near(seen, color, 4)
        engine_made = engine.make(BytesIO(content), Spec.make("40x", format="jpg"))
        assert engine_made.height == round(40 * facts.height / facts.width)


@pytest.mark.acceptance(72)
def test_orientation_in_exif_is_ignored() -> None:
    facts = probe(BytesIO(with_metadata()))
    assert (facts.width, facts.height, facts.orientation) == (128, 96, 1)


@pytest.mark.parametrize("box", [(100, 60, 0, 0), (99, 61, 3, -5), (64, 64, -64, -32)])
def test_aperture_leaves_the_part_that_pi_heif_leaves(box: tuple[int, int, int, int]) -> None:
    picture = images.photograph(128, 96)
    for content in (
        heics.heic(picture, heics.aperture(*box)),
        heics.grid(picture, 64, heics.aperture(*box)),
    ):
        expected = peer(content)
        image = made(content, Spec.make(f"{box[0]}x{box[1]}", format="png"))
        assert image.size == expected.size == box[:2]
        assert images.ssim(image, expected) > 0.999


@pytest.mark.acceptance(33)
def test_transparency_is_kept_or_flattened() -> None:
    picture = images.quadrants(64, 64).convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 32, 32))
    content = heics.heic(picture)
    assert probe(BytesIO(content)).has_alpha
    image = made(content)
    assert image.mode == "RGBA"
    assert image.getchannel("A").getextrema() == (0, 255)
    flat = made(content, Spec.make("64x64", format="jpg", background="00ff00"))
    assert images.near(images.corners(flat)[0], (0, 255, 0))


@pytest.mark.acceptance(33)
def test_colours_of_a_profile_and_of_numbers_are_converted() -> None:
    picture = Image.new("RGB", (64, 64), (120, 200, 80))
    numbers = made(heics.heic(picture, heics.numbers_box(12, 13, 1)))
    plain = made(heics.heic(picture))
    srgb = made(heics.heic(picture, heics.profile_box(images.srgb_profile())))
    assert images.near(images.mean(plain), (120, 200, 80), 3)
    assert images.near(images.mean(srgb), images.mean(plain), 1)
    assert images.near(images.mean(numbers), (89, 203, 56), 4)  # of Display P3


def test_high_dynamic_range_is_refused() -> None:
    content = heics.heic(UPRIGHT, heics.numbers_box(9, 16, 9), depth=10)
    with pytest.raises(UnsupportedType, match="high dynamic range"):
        probe(BytesIO(content))


@pytest.mark.parametrize("primary", [1, 2, 3])
def test_primary_image_of_a_burst_is_made(primary: int) -> None:
    colors = (images.RED, images.GREEN, images.BLUE)
    burst = [heics.coded_item(heics.coded(Image.new("RGB", (64, 64), each))) for each in colors]
    content = heics.write(burst, primary=primary)
    assert images.near(images.mean(made(content)), colors[primary - 1], 3)
    assert peer(content).size == (64, 64)


# Stripping


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("name", ["one image", "grid"])
def test_stripped_file_has_the_same_pixels_and_no_metadata(name: str) -> None:
    cells = [heics.coded_item(heics.coded(UPRIGHT.crop((0, 0, 64, 64))))] * 4
    grid = heics.grid_item(2, 2, (128, 96), [2, 3, 4, 5], heics.turn(1))
    content = with_metadata() if name == "one image" else with_metadata(grid, *cells)
    stripped = strip(BytesIO(content)).read()
    assert len(stripped) == len(content)
    for secret in (b"Camera 7", b"Ada", b"xmpmeta", b"52.5"):
        assert secret in content
        assert secret not in stripped
    assert peer(stripped).tobytes() == peer(content).tobytes()
    assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(content), PNG)
    assert strip(BytesIO(stripped)).read() == stripped


@pytest.mark.acceptance(36)
def test_no_resize_has_metadata() -> None:
    for format in ("jpg", "png", "webp", "avif"):
        content = engine.make(BytesIO(with_metadata()), Spec.make("64x64", format=format)).content
        assert not any(secret in content for secret in (b"Camera 7", b"Ada", b"xmpmeta"))


def message(text: bytes) -> bytes:
    """Write a unit with a message of an application (H.265, D.2.7)."""
    body = bytes(16) + text
    return b"\x4e\1\5" + bytes((len(body),)) + body + b"\x80"


@pytest.mark.acceptance(36)
def test_messages_in_the_data_are_stripped() -> None:
    real, unit = heics.coded(UPRIGHT), message(b"taken at home")
    data = struct.pack(">I", len(unit)) + unit + real.data
    configured = real.configuration[:22] + bytes((real.configuration[22] + 1,))
    configured += b"\xa7\0\1" + struct.pack(">H", len(unit)) + unit + real.configuration[23:]
    content = heics.heic_of(heics.Coded(configured, data, real.size))
    assert content.count(b"taken at home") == 2
    stripped = strip(BytesIO(content)).read()
    assert b"taken" not in stripped
    assert len(stripped) == len(content)
    assert peer(stripped).tobytes() == peer(content).tobytes()
    unknown = b"\x7c\1secret"
    odd = heics.Coded(real.configuration, struct.pack(">I", 8) + unknown + real.data, real.size)
    with pytest.raises(NotStrippable):
        strip(BytesIO(heics.heic_of(odd)))


@given(st.integers(3, 3000))
def test_filler_message_has_its_length_and_holds_nothing(length: int) -> None:
    content = hevc.filler_message(length)
    assert len(content) == length
    at = 0
    while content[at:] != b"\x80":
        assert content[at] == 3
        at, size = at + 1, 0
        while content[at] == 255:
            at, size = at + 1, size + 255
        size, at = size + content[at], at + 1
        assert content[at : at + size] == b"\xff" * size
        at += size


def test_frames_of_a_sequence_are_counted_and_its_still_is_made() -> None:
    sizes = heics.full_box(b"stsz", struct.pack(">II", 0, 900))
    track = heics.box(b"minf", heics.box(b"stbl", sizes))
    content = heics.heic(UPRIGHT) + heics.box(
        b"moov", heics.box(b"trak", heics.box(b"mdia", track))
    )
    facts = probe(BytesIO(content))
    assert (facts.frames, facts.width) == (900, 128)
    assert engine.preview(BytesIO(content)).color
    assert made(content).size == (64, 48)


def test_sequence_is_not_stripped() -> None:
    content = heics.heic(UPRIGHT) + heics.box(b"moov", heics.box(b"trak"))
    assert made(content).size == (64, 48)
    with pytest.raises(NotStrippable):
        strip(BytesIO(content))


# Files that are broken, lying or hostile


def is_accepted(content: bytes) -> bool:
    with contextlib.suppress(Undecodable, UnsupportedType):
        engine.preview(BytesIO(content))
        return True
    return False


@pytest.mark.acceptance(30, 71)
@pytest.mark.parametrize("name", ["one image", "grid", "with metadata"])
def test_cut_file_is_refused_or_can_be_made(name: str) -> None:
    content = FILES[name]()
    for percent in range(1, 100, 2):
        cut = content[: len(content) * percent // 100]
        if is_accepted(cut):
            made(cut, Spec.make("128x96", format="jpg"))


def lying(size: tuple[int, int]) -> bytes:
    """Write an image whose box says another size than its data."""
    item = heics.coded_item(heics.coded(UPRIGHT))
    item.properties[1] = heics.size_box(*size)
    return heics.write([item])


def doubled() -> bytes:
    item = heics.coded_item(heics.coded(UPRIGHT))
    return heics.write([heics.Item(b"hvc1", item.data * 2, item.properties)])


def derived(type: bytes, *cells: int) -> bytes:
    item = heics.coded_item(heics.coded(UPRIGHT))
    outer = heics.Item(type, b"", [heics.size_box(128, 96)], [(b"dimg", list(cells))])
    inner = heics.grid_item(1, 1, (128, 96), [3])
    return heics.write([outer, inner, item])


def nested_grid() -> bytes:
    item = heics.coded_item(heics.coded(UPRIGHT))
    outer = heics.grid_item(1, 1, (128, 96), [2])
    return heics.write([outer, heics.grid_item(1, 1, (128, 96), [3]), item])


def grid_of(cells: int, size: tuple[int, int] = (128, 96)) -> bytes:
    item = heics.coded_item(heics.coded(UPRIGHT))
    return heics.write([heics.grid_item(2, 2, size, [2] * cells), item])


HOSTILE: dict[str, tuple[Callable[[], bytes], type[MediaError]]] = {
    "data is larger than its box": (lambda: lying((8, 8)), Undecodable),
    "data is smaller than its box": (lambda: lying((512, 512)), Undecodable),
    "no width": (lambda: lying((0, 96)), Undecodable),
    "two pictures in one item": (doubled, Undecodable),
    "overlay": (lambda: derived(b"iovl", 3, 3), UnsupportedType),
    "identity of two": (lambda: derived(b"iden", 3, 3), UnsupportedType),
    "identity of itself": (lambda: derived(b"iden", 1), UnsupportedType),
    "tone map": (lambda: derived(b"tmap", 3), UnsupportedType),
    "grid of a grid": (nested_grid, UnsupportedType),
    "too few cells": (lambda: grid_of(3), Undecodable),
    "cells that leave a gap": (lambda: grid_of(4, (300, 96)), Undecodable),
    "JPEG inside": (
        lambda: heics.write([heics.Item(b"jpeg", b"\xff\xd8", [heics.size_box(8, 8)])]),
        UnsupportedType,
    ),
    "no items": (lambda: heics.write([], primary=1), UnsupportedType),
}


@pytest.mark.acceptance(30, 73)
@pytest.mark.parametrize("name", HOSTILE)
def test_lying_file_is_refused(name: str) -> None:
    write, error = HOSTILE[name]
    with pytest.raises(error):
        engine.preview(BytesIO(write()))


def in_pieces(items: int) -> bytes:
    """Write an AVIF whose items lie in 65,535 pieces each, of which the box says nothing."""
    count = struct.pack(">H", items)
    pieces = b"".join(struct.pack(">HHH", item, 0, 65_535) for item in range(1, items + 1))
    meta = heics.full_box(
        b"meta",
        heics.full_box(b"pitm", b"\0\1"),
        heics.box(b"iprp", heics.box(b"ipco")),
        heics.full_box(b"iloc", b"\0\0", count, pieces),
    )
    return heics.box(b"ftyp", b"avif", bytes(4), b"mif1avif") + meta


@pytest.mark.acceptance(73)
def test_items_in_many_pieces_are_refused() -> None:
    with pytest.raises(Undecodable, match="pieces"):
        probe(BytesIO(in_pieces(2)))


@pytest.mark.slow
@pytest.mark.acceptance(73)
def test_units_of_all_items_count_together() -> None:
    size = [heics.size_box(128, 96)]
    padding = heics.Item(b"av01", b"\x7a\0" * 9_000, size)
    with pytest.raises(Undecodable, match="units"):
        probe(BytesIO(heics.write([padding] * 6, brand=b"avif")))
    coded = heics.coded_item(heics.coded(UPRIGHT))
    empty = struct.pack(">IBB", 2, 38 << 1, 1)
    cells = [heics.Item(b"hvc1", empty * 9_000 + coded.data, coded.properties)] * 6
    content = heics.write([heics.grid_item(3, 2, (384, 192), [*range(2, 8)]), *cells])
    with pytest.raises(Undecodable, match="units"):
        probe(BytesIO(content))


@pytest.mark.acceptance(73)
def test_identity_of_an_image_is_made() -> None:
    image = made(derived(b"iden", 3))
    assert images.near(images.corners(image)[0], images.RED)


def sequence_parameter_set(width: int, height: int) -> bytes:
    """Write a parameter set of no picture, as far as its size."""

    def golomb(value: int) -> str:
        return "0" * ((value + 1).bit_length() - 1) + f"{value + 1:b}"

    bits = (
        "0" * 4 + "000" + "1" + "0" * 96 + golomb(0) + golomb(1) + golomb(width) + golomb(height)
    )
    bits += "1" * (-len(bits) % 8 + 8)
    return b"\x42\x01" + int(bits, 2).to_bytes(len(bits) // 8, "big")


def declaring(width: int, height: int, *, inside: bool = False) -> bytes:
    """Write an image whose data declares a size, in its box or among its units."""
    unit = sequence_parameter_set(width, height)
    real = heics.coded(UPRIGHT)
    if inside:
        data = struct.pack(">I", len(unit)) + unit + real.data
        return heics.heic_of(heics.Coded(real.configuration, data, real.size))
    return heics.heic_of(heics.Coded(heics.configuration([unit]), real.data, real.size))


@pytest.mark.acceptance(25, 73)
@pytest.mark.parametrize(
    "bomb",
    [
        lambda: declaring(65_535, 65_535),
        lambda: declaring(65_535, 65_535, inside=True),
        lambda: heics.grid_of_one((60_000, 60_000), 4, heics.coded(UPRIGHT)),
    ],
)
def test_bomb_is_refused_before_the_decoder(
    bomb: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bomb()
    monkeypatch.setattr(decoders, "load", None)
    for work in (probe, engine.preview):
        with pytest.raises((TooManyPixels, Undecodable)):
            work(BytesIO(content))


@pytest.mark.acceptance(73)
def test_size_is_found_in_a_set_that_is_called_another_unit() -> None:
    real, unit = heics.coded(UPRIGHT), sequence_parameter_set(65_535, 65_535)
    count = bytes((real.configuration[22] + 1,))
    hidden = b"\xa2\0\1" + struct.pack(">H", len(unit)) + unit  # in a list of picture sets
    configured = real.configuration[:22] + count + hidden + real.configuration[23:]
    with pytest.raises((TooManyPixels, Undecodable)):
        probe(BytesIO(heics.heic_of(heics.Coded(configured, real.data, real.size))))


@pytest.mark.acceptance(36)
def test_parameter_set_that_is_called_a_message_stays() -> None:
    real = heics.coded(UPRIGHT)
    configured = real.configuration[:23] + b"\xa7" + real.configuration[24:]
    content = heics.heic_of(heics.Coded(configured, real.data, real.size))
    assert strip(BytesIO(content)).read() == content


@pytest.mark.acceptance(73)
def test_grid_of_too_many_cells_is_refused() -> None:
    cell = heics.coded(Image.new("RGB", (64, 64), images.RED))
    with pytest.raises(Undecodable, match="2025 cells"):
        probe(BytesIO(heics.grid_of_one((2880, 2880), 45, cell)))
    assert probe(BytesIO(heics.grid_of_one((2816, 2816), 44, cell))).width == 2816


@pytest.mark.acceptance(73)
def test_cells_count_together_against_the_limit() -> None:
    cell = heics.coded(Image.new("RGB", (64, 64), images.RED))
    with pytest.raises(TooManyPixels):
        probe(BytesIO(heics.grid_of_one((640, 640), 10, cell)), SourceLimits(pixels=400_000))


# Without pi-heif


def test_missing_decoder_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    content = heics.heic(UPRIGHT)
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    decoders.load.cache_clear()
    try:
        with pytest.raises(MissingExtra, match=r"pi-heif.*\[heic\]"):
            engine.preview(BytesIO(content))
        assert probe(BytesIO(content)).width == 128
    finally:
        decoders.load.cache_clear()


# Real files


@pytest.mark.slow
@pytest.mark.acceptance(30, 33, 72)
def test_real_files_have_the_size_and_colours_that_pi_heif_sees(corpus: Path) -> None:
    refused = ("corrupted", "truncated", "special_200MP")
    made_of: list[str] = []
    for path in sorted((corpus / "heif").glob("*.[h]*")):
        if path.name.startswith(refused):
            with pytest.raises(MediaError):
                engine.preview(BytesIO(path.read_bytes()))
            continue
        if path.name == "other_invalid_id.heic":  # pi-heif takes its thumbnail for it
            continue
        content = path.read_bytes()
        facts, seen = probe(BytesIO(content)), peer(content)
        assert (facts.width, facts.height) == seen.size, path.name
        expected = _in_srgb(
            seen if seen.mode == "I;16" else seen.reduce(max(1, seen.width // 256))
        )
        spec = Spec.make("200x200", format="png")
        image = made(content, spec)
        assert images.near(images.mean(image), images.mean(expected), 3), path.name
        assert made(strip(BytesIO(content)).read(), spec).tobytes() == image.tobytes()
        made_of.append(path.name)
    assert len(made_of) > 25


def _in_srgb(image: Image.Image) -> Image.Image:
    if image.mode == "I;16":
        return image.point(lambda sample: sample / 257).convert("L")
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "L":
        return image
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert converted is not None
    return converted
