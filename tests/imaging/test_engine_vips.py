"""The engine with libvips: the tests of Pillow run again, and those of libvips alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shift_media.core import geometry
from shift_media.core.errors import StorageError, Undecodable, UnsupportedType
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import vips
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.engine.vips import library, resampling
from shift_media.imaging.engine.vips.alignment import align
from shift_media.imaging.probe import read_header
from tests.imaging import (
    images,
    test_effects,
    test_engine,
    test_engine_batch,
    test_engine_color,
    test_engine_errors,
    test_engine_placeholder,
    test_hostile,
)
from tests.imaging.processes import run
from tests.kept import kept
from tests.parts import package

pyvips = package("pyvips", "vips")

AGAIN = (
    test_effects,
    test_engine,
    test_engine_batch,
    test_engine_color,
    test_engine_errors,
    test_engine_placeholder,
    test_hostile,
)
for module in AGAIN:
    globals().update({name: it for name, it in vars(module).items() if name.startswith("test_")})
del globals()["test_pillow_without_a_codec_is_an_error_with_a_code"]  # libvips has its own WebP.
del globals()["test_enlarged_resize_is_not_used_as_a_source"]  # It counts calls of Pillow.
cases = test_hostile.cases


@pytest.fixture(scope="module", autouse=True)
def _by_vips() -> Iterator[None]:
    """Decode with libvips by default."""
    functions = (engine.make, engine.make_many, engine.preview)
    for function in functions:
        function.__kwdefaults__["decoder"] = "vips"
    yield
    for function in functions:
        function.__kwdefaults__["decoder"] = "pillow"


def test_libvips_resamples_jpeg_png_and_webp_in_these_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for format, entered in (("jpg", True), ("png", True), ("webp", True), ("gif", False)):
        content = images.encoded(images.quadrants(), format)
        with monkeypatch.context() as patched:
            patched.setattr(library, "load", lambda: (_ for _ in ()).throw(ImportError("libvips")))
            if entered:
                with pytest.raises(ImportError, match="libvips"):
                    engine.make(BytesIO(content), Spec.make("32x", format="png"))
            else:
                engine.make(BytesIO(content), Spec.make("32x", format="png"))


def loss(content: bytes, side: int) -> float:
    spec = Spec.make(f"{side}x", format="jpg", quality=80)
    seen = images.opened(engine.make(BytesIO(content), spec, decoder="vips").content)
    best = images.opened(content).convert("RGB").resize(seen.size, Image.Resampling.LANCZOS)
    full = images.opened(images.encoded(best, "jpg", quality=80, subsampling="4:2:0"))
    return images.ssim(full, best) - images.ssim(seen, best)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("side", [150, 320, 500, 900])
def test_photograph_looks_like_a_full_decode(format: str, side: int) -> None:
    assert loss(images.encoded_photograph(1500, 1000, format), side) < 0.002


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_every_kind_of_png_gives_the_pixels_of_pillow(mode: str, interlaced: bool) -> None:
    picture = images.photograph(640, 480)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    if mode == "I;16":
        stored = picture.convert("I").point(lambda sample: sample * 257).convert("I;16")
    else:
        stored = picture.convert(mode)
    content = images.encoded(stored, "png")
    if interlaced:
        content = _interlaced(content)
    for size in ("600x", "90x"):
        spec = Spec.make(size, format="png")
        ours, theirs = (
            images.opened(engine.make(BytesIO(content), spec, decoder=decoder).content)
            for decoder in ("vips", "pillow")
        )
        assert ours.mode == theirs.mode
        least = 0.98 if mode == "1" else 0.997  # of dots in black and white
        assert images.ssim(images.over_white(ours), images.over_white(theirs)) > least
        assert images.near(images.mean(ours), images.mean(theirs), 1)


def _interlaced(content: bytes) -> bytes:
    return bytes(pyvips.Image.pngload_buffer(content).pngsave_buffer(interlace=True))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["png", "webp"])
def test_file_truncated_anywhere_raises_an_error(format: str) -> None:
    content = images.encoded(images.photograph(600, 400), format)
    for share in (0.3, 0.6, 0.9, 0.99):
        with pytest.raises(Undecodable):
            engine.make(
                BytesIO(content[: int(share * len(content))]), Spec.make("9x", format="png")
            )


class Failing(BytesIO):
    """A file that fails after its header, as a disk or a network does."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() + (size or 0) > 50_000:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["png", "webp"])
