"""Results of workers are those of the server's own threads, for each call and each format."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, cast

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import override_settings

from shift_media.core.errors import EmptyCrop, MediaError, Undecodable
from shift_media.core.preset_effects import PresetEffects, Watermark
from shift_media.core.spec import Spec
from shift_media.imaging.calls import CALLS, Call
from shift_media.imaging.formats.base import Span
from shift_media.storages.streams import SeekableStream
from shift_media.workers import isolated
from shift_media.workers.sources import shared
from tests.imaging import heics, images
from tests.imaging.test_exif_facts import PLACE, photo

FORMATS: dict[str, Callable[[], bytes]] = {
    "jpg": lambda: images.encoded(
        images.photograph(90, 60), "jpg", exif=images.exif(6, model="Phone 7"),
        icc_profile=images.srgb_profile(),
    ),
    "progressive": lambda: images.encoded(images.photograph(90, 60), "jpg", progressive=True),
    "png": lambda: images.encoded(images.quadrants().convert("RGBA"), "png"),
    "webp": lambda: images.encoded(images.photograph(90, 60), "webp", exif=images.exif(6)),
    "avif": lambda: images.encoded(images.photograph(90, 60), "avif"),
    "gif": lambda: images.encoded(images.quadrants(), "gif"),
    "animation": lambda: images.animated(
        "webp", [images.quadrants(), images.photograph(64, 48)], [100, 100]
    ),
    "tif": lambda: images.encoded(images.quadrants(), "tiff"),
    "jp2": lambda: images.encoded(images.quadrants(), "jpeg2000"),
    "bmp": lambda: images.encoded(images.quadrants(), "bmp"),
    "heic": lambda: heics.heic(images.quadrants()),
}  # fmt: skip

SPECS = [
    Spec.make("20x", format="webp"),
    Spec.make("10x10", mode="fill", format="jpg"),
    Spec.make("5x", crop=(9000, 9000, 5, 5), format="jpg"),
]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns, or the code and the text of its error."""
    try:
        found = call()
    except MediaError as error:
        return error.code, str(error)
    return found.read() if hasattr(found, "read") else found


