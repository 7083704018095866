"""When a mezzanine replaces its original, and that resizes made from it are as good."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shift_media.core import geometry
from shift_media.core.keys import OriginalKey, new_original_key, parse_key
from shift_media.core.spec import Spec
from shift_media.imaging import engine, mezzanine
from tests.imaging import images
from tests.kept import kept

OPTIONS = {
    "jpg": {"quality": 90},
    "png": {"compress_level": 1},
    "webp": {"quality": 90, "method": 0},
    "tif": {"compression": "jpeg", "quality": 90},
}


def _encoded(image: Image.Image, extension: str, options: dict[str, Any]) -> bytes:
    if extension != "tif":
        return images.encoded(image, extension, **options)
    output = BytesIO()
    image.save(output, "TIFF", **options)
    return output.getvalue()


def original(extension: str = "jpg") -> OriginalKey:
    return new_original_key("photo", extension)


def spec(size: str, **options: object) -> Spec:
    return Spec.make(size, **{"format": "jpg", **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("extension", "kept"),
    [
        ("jpg", "jpg"),
        ("png", "png"),
        ("webp", "webp"),
        ("avif", "webp"),
        ("heic", "webp"),
        ("tif", "webp"),
        ("jp2", "webp"),
        ("jxl", "webp"),
        ("bmp", None),
        ("gif", None),
        ("mp4", None),
    ],
)
def test_mezzanine_has_alpha_if_the_original_may_have_it(extension: str, kept: str | None) -> None:
    key = mezzanine.mezzanine_key(original(extension))
    assert (key and key.extension) == kept
    if key is not None:
        assert str(key).endswith(f"/_m/2048.{kept}")
        assert parse_key(str(key)) == key


@pytest.mark.parametrize(
    ("extension", "resize", "supported"),
    [
        ("jpg", spec("1365x1365"), True),
        ("jpg", spec("1366x1366"), False),
        ("jpg", spec("1366x"), False),
        ("jpg", spec("x200"), True),
        ("jpg", spec("200x200", mode="fill", focal=(10, 90)), True),
        ("jpg", spec("200x200", crop=(0, 0, 10, 10)), False),
        ("webp", spec("1024x"), True),
        ("webp", spec("1025x"), False),
        ("gif", spec("100x"), False),
        ("mp4", spec("100x"), False),
    ],
)
def test_spec_alone_decides_whether_a_mezzanine_is_looked_up(
    extension: str, resize: Spec, supported: bool
) -> None:
    assert mezzanine.supports(original(extension), resize) is supported


@pytest.mark.parametrize(
    ("size", "frames", "worth"),
    [
        ((4032, 3024), 1, True),  # a common phone
        ((3024, 4032), 1, True),
        ((3548, 3548), 1, True),
        ((3500, 3500), 1, False),
        ((2000, 1500), 1, False),
        ((4032, 3024), 2, False),
    ],
)
def test_mezzanine_is_worthwhile_for_large_stills_alone(
    size: tuple[int, int], frames: int, worth: bool
) -> None:
    assert mezzanine.is_worthwhile(*size, frames) is worth


SPECS = st.one_of(
    st.builds(
        lambda w, h, mode: spec(f"{w}x{h}", mode=mode),
        st.integers(1, 1365),
        st.integers(1, 1365),
        st.sampled_from(["fit", "fill", "pad", "stretch"]),
    ),
    st.builds(lambda w: spec(f"{w}x"), st.integers(1, 1365)),
    st.builds(lambda h: spec(f"x{h}"), st.integers(1, 1365)),
)


@given(SPECS, st.integers(2049, 20_000), st.integers(1, 20_000), st.booleans())
def test_substitute_spec_gives_the_size_promised_for_the_original(
    resize: Spec, longer: int, shorter: int, upright: bool
) -> None:
    size = (longer, min(shorter, longer))
    size = size[::-1] if upright else size
    key = original()
    smaller = geometry.output_size(mezzanine.mezzanine_spec(key), *size)
    substitute = mezzanine.substitute_spec(key, resize, size, smaller)
    if substitute is None:
        return
    assert geometry.output_size(substitute, *smaller) == geometry.output_size(resize, *size)
    plan = geometry.plan(substitute, *smaller)
    seen = (plan.box[2] - plan.box[0], plan.box[3] - plan.box[1])
    for side, have in zip(plan.size, seen, strict=True):
        assert have >= 1.5 * side - 2  # never enlarged, and made from enough pixels


def test_mezzanine_of_a_long_strip_is_too_small_for_a_fill() -> None:
    key, size = original(), (20_000, 400)
    smaller = geometry.output_size(mezzanine.mezzanine_spec(key), *size)
    assert smaller == (2048, 41)
    assert mezzanine.substitute_spec(key, spec("200x200", mode="fill"), size, smaller) is None
    assert mezzanine.substitute_spec(key, spec("400x"), size, smaller) is not None


@pytest.mark.slow
@pytest.mark.parametrize("extension", OPTIONS)
def test_resize_of_a_mezzanine_loses_at_most_the_measured_bound(extension: str) -> None:
    key, best = original(extension), images.photograph(3601, 2399)
    options = OPTIONS[extension]
    content = kept(extension, lambda: _encoded(best, extension, options), __file__)
    made = engine.make(BytesIO(content), mezzanine.mezzanine_spec(key)).content
    smaller = images.opened(made).size
    for resize in (spec("200x"), spec("900x600", mode="fill")):
        substitute = mezzanine.substitute_spec(key, resize, best.size, smaller)
        assert substitute is not None
        alone = images.opened(engine.make(BytesIO(content), resize).content)
        seen = images.opened(engine.make(BytesIO(made), substitute).content)
        assert seen.size == alone.size
        box = geometry.plan(resize, *best.size).box
        full = best.resize(alone.size, Image.Resampling.LANCZOS, box)
        assert images.ssim(seen, full) > images.ssim(alone, full) - 0.002


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["png", "webp"])
def test_mezzanine_keeps_transparency(extension: str) -> None:
    image = Image.new("RGBA", (2400, 1200), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 1200, 1200))
    content = images.encoded(image, extension, lossless=True)
    made = engine.make(BytesIO(content), mezzanine.mezzanine_spec(original(extension))).content
    alpha = images.opened(made).getchannel("A")
    assert (alpha.getpixel((20, 20)), alpha.getpixel((2000, 20))) == (255, 0)


def test_unpack_returns_packed_content_and_refuses_damaged_bytes() -> None:
    content = images.encoded(images.quadrants(40, 30), "jpg")
    packed = mezzanine.pack(content, (4032, 3024))
    assert mezzanine.unpack(packed) == (content, (4032, 3024))
    assert images.opened(packed).size == (40, 30)
    damaged = [
        packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :] for at in range(0, len(packed), 7)
    ]
    cut = [packed[:at] for at in range(0, len(packed), 11)]
    for wrong in (*damaged, *cut, content, b"", packed + b"\n", packed + packed[-99:]):
        assert mezzanine.unpack(wrong) is None
