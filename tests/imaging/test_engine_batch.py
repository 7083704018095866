"""Many resizes from one decode: the same sizes, the same pictures, one reading."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from shift_media.core.errors import EmptyCrop, LimitExceeded, Undecodable
from shift_media.core.spec import Limits, Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import batch, transform
from tests.imaging import images

PHOTOGRAPH = images.photograph(900, 600)
WIDTHS = (450, 700, 300, 150, 60, 20)


def ladder(*formats: str, widths: tuple[int, ...] = WIDTHS, **options: object) -> list[Spec]:
    return [
        Spec.make(f"{width}x", format=format, **options)  # type: ignore[arg-type]
        for width in widths
        for format in formats
    ]


def made(content: bytes, specs: list[Spec], **options: Limits) -> list[engine.Result]:
    return list(engine.make_many(BytesIO(content), specs, **options))


@pytest.mark.slow
@pytest.mark.parametrize("stored", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_each_resize_looks_as_if_made_alone(stored: str, orientation: int) -> None:
    content = images.oriented(stored, orientation, PHOTOGRAPH)
    specs = [
        *ladder("png"),
        Spec.make("100x100", format="png", mode="fill"),
        Spec.make("150x50", format="png", mode="stretch"),
        Spec.make("150x150", format="png", mode="pad", background="204060"),
        Spec.make("75x75", format="png", crop=(350, 50, 300, 450)),
        Spec.make("1000x", format="png", upscale=True),
    ]
    for spec, seen in zip(specs, made(content, specs), strict=True):
        alone = engine.make(BytesIO(content), spec)
        assert (seen.width, seen.height, seen.format) == (alone.width, alone.height, "png")
        pictures = [images.opened(each.content) for each in (seen, alone)]
        assert pictures[0].size == pictures[1].size == (seen.width, seen.height)
        if min(pictures[0].size) >= 16:
            assert images.ssim(*pictures) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [1, 6])
def test_resize_with_a_crop_is_made_from_larger_ones_of_the_same_crop_only(
    orientation: int,
) -> None:
    content = images.oriented("jpg", orientation, PHOTOGRAPH)
    shown: list[dict[str, object]] = [
        {"crop": (20, 50, 500, 500)},
        {"crop": (40, 50, 500, 500)},
        {"focal": (10.0, 90.0)},
        {},
    ]
    specs = [
        Spec.make(f"{side}x{side}", format="png", mode="fill", **options)  # type: ignore[arg-type]
        for side in (400, 200, 100, 50)
        for options in shown
    ]
    for spec, seen in zip(specs, made(content, specs), strict=True):
        alone = images.opened(engine.make(BytesIO(content), spec).content)
        assert images.ssim(images.opened(seen.content), alone) > 0.985


@pytest.mark.slow
def test_enlarged_resize_is_not_used_as_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = ladder("png", widths=(1200, 900, 700), upscale=True)
    asked: list[tuple[int, int]] = []

    def shrink(image: Image.Image, size: tuple[int, int]) -> Image.Image:
        asked.append(image.size)
        return best(image, size)

    best = transform.shrink
    monkeypatch.setattr(transform, "shrink", shrink)
    made(images.encoded(PHOTOGRAPH, "png"), specs)
    assert asked == []
    made(images.encoded(PHOTOGRAPH, "png"), ladder("png", widths=(1200, 900, 500, 250)))
    assert asked == [(900, 600), (500, 333)]


@pytest.mark.slow
def test_resize_loses_no_detail_beside_one_made_alone() -> None:
    content = images.encoded(PHOTOGRAPH, "jpg", subsampling="4:2:0")
    specs = ladder("png")
    for spec, seen in zip(specs, made(content, specs), strict=True):
        size = (seen.width, seen.height)
        best = PHOTOGRAPH.resize(size, Image.Resampling.LANCZOS)
        alone = images.opened(engine.make(BytesIO(content), spec).content)
        assert images.ssim(images.opened(seen.content), best) > images.ssim(alone, best) - 0.002


@pytest.mark.slow
def test_resizes_come_in_the_order_of_the_specs() -> None:
    content = images.encoded(PHOTOGRAPH, "jpg")
    specs = ladder("webp", "jpg", "gif", widths=(300, 80, 200))
    assert [(seen.width, seen.format) for seen in made(content, specs)] == [
        (spec.width, spec.format) for spec in specs
    ]


def test_transparency_and_its_edges_are_kept_over_several_steps() -> None:
    image = Image.new("RGBA", (640, 480), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 317, 480))
    _, small = made(images.encoded(image, "png"), ladder("png", widths=(640, 40)))
    row = [images.opened(small.content).getpixel((x, 9)) for x in range(40)]
    assert row[0] == (255, 0, 0, 255)
    assert row[-1] == (0, 0, 0, 0) or row[-1][3] == 0  # type: ignore[index]
    assert all(pixel[1] < 12 for pixel in row if pixel[3] > 8)  # type: ignore[index]


class Counted(BytesIO):
    """A file that counts the bytes that are read from it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.count += len(content)
        return content


