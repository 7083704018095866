"""Inspection of uploads by their bytes, and the errors for refused ones."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from django.utils import translation

from shift_media.core.errors import MediaError
from shift_media.core.formats import Format
from shift_media.validators import MESSAGES, InvalidMedia, MediaValidator, inspect, seekable
from tests.fields.material import HTML, MP4, PDF, SVG, picture, png_header, upload


def refused(content: bytes, **options: Any) -> InvalidMedia:
    with pytest.raises(InvalidMedia) as caught:
        inspect(io.BytesIO(content), **options)
    return caught.value


def test_refusal_is_both_a_validation_error_and_a_media_error() -> None:
    error = refused(b"")
    assert isinstance(error, ValidationError)
    assert isinstance(error, MediaError)
    assert error.code == "empty"
    assert error.messages == ["The file is empty. Choose another one."]
    assert str(error) == "The file is empty. Choose another one."
    assert [wrapped.code for wrapped in ValidationError({"f": [error]}).error_dict["f"]] == [
        "empty"
    ]


@pytest.mark.parametrize(
    ("content", "options", "code", "sentence"),
    [
        (b"", {}, "empty", "The file is empty. Choose another one."),
        (
            PDF,
            {},
            "unsupported_type",
            "The content of this file is PDF. Choose JPEG, PNG, GIF, WebP or AVIF.",
        ),
        (
            picture(),
            {"accept": ["video/mp4"]},
            "unsupported_type",
            "The content of this file is JPEG. Choose MP4.",
        ),
        (
            b"\x00" * 100,
            {"accept": ["image/png", "image/gif"]},
            "unknown_type",
            "The type of this file is not known. Choose PNG or GIF.",
        ),
        (
            b"\x00" * 31_400_000,
            {"max_bytes": 25_000_000},
            "too_large",
            "The file is 31 MB; at most 25 MB are allowed.",
        ),
        (
            b"\x00" * 25_000_001,
            {"max_bytes": 25_000_000},
            "too_large",
            "The file is 25,000,001 bytes; at most 25,000,000 bytes are allowed.",
        ),
        (
            b"\x00" * 1_600,
            {"max_bytes": 999},
            "too_large",
            "The file is 1.6 kB; at most 999 bytes are allowed.",
        ),
        (
            picture()[:200],
            {},
            "undecodable",
            "The file is damaged or incomplete. Choose another one.",
        ),
        (
            png_header(16_384, 16_384),
            {},
            "too_many_pixels",
            "The image has too many pixels: at most 50,000,000 are allowed, over all its frames.",
        ),
    ],
)
def test_refused_file_gets_its_code_and_a_sentence_with_the_expected_types(
    content: bytes, options: dict[str, Any], code: str, sentence: str
) -> None:
    with translation.override("en"):
        error = refused(content, **options)
        assert (error.code, error.sentence) == (code, sentence)


@override_settings(SHIFT_MEDIA={"MAX_FRAMES": 2})
def test_animation_with_too_many_frames_is_refused() -> None:
    from PIL import Image

    file = io.BytesIO()
    frames = [Image.new("L", (9, 9), tone) for tone in (0, 90, 180)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    error = refused(file.getvalue())
    assert error.code == "too_many_frames"
    assert "at most 2" in error.sentence


def test_messages_have_exactly_the_known_codes() -> None:
    codes = {"empty", "too_large", "unsupported_type", "unknown_type"}
    codes |= {"undecodable", "too_many_pixels", "too_many_frames", "not_strippable"}
    codes |= {"too_small", "picture_too_small", "picture_too_large", "wrong_ratio"}
    codes |= {"too_short", "too_long", "no_audio", "has_audio", "unknown_fact"}
    codes |= {"too_few_pages", "too_many_pages", "encrypted", "too_complex"}
    codes |= {"upload_refused", "upload_missing", "upload_differs", "upload_unsupported"}
    codes |= {"upload_unread", "remote_failed", "remote_refused", "invalid_data_uri"}
    assert set(MESSAGES) == codes


@pytest.mark.acceptance(22)
@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "photo.svg", "photo", "x.html"])
@pytest.mark.parametrize("type", ["image/jpeg", "text/html", ""])
def test_type_is_read_from_bytes_whatever_name_and_declared_type_say(name: str, type: str) -> None:
    for content, expected in (
        (picture(), "jpg"),
        (picture("PNG"), "png"),
        (picture("WEBP"), "webp"),
    ):
        found = inspect(SimpleUploadedFile(name, content, type))
        assert found.format.extension == expected
        assert found.metadata.content_type == found.format.content_type
    for content in (HTML, SVG, PDF, MP4, b'{"a": 1}'):
        with pytest.raises(InvalidMedia):
            inspect(SimpleUploadedFile(name, content, type))


@pytest.mark.acceptance(23)
@pytest.mark.parametrize("content", [HTML, SVG, PDF])
def test_file_that_a_browser_would_run_gets_a_type_that_it_does_not_run(content: bytes) -> None:
    assert refused(content).code == "unsupported_type"
    found = inspect(io.BytesIO(content), accept=["*/*"])
    assert found.metadata.content_type == "application/octet-stream"


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
def test_inspected_image_has_complete_metadata(format: str) -> None:
    content = picture(format, (70, 50))
    found = inspect(upload(content, "Ein Bild.bin"))
    metadata = found.metadata
    assert (metadata.width, metadata.height, metadata.frames) == (70, 50, 1)
    assert metadata.size == len(content)
    assert metadata.sha256 == hashlib.sha256(content).hexdigest()
    assert metadata.placeholder.startswith("data:image/")
    assert len(metadata.placeholder) <= 400
    assert len(metadata.color) == 7
    assert metadata.original_name == "Ein Bild.bin"
    assert metadata.duration is None


def test_inspected_video_has_size_type_and_checksum() -> None:
    metadata = inspect(io.BytesIO(MP4), accept=["video/*"]).metadata
    assert (metadata.content_type, metadata.size) == ("video/mp4", len(MP4))
    assert metadata.sha256 == hashlib.sha256(MP4).hexdigest()
    assert metadata.width is None


def test_inspected_file_is_left_at_its_beginning() -> None:
    for file in (io.BytesIO(picture()), upload()):
        file.seek(7)
        inspect(file)
        assert file.tell() == 0


class CountingFile(io.BytesIO):
    """A file that counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def test_upload_inspected_several_times_is_read_once() -> None:
    raw = CountingFile(picture(size=(800, 600)))
    file: File[Any] = File(raw, "a.jpg")
    inspect(file)
    count = raw.count
    inspect(file)
    inspect(file, original_name="b.jpg")
    assert raw.count == count
    assert inspect(file, original_name="b.jpg").metadata.original_name == "b.jpg"