def everything(content: bytes) -> list[Any]:
    """Return the outcomes of all calls for one picture."""
    source = BytesIO(content)
    made = list(isolated.make_many(source, [(spec, None) for spec in SPECS]))
    return [
        *[(each.code, str(each)) if isinstance(each, MediaError) else each for each in made],
        outcome(lambda: isolated.make(source, SPECS[0])),
        outcome(lambda: isolated.make_preview(source)),
        outcome(lambda: isolated.strip_metadata(source)),
        outcome(lambda: isolated.read_exif(source, "jpg")),
        outcome(lambda: isolated.read_impressions(source)),
        outcome(lambda: isolated.find_focal(source)),
        outcome(lambda: isolated.read_pixels(source).tobytes()),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_worker_returns_what_a_thread_does(name: str) -> None:
    content = FORMATS[name]()
    seen = everything(content)
    with override_settings(SHIFT_MEDIA={"WORKERS": 0}):
        assert seen == everything(content)
    assert not [
        each for each in seen if isinstance(each, tuple) and "Too many open" in str(each[-1])
    ]


def test_facts_of_exif_come_from_a_worker() -> None:
    facts = isolated.read_exif(
        BytesIO(photo(root={0x010F: "Nikon", 0x0110: "D 1"}, place=PLACE)), "jpg"
    )
    assert facts.camera == "Nikon D 1"
    assert facts.gps is not None


def test_effects_of_a_preset_come_with_the_call() -> None:
    mark = images.encoded(images.quadrants(8, 8), "png")
    effects = PresetEffects(watermark=Watermark(mark * 1), round=50)
    source = BytesIO(images.encoded(images.photograph(90, 60), "png"))
    spec = Spec.make("40x40", mode="fill", format="png")
    with_effects, without = isolated.make_many(source, [(spec, effects), (spec, None)])
    assert with_effects != without


def test_error_has_its_class_and_its_detail() -> None:
    content = images.encoded(images.photograph(90, 60), "jpg")
    with pytest.raises(Undecodable, match="ends early"):
        isolated.make_preview(BytesIO(content[:800]))
    with pytest.raises(EmptyCrop):
        isolated.make(BytesIO(content), SPECS[2])


def test_front_of_a_stream_suffices_where_no_more_is_needed() -> None:
    content = images.encoded(images.photograph(900, 600), "jpg", progressive=True)
    half = len(content) // 2
    with SeekableStream(BytesIO(content), len(content)) as stream:
        stream.require(half)
        with shared(cast("BinaryIO", stream), stream.received) as source:
            assert (source.available, source.size) == (half, len(content))
            assert os.pread(source.descriptor, len(content), 0) == content[:half]
            assert os.fstat(source.descriptor).st_ino == os.fstat(stream.file.fileno()).st_ino
        assert stream.received == half
        # All of it is needed: the rest is received, and all is copied.
        with shared(cast("BinaryIO", stream)) as source:
            assert os.pread(source.descriptor, len(content) + 1, 0) == content


def test_file_on_disk_is_not_copied_and_cannot_be_written(tmp_path: Any) -> None:
    content = images.encoded(images.quadrants(), "png")
    with TemporaryUploadedFile("a.png", "image/png", 0, None) as upload:
        upload.write(content)
        with shared(upload) as source:  # type: ignore[arg-type]
            name = os.readlink(f"/proc/self/fd/{source.descriptor}")
            assert name == upload.temporary_file_path()
            assert os.pread(source.descriptor, len(content), 0) == content
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.write(source.descriptor, b"x")


@pytest.mark.parametrize(
    "wrap",
    [BytesIO, ContentFile, lambda content: File(ContentFile(content))],
    ids=["bytes", "content", "wrapped"],
)
def test_bytes_in_memory_are_copied(wrap: Callable[[bytes], Any]) -> None:
    with shared(wrap(b"abc" * 1000)) as source:
        assert os.pread(source.descriptor, 5000, 0) == b"abc" * 1000


def test_spooled_file_stays_in_memory() -> None:
    with tempfile.SpooledTemporaryFile(1000) as spooled:
        spooled.write(b"abc")
        with shared(spooled) as source:  # type: ignore[arg-type]
            assert os.pread(source.descriptor, 5, 0) == b"abc"
        assert not spooled._rolled  # type: ignore[attr-defined]


@pytest.mark.acceptance(80)
@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("make_many", {"width": 0, "height": 1, "format": "jpg"}),
        ("make_many", {"width": 1, "height": True, "format": "jpg"}),
        ("make_many", {"width": 1, "height": 1, "format": "html"}),
        ("make_preview", {"placeholder": "url('javascript:alert(1)')", "color": "#ffffff"}),
        ("make_preview", {"placeholder": "data:image/webp;base64,AAAA", "color": "red;x:url(y)"}),
        ("strip_metadata", {"spans": [[-2, 5]]}),
        ("strip_metadata", {"spans": [[0, -5]]}),
        ("strip_metadata", {"spans": "ab"}),
        ("read_exif", {"camera": "x" * 1000, "taken_at": "", "gps": None}),
        ("read_exif", {"camera": "", "taken_at": "", "gps": ["here", "there"]}),
        ("read_exif", {"camera": "a\0b", "taken_at": "", "gps": None}),
        ("read_exif", {"camera": "", "taken_at": "\ud800", "gps": None}),
        ("read_exif", {"camera": "", "taken_at": "", "gps": [float("nan"), 0]}),
        ("read_exif", {"camera": "", "taken_at": "", "gps": [0, 181]}),
        ("read_exif", {"camera": "", "taken_at": "", "gps": [10**400, 0]}),
        ("read_impressions", {"palette": ["<b>"], "blurhash": "L3Eyb[_3j[_3"}),
        ("read_impressions", {"palette": [], "blurhash": "<script>"}),
        ("find_focal", {"focal": [101, 0]}),
        ("find_focal", {"focal": [0, -1]}),
        ("find_focal", {"focal": [0.5, 1]}),
        ("find_focal", {"focal": [1, 2, 3]}),
        ("find_focal", {"focal": "12"}),
        ("find_focal", {}),
        ("read_pixels", {"mode": "P", "size": [1, 1]}),
        ("read_pixels", {"mode": "RGB", "size": [100000, 100000]}),
        ("read_pixels", {}),
    ],
)
def test_result_that_no_call_has_is_refused(name: str, facts: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        CALLS[name].unpack(facts, b"abc")


@pytest.mark.slow
@pytest.mark.acceptance(80)
def test_stripped_image_that_repeats_its_source_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = BytesIO(images.encoded(images.quadrants(), "png"))
    size = len(source.getvalue())
    monkeypatch.setitem(CALLS, "strip_metadata", repeating(size))
    with override_settings(SHIFT_MEDIA={"WORKERS": 0}), pytest.raises(Undecodable, match="more"):
        isolated.strip_metadata(source)


def repeating(size: int) -> Call:
    """Return the call of a worker that has been taken over, and repeats the whole source."""
    return replace(CALLS["strip_metadata"], run=lambda *_, **__: iter([(Span(0, size),) * 9]))
