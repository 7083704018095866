"""The engine: sizes, orientation, crops, canvas, metadata, threads."""

from __future__ import annotations

import threading
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop
from shift_media.core.spec import CENTRE, Crop, Focal, Limits, Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from tests.imaging import images
from tests.imaging.making import made

ORIENTED = ["jpg", "png", "webp", "avif"]
OUTPUTS = ["jpg", "png", "webp", "avif", "gif"]


SOURCES = {
    (format, orientation, size): images.oriented(format, orientation, images.quadrants(*size))
    for format in ORIENTED
    for orientation in (1, 3, 6, 7)
    for size in ((1, 1), (1, 2), (39, 39), (53, 17))
}
small_sides = st.integers(1, 90)


@st.composite
def small_specs(draw: st.DrawFn) -> Spec:
    mode = draw(st.sampled_from(["fit", "fill", "pad", "stretch"]))
    width, height = draw(small_sides), draw(small_sides)
    open_side = draw(st.sampled_from(["neither", "width", "height"])) if mode == "fit" else None
    crops = st.builds(Crop, *[st.integers(0, 60)] * 2, *[st.integers(1, 60)] * 2)
    focals = st.builds(Focal, *[st.integers(0, 100)] * 2).filter(lambda point: point != CENTRE)
    format = draw(st.sampled_from(OUTPUTS))
    return Spec(
        width=None if open_side == "width" else width,
        height=None if open_side == "height" else height,
        mode=mode,  # type: ignore[arg-type]
        quality=99 if format in ("png", "gif") else draw(st.integers(1, 99)),
        upscale=draw(st.booleans()),
        format=format,
        background=draw(st.none() | st.just("ff8800")) if mode == "pad" else None,
        crop=draw(st.none() | crops),
        focal=draw(st.none() | focals) if mode == "fill" else None,
    )


@pytest.mark.slow
@pytest.mark.acceptance(34)
@settings(max_examples=150)
@given(st.sampled_from(sorted(SOURCES)), small_specs())
def test_resize_has_the_promised_size(
    source: tuple[str, int, tuple[int, int]], spec: Spec
) -> None:
    width, height = source[2]
    content = BytesIO(SOURCES[source])
    try:
        promised = geometry.output_size(spec, width, height)
    except EmptyCrop:
        with pytest.raises(EmptyCrop):
            engine.make(content, spec)
        return
    result = engine.make(content, spec, output=Limits(side=20_000, area=10**9))
    assert (result.width, result.height) == promised
    assert images.opened(result.content).size == promised
    assert min(promised) >= 1


@pytest.mark.acceptance(34)
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (940, 2), (39, 39)])
@pytest.mark.parametrize("mode", ["fit", "fill", "pad", "stretch"])
@pytest.mark.parametrize("target", ["1x1", "320x320", "100x100"])
def test_resize_of_an_odd_original_has_the_promised_size(
    size: tuple[int, int], mode: str, target: str
) -> None:
    content = images.encoded(images.quadrants(*size), "png")
    for upscale in (False, True):
        made(content, target, mode=mode, upscale=upscale)


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ORIENTED)
def test_every_orientation_is_turned_upright_once(format: str, orientation: int) -> None:
    content = images.oriented(format, orientation, images.quadrants(64, 40))
    image = made(content, "32x32")
    assert image.size == (32, 20)
    for seen, expected in zip(images.corners(image), images.CORNERS, strict=True):
        assert images.near(seen, expected)
    again = BytesIO(engine.make(BytesIO(content), Spec.make("32x", format="jpg")).content)
    assert probe(again).orientation == 1


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpg", "png"])
def test_crop_box_refers_to_the_upright_image(format: str, orientation: int) -> None:
    content = images.oriented(format, orientation, images.quadrants(640, 400))
    boxes = [(0, 0), (320, 0), (0, 200), (320, 200)]
    for (x, y), expected in zip(boxes, images.CORNERS, strict=True):
        image = made(content, "80x80", mode="fit", crop=(x, y, 320, 200))
        assert image.size == (80, 50)
        assert all(images.near(color, expected) for color in images.corners(image))


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
def test_focal_point_refers_to_the_upright_image(orientation: int) -> None:
    content = images.oriented("jpg", orientation, images.quadrants(640, 400))
    left = made(content, "40x80", mode="fill", focal=(0, 50))
    right = made(content, "40x80", mode="fill", focal=(100, 50))
    assert images.near(images.corners(left)[0], images.RED)
    assert images.near(images.corners(right)[0], images.GREEN)