@pytest.mark.parametrize("progressive", [False, True])
def test_original_is_read_once(progressive: bool) -> None:
    content = images.encoded(PHOTOGRAPH, "jpg", quality=95, progressive=progressive)
    source = Counted(content)
    assert len(list(engine.make_many(source, ladder("jpg", "webp")))) == 12
    assert source.count < 2.3 * len(content)  # the scans of a progressive JPEG are walked first


def test_bytes_needed_for_many_are_those_of_the_largest() -> None:
    content = images.encoded(PHOTOGRAPH, "jpg", quality=95, progressive=True)
    small, large = ladder("jpg", widths=(50, 350))
    alone = [engine.needed_bytes(BytesIO(content), spec) for spec in (small, large)]
    assert alone[0] < alone[1]
    assert engine.needed_bytes(BytesIO(content), small, large) == alone[1]
    beginning = content[: alone[1]]
    assert [r.width for r in made(beginning, [small, large])] == [50, 350]


def test_original_is_decoded_again_for_more_pixels_than_may_be_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "_MAX_HELD_PIXELS", 400_000)
    content = images.encoded(PHOTOGRAPH, "jpg", quality=95)
    source = Counted(content)
    seen = list(engine.make_many(source, ladder("jpg", "webp", widths=(800, 700, 100, 90))))
    assert [result.width for result in seen] == [800, 800, 700, 700, 100, 100, 90, 90]
    assert 1.9 * len(content) < source.count < 2.5 * len(content)


def test_animations_stay_animated_among_stills() -> None:
    frames = [images.quadrants(60, 40), images.quadrants(60, 40).transpose(Image.Transpose(0))]
    content = images.animated("webp", frames, [100, 100])
    seen = made(content, [Spec.make("30x", format=f) for f in ("webp", "jpg", "gif", "png")])
    counts = [getattr(images.opened(result.content), "n_frames", 1) for result in seen]
    assert counts == [2, 1, 2, 1]


def test_empty_list_of_specs_gives_no_resizes() -> None:
    assert made(images.encoded(PHOTOGRAPH, "jpg"), []) == []


@pytest.mark.slow
def test_impossible_spec_is_refused_before_decoding() -> None:
    content = images.encoded(PHOTOGRAPH, "jpg")
    good = Spec.make("100x", format="jpg")
    outside = Spec.make("100x", format="jpg", crop=(5000, 0, 10, 10))
    with pytest.raises(EmptyCrop):
        engine.make_many(BytesIO(content), [good, outside])
    large = Spec.make("600x", format="jpg")
    with pytest.raises(LimitExceeded):
        engine.make_many(BytesIO(content), [good, large], output=Limits(side=500, area=10**6))
    with pytest.raises(Undecodable):
        made(images.encoded(PHOTOGRAPH, "png")[:100_000], [good, large])