def test_failed_read_of_a_source_raises_storage_error(
    format: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content = images.encoded(images.photograph(900, 600), format, quality=98)
    with pytest.raises(StorageError):
        engine.make(Failing(content), Spec.make("90x", format="png"))
    assert "Traceback" not in capfd.readouterr().err


def test_only_the_loaders_of_png_and_webp_are_called() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect/></svg>'
    for content in (svg, b"%PDF-1.4\n", b"%!PS\n", images.encoded(images.quadrants(), "ppm")):
        with pytest.raises(UnsupportedType):
            engine.make(BytesIO(content), Spec.make("9x", format="png"))
    disguised = images.encoded(images.quadrants(), "png")[:33] + svg
    with pytest.raises(Undecodable):
        engine.make(BytesIO(disguised), Spec.make("9x", format="png"))


@pytest.mark.parametrize(
    ("format", "size", "alpha", "made", "chosen"),
    [
        ("png", (800, 600), False, (700, 525), True),
        ("png", (1000, 600), True, (100, 60), True),
        ("png", (600, 600), True, (100, 100), False),
        ("png", (500, 500), False, (100, 100), False),
        ("webp", (1200, 900), False, (600, 450), True),
        ("webp", (1200, 900), False, (900, 675), False),
        ("webp", (1200, 900), True, (400, 300), False),
        ("jpg", (1200, 900), False, (400, 300), True),
        ("jpg", (1200, 900), False, (300, 225), False),
        ("jpg", (1200, 900), False, (1300, 975), False),
        ("gif", (1200, 900), False, (400, 300), False),
    ],
)
def test_auto_takes_libvips_only_where_it_is_cheaper(
    format: str, size: tuple[int, int], alpha: bool, made: tuple[int, int], chosen: bool
) -> None:
    picture = images.quadrants(*size)
    if alpha:
        picture.putalpha(128)
    header = read_header(BytesIO(images.encoded(picture, format)))
    area = Area.of_all(*size, made)
    assert vips.should_resample(header, area, "auto") is chosen
    able = format != "gif" and not area.enlarges
    assert vips.should_resample(header, area, "vips") is able
    assert not vips.should_resample(header, area, "pillow")


WAVE = 50.0
"""Length of a wave in pixels."""


def find_shift(seen: Image.Image, box: tuple[float, float]) -> float:
    """Return by how many pixels of the original a resize of waves is shifted, by their phase."""
    values = np.asarray(seen.convert("L"), dtype=float)[4] - 128
    at = box[0] + (np.arange(len(values)) + 0.5) * (box[1] - box[0]) / len(values)
    turned = values * np.exp(-2j * np.pi * at / WAVE)
    return float(np.angle(turned[8:-8].mean()) * WAVE / (2 * np.pi))


@pytest.mark.parametrize("width", [1000, 1001, 1003, 1007])
@pytest.mark.parametrize("crop", [None, (101, 0, 777, 200)])
@pytest.mark.parametrize("format", ["jpg", "png"])
def test_resize_is_not_shifted_by_parts_of_a_pixel(
    format: str, width: int, crop: tuple[int, int, int, int] | None
) -> None:
    waves = 128 + 100 * np.cos(2 * np.pi * (np.arange(width) + 0.5) / WAVE)
    picture = Image.fromarray(np.tile(np.round(waves).astype(np.uint8), (200, 1)))
    content = images.encoded(picture, format)
    for size in ("400x", "131x", "77x"):
        spec = Spec.make(size, format="png", crop=crop)
        seen = images.opened(engine.make(BytesIO(content), spec, decoder="vips").content)
        box = (0.0, float(width)) if crop is None else (101.0, 878.0)
        assert abs(find_shift(seen, box)) < 0.2


@given(st.integers(1, 3000), st.floats(1, 12), st.floats(0, 500), st.sampled_from([0, 3]))
def test_window_of_libvips_meets_the_box(
    size: int, step: float, start: float, margin: int
) -> None:
    window = align(start, size * step, size, margin)
    if window is None:
        return
    made = round(window.length / window.step)
    first = window.start + (window.length - made * window.step) / 2
    assert abs(first + window.skipped * window.step - start) <= 0.06 * window.step + 1e-6
    assert margin <= window.skipped <= made - size - margin


@pytest.mark.parametrize(("size", "length"), [(1600, 2656.0), (1600, 2656.5), (900, 1125.25)])
def test_usual_boxes_have_a_window(size: int, length: float) -> None:
    window = align(0, length, size, 0)
    assert window is not None
    assert window.missed <= 0.02


@pytest.mark.parametrize("kind", ["damaged", "CMYK", "without an end"])
def test_jpeg_that_libvips_hesitates_at_is_made_by_pillow(kind: str) -> None:
    picture = images.photograph(600, 400)
    content = images.encoded(picture.convert("CMYK") if kind == "CMYK" else picture, "jpg")
    if kind == "damaged":
        content = content[:9000] + b"\xff\xd3" + content[9002:]
    if kind == "without an end":
        content = content[:-2]
    spec = Spec.make("300x", format="png")
    made = []
    for decoder in ("vips", "pillow"):
        try:
            made.append(engine.make(BytesIO(content), spec, decoder=decoder).content)  # type: ignore[arg-type]
        except Undecodable as error:
            made.append(error.code.encode())
    assert made[0] == made[1]


@pytest.mark.slow
def test_pyvips_is_imported_on_use() -> None:
    code = (
        "import sys; from shift_media.imaging import engine; from io import BytesIO;"
        "from PIL import Image; from shift_media.core.spec import Spec; b = BytesIO();"
        "Image.new('RGB', (40, 40)).save(b, 'PNG');"
        "engine.make(b, Spec.make('9x', format='png'), decoder='auto');"
        "assert 'pyvips' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_missing_pyvips_raises_an_error_that_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['pyvips'] = None;"
        "from shift_media.imaging.engine import vips; vips.load()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0
    assert "django-shift-media[vips]" in done.stderr


MEMORY = """
import sys
from io import BytesIO
from shift_media.imaging import engine
from shift_media.imaging.engine import vips
from shift_media.core.spec import Spec
from tests.imaging import images
def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
spec = Spec.make("400x400", format="jpg")
for format in ("png", "webp"):
    engine.make(BytesIO(images.encoded(images.quadrants(), format)), spec, decoder="vips")
with open("/proc/self/clear_refs", "w") as clear:
    clear.write("5")
idle = peak()
with open(sys.argv[1], "rb") as file:
    engine.make(file, spec, decoder=sys.argv[2])
print(peak() - idle)
"""


KEPT = """
from io import BytesIO
from shift_media.imaging import engine
from shift_media.core.spec import Spec
from tests.imaging import images
def now():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
spec = Spec.make("50x", format="jpg")
content = images.encoded(images.photograph(900, 600), "png", compress_level=1)
for turn in range(20):
    engine.make(BytesIO(content), spec, decoder="vips")
    if turn == 4:
        before = now()
print((now() - before) * 1e6 / len(content))
"""


@pytest.mark.slow
def test_decoded_original_is_not_kept_in_memory() -> None:
    assert float(run(KEPT)) < 5


@pytest.mark.slow
@pytest.mark.parametrize(("format", "mode"), [("png", "RGBA"), ("png", "RGB"), ("webp", "RGB")])
def test_large_original_takes_less_memory_than_with_pillow(
    format: str, mode: str, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    picture = images.quadrants(4000, 3000).convert(mode)
    name = f"large {mode} {format}"
    path.write_bytes(kept(name, lambda: images.encoded(picture, format), __file__))
    ours, theirs = (float(run(MEMORY, str(path), engine)) for engine in ("auto", "pillow"))
    assert ours < 0.7 * theirs


FORKED = """
import os, signal, sys
from io import BytesIO
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import vips
before, source = sys.argv[1], BytesIO(open(sys.argv[2], "rb").read())
spec = Spec.make("1300x", format="png")
pillow = engine.make(source, spec).content
if before == "used":
    by_libvips = engine.make(source, spec, decoder="vips").content
elif before == "loaded":
    assert vips.is_installed()
elif before == "used by the project":
    import pyvips
    pyvips.Image.webpload(sys.argv[2]).avg()
for decoder in ("vips", "auto"):
    child = os.fork()
    if not child:
        signal.alarm(20)  # what waits for a thread that is not there waits for ever
        made = engine.make(source, spec, decoder=decoder).content
        is_pillow = vips.process.is_usable is False
        os._exit(10 + is_pillow + 2 * (made == pillow))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
if before == "used":
    assert engine.make(source, spec, decoder="vips").content == by_libvips
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "by_pillow"),
    [("loaded", False), ("used", True), ("used by the project", True)],
)
def test_process_forked_after_libvips_was_used_decodes_with_pillow(
    before: str, by_pillow: bool, tmp_path: Path
) -> None:
    path = tmp_path / "photo.webp"
    path.write_bytes(images.encoded_photograph(1500, 1000, "webp"))
    codes = [int(code) for code in run(FORKED, before, str(path)).split()]
    assert [bool(code - 10 & 1) for code in codes] == [by_pillow] * 2
    if by_pillow:
        assert codes == [13, 13]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", "1000x"), ("L", "1000x700"), ("P", "x700"), ("I;16", "1000x")]
)
def test_large_resize_of_opaque_png_looks_like_that_of_pillow(mode: str, size: str) -> None:
    picture = images.photograph(1600, 1200)
    if mode == "I;16":
        deep = np.asarray(picture.convert("L"), dtype=np.uint16) * 257
        content = images.encoded(Image.fromarray(deep), "png")
    else:
        stored = images.stored(picture.convert("RGB"), 6)
        stored = stored.quantize(200) if mode == "P" else stored.convert(mode)
        profile = images.srgb_profile() if mode == "RGB" else None
        content = images.encoded(stored, "png", exif=images.exif(6), icc_profile=profile)
    spec = Spec.make(size, format="png")
    by_libvips = engine.make(BytesIO(content), spec, decoder="vips")
    by_pillow = engine.make(BytesIO(content), spec, decoder="pillow")
    assert by_libvips.content != by_pillow.content
    made, expected = images.opened(by_libvips.content), images.opened(by_pillow.content)
    assert made.size == expected.size
    assert images.ssim(made, expected) > 0.98
    assert images.near(images.mean(made), images.mean(expected), 1)


@pytest.mark.slow
def test_cut_png_is_refused_before_a_large_resize() -> None:
    content = images.encoded_photograph(1500, 1000, "png")
    with pytest.raises(Undecodable):
        engine.make(BytesIO(content[: len(content) // 2]), Spec.make("900x", format="jpg"))


@pytest.mark.parametrize(
    "options", [{}, {"background": "ff0000"}, {"mode": "pad", "size": "90x90"}]
)
@pytest.mark.parametrize("format", ["png", "webp"])
def test_transparent_picture_is_flattened_as_by_pillow(
    monkeypatch: pytest.MonkeyPatch, format: str, options: dict[str, str]
) -> None:
    picture = images.photograph(300, 200).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    content = images.encoded(picture, format, lossless=True)
    spec = Spec.make(**{"size": "100x", "format": "jpg", "quality": 95, **options})
    expected = images.opened(engine.make(BytesIO(content), spec, decoder="pillow").content)
    premultiplied: list[str] = []
    monkeypatch.setattr(
        resampling, "_premultiply", lambda image: premultiplied.append("") or image
    )
    made = images.opened(engine.make(BytesIO(content), spec, decoder="vips").content)
    assert not premultiplied
    assert made.size == expected.size
    assert np.abs(np.asarray(made, float) - np.asarray(expected, float)).mean() < 1.5


@pytest.mark.parametrize(
    "options", [{"blur": 20}, {"sharpen": 50}, {"gray": True}, {"format": "webp"}]
)
def test_transparent_picture_is_flattened_last_if_that_makes_a_difference(
    options: dict[str, Any],
) -> None:
    picture = images.photograph(90, 60).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    source = BytesIO(images.encoded(picture, "png"))
    spec = Spec.make("30x", **{"format": "jpg", **options})
    header = read_header(source)
    plan = geometry.plan(spec, *header.upright_size)
    assert Pipeline.build(source, header, spec, plan).flat_color is None
    assert engine.make(source, spec, decoder="vips").width == 30


def test_transparent_picture_with_a_profile_is_flattened_after_it_was_applied() -> None:
    picture = Image.new("RGBA", (30, 20), (200, 30, 30, 128))
    content = images.encoded(picture, "png", icc_profile=images.srgb_profile())
    source = BytesIO(content)
    header = read_header(source)
    spec = Spec.make("9x", format="jpg", background="00ff00")
    plan = geometry.plan(spec, *header.upright_size)
    assert Pipeline.build(source, header, spec, plan).flat_color is None