def test_each_mode_shows_the_promised_part() -> None:
    content = images.encoded(images.quadrants(120, 60), "png")
    assert made(content, "60x60", mode="fit").size == (60, 30)
    padded = made(content, "60x60", mode="pad").convert("RGBA")
    assert padded.getpixel((30, 5)) == (0, 0, 0, 0)
    assert images.near(padded.getpixel((10, 20))[:3], images.RED)  # type: ignore[index]
    on_white = made(content, "60x60", mode="pad", format="jpg")
    assert images.near(on_white.getpixel((30, 3)), images.WHITE, 4)  # type: ignore[arg-type]
    colored = made(content, "60x60", mode="pad", background="#102030")
    assert colored.convert("RGB").getpixel((30, 5)) == (16, 32, 48)
    stretched = made(content, "60x60", mode="stretch")
    assert [
        images.near(a, b) for a, b in zip(images.corners(stretched), images.CORNERS, strict=True)
    ] == [True] * 4


def test_padded_gif_has_a_transparent_border() -> None:
    content = images.encoded(images.quadrants(120, 60), "jpg")
    padded = made(content, "60x60", mode="pad", format="gif").convert("RGBA")
    corner = padded.getpixel((30, 5))
    assert isinstance(corner, tuple)
    assert corner[3] == 0
    assert images.near(images.over_white(padded).getpixel((10, 20)), images.RED, 12)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("background", "expected"), [(None, (255, 255, 255)), ("204060", (32, 64, 96))]
)
def test_alpha_is_flattened_for_jpeg(
    background: str | None, expected: tuple[int, int, int]
) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    flat = made(images.encoded(image, "png"), "20x20", format="jpg", background=background)
    assert images.near(flat.getpixel((9, 9)), expected, 2)  # type: ignore[arg-type]


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("format", ["png", "webp", "avif"])
def test_transparency_is_kept_in_formats_with_alpha(format: str) -> None:
    image = images.quadrants(64, 64).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    result = made(images.encoded(image, "png"), "32x32", format=format).convert("RGBA")
    assert result.getpixel((5, 5))[3] == 0  # type: ignore[index]
    assert result.getpixel((28, 5))[3] == 255  # type: ignore[index]


def test_colour_under_transparency_leaves_no_fringe() -> None:
    image = Image.new("RGBA", (64, 64), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 31, 64))
    result = made(images.encoded(image, "png"), "20x20").convert("RGBA")
    pixels = [result.getpixel((x, 9)) for x in range(20)]
    assert all(p[1] < 12 for p in pixels if isinstance(p, tuple) and p[3] > 8)


@pytest.mark.acceptance(24, 36)
@pytest.mark.parametrize("output", OUTPUTS)
def test_resize_contains_no_metadata_and_no_appended_byte(output: str) -> None:
    secret = b"GEHEIM51.4778"
    tags = images.exif(6, artist=secret.decode())
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", secret.decode())
    profile = images.srgb_profile()
    picture = images.quadrants()
    jpeg = images.encoded(picture, "jpg", exif=tags, comment=secret, icc_profile=profile)
    jpeg = images.with_segments(jpeg, (0xED, b"Photoshop 3.0\0" + secret))
    sources = [
        jpeg + b"<script>" + secret + b"</script>PK\x03\x04",
        images.encoded(picture, "png", pnginfo=text, exif=tags, icc_profile=profile) + secret,
        images.encoded(picture, "webp", exif=tags, xmp=secret, icc_profile=profile),
        images.encoded(picture, "avif", exif=tags, xmp=secret),
        images.encoded(picture.quantize(8), "gif", comment=secret) + secret,
    ]
    for source in sources:
        content = engine.make(BytesIO(source), Spec.make("40x40", format=output)).content
        for needle in (secret, b"Exif", b"http://ns.adobe", b"ICC_PROFILE", b"iCCP", b"<script>"):
            assert needle not in content
        assert not {"exif", "xmp", "icc_profile", "comment"} & set(images.opened(content).info)