def test_upload_inspected_under_other_rules_is_inspected_again() -> None:
    file = ContentFile(picture(), "a.jpg")
    inspect(file)
    with pytest.raises(InvalidMedia):
        inspect(file, accept=["image/png"])
    with pytest.raises(InvalidMedia):
        inspect(file, max_bytes=10)
    with override_settings(SHIFT_MEDIA={"MAX_PIXELS": 10}), pytest.raises(InvalidMedia):
        inspect(file)
    file.file = io.BytesIO(PDF)
    with pytest.raises(InvalidMedia):
        inspect(file)


def test_announced_size_of_an_upload_is_ignored() -> None:
    file = upload()
    file.size = 1
    assert inspect(file).metadata.size == len(picture())
    with pytest.raises(InvalidMedia, match="at most"):
        inspect(file, max_bytes=100)


@pytest.mark.acceptance(38)
@pytest.mark.parametrize("content", [b"", b"\xff", b"G", b"\x89"])
def test_files_of_no_byte_and_of_one_byte_are_refused(content: bytes) -> None:
    assert refused(content, accept=["image/*"]).code in ("empty", "unknown_type")


def test_stream_is_copied_and_refused_while_copying_if_too_large() -> None:
    class Stream(io.RawIOBase):
        def __init__(self, content: bytes) -> None:
            self._content = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self._content.readinto(buffer)

    file = seekable(File(Stream(picture()), "a.jpg"))
    assert inspect(file).format.extension == "jpg"
    with pytest.raises(InvalidMedia) as caught:
        seekable(File(Stream(b"x" * 3_000_000), "a.jpg"), max_bytes=2_000_000)
    assert caught.value.code == "too_large"


def test_text_file_is_encoded_as_bytes() -> None:
    file = seekable(ContentFile("<svg></svg>", "a.svg"))
    assert inspect(file, accept=["*/*"]).format.name == "XML"


def test_closed_file_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    file = File(path.open("rb"))
    file.close()
    assert inspect(seekable(file)).format.extension == "jpg"
    file.close()


def test_validator_refuses_files_and_is_written_to_migrations() -> None:
    validator = MediaValidator(accept=["image/png"], max_bytes=1000)
    validator(ContentFile(picture("PNG", (4, 4)), "a.jpg"))
    with pytest.raises(ValidationError):
        validator(ContentFile(picture(), "a.png"))
    text, imports = MigrationWriter.serialize(validator)
    assert text == "shift_media.validators.MediaValidator(accept=['image/png'], max_bytes=1000)"
    assert imports == {"import shift_media.validators"}
    assert validator == MediaValidator(accept=("image/png",), max_bytes=1000)
    assert validator != MediaValidator(accept=["image/png"])
    assert hash(validator) == hash(MediaValidator(accept=["image/png"], max_bytes=1000))


def test_inspection_has_a_format_of_the_table(media: object) -> None:
    assert isinstance(inspect(upload()).format, Format)
