"""JPEG XL: its header read here, its pixels by ffmpeg in a sandbox."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from shift_media.core.errors import (
    MediaError,
    MissingExtra,
    TooManyPixels,
    Undecodable,
    UnsupportedType,
)
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders, icc
from shift_media.imaging.formats import colors
from shift_media.imaging.formats.jxl_codestream import CodestreamHeader, read_header
from shift_media.imaging.probe import SourceLimits, probe
from shift_media.imaging.strip import strip
from shift_media.sandbox import ffmpeg, jxl
from shift_media.sandbox.process import Bounds
from tests.imaging import images, jxls
from tests.imaging.jxls import Fields, box, container, encoded, with_header

UPRIGHT = images.quadrants(64, 48)
PLAIN = Fields((64, 48))
PNG = Spec.make("64x48", format="png")
EXIF = box(b"Exif", bytes(4) + images.exif(6, model="Camera 7", artist="Ada"))
XMP = box(b"xml ", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>52.5 13.4</x:xmpmeta>")
METADATA = (EXIF, XMP, box(b"brob", b"Exif\x0b\x02\x80Ada"), box(b"jbrd", b"Camera 7 by Ada"))

decodes = pytest.mark.slow
"""Each decoding starts ffmpeg."""


def made(content: bytes, spec: Spec = PNG) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def transparent() -> Image.Image:
    picture = UPRIGHT.convert("RGBA")
    picture.paste((200, 100, 50, 128), (0, 0, 32, 24))
    return picture


def with_profile(profile: bytes) -> bytes:
    """Return a codestream with a profile, whose pixels are coded in its colours."""
    source = BytesIO()
    UPRIGHT.save(source, "PNG", icc_profile=profile)
    command = [jxl.find_program(), *"-v error -f png_pipe -i - -c:v libjxl -distance 0".split()]
    arguments = ["-effort", "2", "-f", "image2pipe", "-"]
    run = subprocess.run(
        [*command, *arguments], input=source.getvalue(), capture_output=True, check=True
    )
    return run.stdout


# The header


@given(
    st.builds(
        Fields,
        size=st.tuples(st.integers(1, 9000), st.integers(1, 9000)),
        orientation=st.integers(1, 8),
        bits=st.integers(1, 16),
        channels=st.lists(st.sampled_from([0, 1, 2, 3, 5, 6, 15, 16]), max_size=4).map(tuple),
        premultiplied=st.booleans(),
        name=st.binary(max_size=80),
        animated=st.booleans(),
        preview=st.none() | st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
        profile=st.booleans(),
        grey=st.booleans(),
        gamut=st.sampled_from([None, 9, 11]),
        curve=st.sampled_from([1, 8, 13, 17]),
        ratio=st.booleans(),
    )
)
def test_header_is_read_as_it_was_written(fields: Fields) -> None:
    facts = read_header(fields.write())
    assert facts == CodestreamHeader(
        fields.size,
        fields.orientation,
        fields.bits,
        fields.grey,
        0 in fields.channels,
        0 in fields.channels and fields.premultiplied,
        fields.animated,
    )


@given(st.binary(max_size=200))
def test_any_header_is_read_or_refused(content: bytes) -> None:
    try:
        facts = read_header(b"\xff\x0a" + content)
    except MediaError:
        return
    assert min(facts.size) >= 1


@given(st.data())
def test_header_that_is_cut_is_refused(data: st.DataObject) -> None:
    header = Fields((3001, 2003), 6, 12, channels=(1,), name=b"far", profile=True).write()
    cut = header[: data.draw(st.integers(0, len(header) - 2))]
    with pytest.raises(Undecodable):
        read_header(cut)


REFUSED: dict[str, tuple[Fields, type[MediaError]]] = {
    "floating point": (replace(PLAIN, floating=True), UnsupportedType),
    "24 bits": (replace(PLAIN, bits=24), UnsupportedType),
    "CMYK": (replace(PLAIN, channels=(4,)), UnsupportedType),
    "4,096 extra channels": (replace(PLAIN, channels=(1,) * 4096), UnsupportedType),
    "PQ": (replace(PLAIN, gamut=9, curve=16), UnsupportedType),
    "HLG": (replace(PLAIN, gamut=9, curve=18), UnsupportedType),
    "2^30 a side": (replace(PLAIN, size=(1 << 30, 1 << 30)), TooManyPixels),
}


@pytest.mark.acceptance(25, 29)
@pytest.mark.parametrize("name", REFUSED)
def test_what_no_browser_would_show_is_refused_from_the_header(name: str) -> None:
    fields, error = REFUSED[name]
    for content in (fields.write() + bytes(99), container(fields.write() + bytes(99), parts=2)):
        with pytest.raises(error):
            probe(BytesIO(content))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "no codestream": lambda: jxls.BEGIN + EXIF,
    "first part missing": lambda: jxls.BEGIN + box(b"jxlp", b"\x80\0\0\1" + PLAIN.write()),
    "last part missing": lambda: jxls.BEGIN + box(b"jxlp", b"\0\0\0\0" + PLAIN.write()),
    "part without a number": lambda: jxls.BEGIN + box(b"jxlp", b"\0\0"),
    "box that ends behind the file": lambda: container(PLAIN.write() + bytes(40))[:-9],
    "empty boxes without end": lambda: jxls.BEGIN + box(b"free", b"") * 20_000,
    "parts without end": lambda: (
        jxls.BEGIN + b"".join(box(b"jxlp", i.to_bytes(4, "big")) for i in range(20_000))
    ),
    "far too many bytes": lambda: container(PLAIN.write() + bytes(3_000_000)),
    "another file": lambda: jxls.BEGIN + box(b"jxlc", b"\xff\xd8\xff\xe0JFIF"),
}


@pytest.mark.acceptance(25, 30)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_boxes_are_refused(name: str) -> None:
    with pytest.raises(Undecodable):
        probe(BytesIO(HOSTILE[name]()))


def test_limits_are_half_of_those_of_other_images() -> None:
    plain = replace(PLAIN, size=(100, 100))
    costly = (replace(plain, channels=(0,)), replace(plain, bits=16))
    for fields, least in ((plain, 20_000), *((each, 40_000) for each in costly)):
        content = fields.write() + bytes(99)
        assert probe(BytesIO(content), SourceLimits(pixels=least)).width == 100
        with pytest.raises(TooManyPixels):
            probe(BytesIO(content), SourceLimits(pixels=least - 1))


def test_size_is_upright_and_exif_is_ignored() -> None:
    content = container(replace(PLAIN, orientation=6).write() + bytes(99), EXIF)
    facts = probe(BytesIO(content))
    assert (facts.width, facts.height, facts.orientation, facts.frames) == (48, 64, 1, 1)


# The pixels

PACKED_JPEG = """
AAAADEpYTCANCocKAAAAFGZ0eXBqeGwgAAAAAGp4bCAAAAARanhscAAAAAD/CstAJAAAAE9qYnJkwG0DCIIgtAwIgFCjQCo
BAAAA1fl/IgAAAAD4X6kSAAAAdEX+vwgAAAAA/hf4AYDKAgALCIDgABBKRklGAAEBAAABAAEAAAMAAAFPanhscIAAAAHgWw
AQAPAEiHgIeIh4/v8OAAAYAAgAAQAAAAAAgIAliWTIvEkPAPA0M9wTAKDkpKCgoECuqSiJqqLYWKmuJFJkkB2DWa2NIjUGj
7VDhyrkMoUSwErVtUBOd5xBRzwdf0sMgzSl0sFjqOyQtivu7LoJWrJbs+5Oy46Y9q/zANpQBu3eJ/51l9KmLRzZlm4W+Kgc
Qf5E0KUOZO47AAATAE4AMSt3AwBq5SLcGGMomXgSY4wBwRhjzOS8E2OMMcYYY4wxxhhjjDGG1NcYY4wxxhhjjDEGAHACIQI
gUDRAFg2QwGDAGQPVOaakhyHBEQCOgF8gYEiA/joAZCYtTkOJDEEMFXCkzwI6vQVzYA1Xj5UR4cYY04NJkRhjDGL+CMYYY5
wYY4wB3jbGGGOMMcYYY4wxxhhjjDHGGGOMMQAAAAAAAEoSAA==
"""
"""The four quarters as a JPEG that cjxl has packed, with what restores it."""


FILES: dict[str, Callable[[], tuple[bytes, Image.Image]]] = {
    "codestream": lambda: (encoded(UPRIGHT), UPRIGHT),
    "parts in a container": lambda: (container(encoded(UPRIGHT), *METADATA, parts=3), UPRIGHT),
    "grey": lambda: (encoded(UPRIGHT.convert("L")), UPRIGHT.convert("L")),
    "transparent": lambda: (encoded(transparent()), transparent()),
    "JPEG packed without loss": lambda: (base64.b64decode(PACKED_JPEG), UPRIGHT),
    "16 bit": lambda: (
        encoded(images.quadrants(64, 48).convert("L").convert("I;16").point(lambda v: v * 257)),
        UPRIGHT.convert("L"),
    ),
    "animation": lambda: (animation(), UPRIGHT),
}


def animation() -> bytes:
    """Return an animation of two frames."""
    other = Image.new("RGB", UPRIGHT.size, "white")
    both = Image.new("RGB", (64, 96))
    both.paste(UPRIGHT, (0, 0))
    both.paste(other, (0, 48))
    source = "-v error -f rawvideo -pix_fmt rgb24 -r 5 -s 64x48 -i - -c:v libjxl_anim".split()
    arguments = [*"-distance 0 -effort 2 -f image2pipe -".split()]
    command = [jxl.find_program(), *source, *arguments]
    run = subprocess.run(command, input=both.tobytes(), capture_output=True, check=True)
    return run.stdout


@decodes
@pytest.mark.acceptance(33, 35)
@pytest.mark.parametrize("name", FILES)
def test_resize_has_the_pixels_that_were_encoded(name: str) -> None:
    content, expected = FILES[name]()
    facts = probe(BytesIO(content))
    assert (facts.format.extension, facts.frames) == ("jxl", 1)
    assert (facts.width, facts.height, facts.has_alpha) == (64, 48, expected.mode == "RGBA")
    image = made(content)
    assert image.mode == expected.mode
    assert images.ssim(image.convert("RGB"), expected.convert("RGB")) > 0.98
    for seen, color in zip(images.corners(image), images.corners(expected), strict=True):
        assert images.near(seen, color, 4), (seen, color)
    if expected.mode == "RGBA":
        assert image.getchannel("A").getextrema() == (128, 255)


@decodes
@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", [3, 5, 6])
def test_orientation_of_the_codestream_is_applied_once(orientation: int) -> None:
    stored = images.stored(UPRIGHT, orientation)
    plain = Fields(stored.size)
    content = with_header(encoded(stored), plain, replace(plain, orientation=orientation))
    image = made(container(content, EXIF), Spec.make("48x", format="png", crop=(0, 0, 64, 48)))
    assert image.size == (48, 36)
    for seen, color in zip(images.corners(image), images.CORNERS, strict=True):
        assert images.near(seen, color, 4)


@decodes
@pytest.mark.acceptance(33)
def test_colours_of_a_profile_and_of_numbers_are_converted() -> None:
    space = colors.ColorSpace(*colors.GAMUTS[12], colors.SRGB_CURVE)
    wide = icc.rgb_profile(space)
    expected = ImageCms.profileToProfile(
        UPRIGHT, ImageCms.ImageCmsProfile(BytesIO(wide)), ImageCms.createProfile("sRGB")
    )
    assert expected is not None
    numbers = with_header(encoded(UPRIGHT), PLAIN, replace(PLAIN, gamut=11))
    for content in (with_profile(wide), numbers):
        for seen, color in zip(
            images.corners(made(content)), images.corners(expected), strict=True
        ):
            assert images.near(seen, color, 3)


@decodes
@pytest.mark.acceptance(33)
def test_colours_that_were_multiplied_by_alpha_are_divided_again() -> None:
    picture = Image.new("RGBA", (64, 48), (100, 50, 25, 128))
    plain = replace(PLAIN, channels=(0,))
    content = with_header(encoded(picture), plain, replace(plain, premultiplied=True))
    pixel = made(content).getpixel((30, 20))
    assert images.near(pixel, (200, 100, 50, 128), 3)


@decodes
def test_small_resize_is_of_the_shrunk_picture() -> None:
    picture = images.photograph(301, 203).convert("RGBA")
    content = encoded(picture)
    for size in ("40x", "150x"):
        spec = Spec.make(size, format="png")
        source = BytesIO()
        picture.save(source, "PNG")
        expected = made(source.getvalue(), spec)
        image = made(content, spec)
        assert image.size == expected.size
        assert images.ssim(image.convert("RGB"), expected.convert("RGB")) > 0.98


@decodes
@pytest.mark.acceptance(30)
@pytest.mark.parametrize("kind", ["cut", "damaged", "of another size"])
def test_data_that_cannot_be_decoded_is_refused(kind: str) -> None:
    content = encoded(images.photograph(128, 96))
    plain = Fields((128, 96))
    broken = {
        "cut": lambda: content[: len(content) // 2],
        "damaged": lambda: content[:40] + bytes(400) + content[440:],
        "of another size": lambda: with_header(content, plain, replace(plain, size=(4900, 4900))),
    }[kind]()
    for call in (lambda file: engine.make(file, PNG), engine.preview):
        with pytest.raises(Undecodable):
            call(BytesIO(broken))


@decodes
@pytest.mark.acceptance(25, 28)
def test_decoder_is_ended_at_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(images.photograph(128, 96))
    for bounds, code in (
        (Bounds(0.01, 5), "out_of_resources"),
        (Bounds(5, 1, memory_bytes=100 << 20), "undecodable"),
        (Bounds(5, 5, 1000), "undecodable"),
    ):
        monkeypatch.setattr(jxl, "BOUNDS", bounds)
        with pytest.raises(MediaError, match="within its limits") as error:
            engine.make(BytesIO(content), PNG)
        assert error.value.code == code


# Metadata


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("parts", [0, 3])
def test_strip_leaves_the_codestream_in_its_boxes(parts: int) -> None:
    codestream = PLAIN.write() + bytes(range(200))
    level = box(b"jxll", b"\x0a")
    content = container(codestream, level, *METADATA, parts=parts) + box(b"Exif", b"Ada") + b"Ada"
    stripped = strip(BytesIO(content)).read()
    assert stripped == container(codestream, level, parts=parts)
    assert strip(BytesIO(stripped)).read() == stripped
    assert strip(BytesIO(codestream)).read() == codestream


@decodes
@pytest.mark.acceptance(24, 36)
def test_resize_has_no_byte_of_the_boxes() -> None:
    content = container(encoded(UPRIGHT), *METADATA) + b"<script>Ada</script>"
    made = engine.make(BytesIO(content), PNG).content
    assert not any(word in made for word in (b"Ada", b"Camera", b"52.5"))


# The decoder


def test_machine_without_the_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    decoders.load.cache_clear()
    with pytest.raises(MissingExtra, match=r"django-shift-media\[jxl\]"):
        engine.make(BytesIO(replace(PLAIN).write() + bytes(99)), PNG)


def test_ffmpeg_without_the_decoder_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ' V....D hevc'\n")
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: str(program))
    with pytest.raises(MissingExtra, match="libjxl"):
        jxl.find_program()
    assert ffmpeg.find_program() == str(program)