@pytest.mark.acceptance(35)
def test_phone_jpeg_with_a_second_picture_is_resized() -> None:
    output = BytesIO()
    picture = images.quadrants(200, 120)
    picture.save(output, "MPO", save_all=True, append_images=[picture.rotate(180)])
    seen = images.corners(made(output.getvalue(), "100x100"))
    assert [images.near(a, b) for a, b in zip(seen, images.CORNERS, strict=True)] == [True] * 4


@pytest.mark.acceptance(31)
def test_picture_with_broken_exif_is_resized() -> None:
    broken = (0xE1, b"Exif\0\0II*\0\x08\0\0\0" + b"\x01\0\x1a\x01\x05\0" + b"\xff" * 9)
    content = images.with_segments(images.encoded(images.quadrants(), "jpg"), broken)
    assert images.near(images.corners(made(content, "32x32"))[0], images.RED)


def test_global_state_of_pillow_is_not_changed() -> None:
    before = (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
    engine.make(BytesIO(images.oriented("png", 6)), Spec.make("10x10", format="gif"))
    after = (Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK)
    assert after == before


@pytest.mark.slow
def test_many_threads_make_the_same_resizes_as_one() -> None:
    contents = [images.oriented(format, 6, images.photograph(90, 60)) for format in ORIENTED]
    specs = [Spec.make("40x40", format=format) for format in OUTPUTS]
    alone = [engine.make(BytesIO(c), s).content for c in contents for s in specs]
    results: list[list[bytes]] = []

    def work() -> None:
        results.append([engine.make(BytesIO(c), s).content for c in contents for s in specs])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [alone] * 4


@pytest.mark.slow
@pytest.mark.parametrize(("size", "limit"), [("400x400", 0.002), ("900x900", 0.002)])
@pytest.mark.parametrize("shape", [(2003, 1501), (2048, 1536)])
def test_shrinking_while_decoding_looks_like_full_decoding(
    shape: tuple[int, int], size: str, limit: float
) -> None:
    """Both are compared with the picture resized before encoding; odd sizes show a lost box."""
    picture = images.photograph(*shape)
    content = images.encoded(picture, "jpg", quality=92, subsampling="4:2:0")
    ours = made(content, size, format="png").convert("RGB")
    truth = picture.resize(ours.size, Image.Resampling.LANCZOS)
    full = images.opened(content).resize(ours.size, Image.Resampling.LANCZOS)
    assert images.ssim(ours, truth) >= images.ssim(full, truth) - limit


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 6])
def test_bands_of_a_large_picture_leave_no_seam(orientation: int) -> None:
    """A gradient has no edge, so a misplaced band would be visible as a step."""
    slope = Image.linear_gradient("L").resize((3000, 3200), Image.Resampling.BICUBIC)
    picture = Image.merge("RGBA", (slope, slope.rotate(180), slope, slope.rotate(180)))
    content = images.oriented("png", orientation, picture)
    image = made(content, "500x800", mode="stretch").convert("RGBA")
    small = np.asarray(picture.resize((500, 800), Image.Resampling.BOX), dtype=int)
    seen = np.asarray(image, dtype=int)
    visible = small[..., 3] > 80  # a step of 1 in premultiplied colours is 3 there
    assert abs(seen - small)[visible].max() <= 3
    assert abs(np.diff(seen[..., 3], axis=0)).max() <= 1


def test_orientation_in_exif_of_an_avif_is_ignored() -> None:
    """`irot` and `imir` count, as in browsers; with EXIF the picture would be turned twice."""
    content = images.oriented("avif", 6, images.quadrants(64, 40))
    assert ImageOps.exif_transpose(images.opened(content)).size == (64, 40)
    assert made(content, "64x64").size == (64, 40)
