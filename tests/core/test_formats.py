from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.formats import (
    BY_EXTENSION,
    BY_NAME,
    FORMATS,
    HEAD_BYTES,
    RESIZE_FORMATS,
    SAFE_TYPE,
    UNKNOWN,
    accepted_formats,
    accepts,
    detect,
)


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    box = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(box) + 4).to_bytes(4, "big") + box


def ebml(doctype: bytes) -> bytes:
    return b"\x1a\x45\xdf\xa3\x93\x42\x86\x81\x01\x42\x82" + bytes([0x80 + len(doctype)]) + doctype


SAMPLES = [
    (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpg"),
    (b"\xff\xd8\xff\xe1\x00\x10Exif", "jpg"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a<script>", "gif"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "webp"),
    (b"RIFF\x24\0\0\0WAVEfmt ", "wav"),
    (ftyp(b"avif", b"mif1", b"miaf"), "avif"),
    (ftyp(b"avis", b"avif"), "avif"),
    (ftyp(b"mif1", b"miaf", b"avif"), "avif"),
    (ftyp(b"heic", b"mif1"), "heic"),
    (ftyp(b"heix", b"mif1"), "heic"),
    (ftyp(b"mif1", b"miaf"), "heic"),
    (ftyp(b"mif1", b"heic", b"miaf"), "heic"),
    (ftyp(b"isom", b"iso2", b"avc1", b"mp41"), "mp4"),
    (ftyp(b"mp42"), "mp4"),
    (ftyp(b"M4V ", b"isom"), "mp4"),
    (ftyp(b"3gp4", b"isom"), "mp4"),
    (ftyp(b"qt  "), "mov"),
    (b"\0\0\0\x08wide\0\0\0\x10mdat", "mov"),
    (b"\0\0\x10\0moov", "mov"),
    (ftyp(b"M4A ", b"isom"), "m4a"),
    (ebml(b"webm"), "webm"),
    (ebml(b"matroska"), "mkv"),
    ((b"\x47" + bytes(187)) * 4, "ts"),
    ((bytes(4) + b"\x47" + bytes(187)) * 4, "ts"),
    ((b"\x47" + bytes(187)) * 3, "bin"),
    (b"\0\0\1\xba\x44", "mpg"),
    (b"RIFF\x24\0\0\0AVI LIST", "avi"),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(8), "wmv"),
    (b"FLV\x01\x05", "flv"),
    (b"II*\0\x08\0\0\0", "tif"),
    (b"MM\0*\0\0\0\x08", "tif"),
    (b"II+\0\x08\0\0\0", "tif"),
    (b"BM" + bytes(12) + b"\x28\0\0\0", "bmp"),
    (b"BM" + bytes(12) + b"\x0c\0\0\0", "bmp"),
    (b"\0\0\1\0\1\0\x20\x20" + bytes(20), "ico"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
    (b"\xff\x0a\xcb\x40", "jxl"),
    (b"OggS\0\x02", "ogg"),
    (b"fLaC\0\0\0\x22", "flac"),
    (b"ID3\x04\0", "mp3"),
    (b"\xff\xfb\x90\x64", "mp3"),
    (b"\xff\xf3\x40\xc0", "mp3"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg"),
    (b"\xef\xbb\xbf\n <?xml version='1.0'?><!-- x --><svg>", "svg"),
    ("\ufeff<svg>".encode("utf-16"), "svg"),
    (b"<SVG onload=alert(1)>", "svg"),
    (b"<!DOCTYPE HTML><p>", "html"),
    (b"  <html>", "html"),
    (b"<script>alert(1)</script>", "html"),
    (b"<?xml version='1.0'?><rss>", "xml"),
    (b"%PDF-1.7", "pdf"),
    (b"%!PS-Adobe-3.0", "ps"),
    (b"\xc5\xd0\xd3\xc6", "ps"),
    (b"PK\x03\x04", "zip"),
]

NOT_LISTED = [
    b"",
    b"\0",
    b"\xff",
    b"\xff\xd8",
    b"\x89PNG\r\n",
    b"\x89PNG\n\x1a\n",
    b"GIF88a",
    b"RIFF",
    b"RIFF\0\0\0\0",
    b"RIFF\0\0\0\0RMID",
    b"BM\x46\0",
    b"BMI,Age,Height and a good deal of other text",
    b"8BPS\0\x01",
    b"\0\0\x01\0\x01\0",
    b"icns",
    b"\xff\x4f\xff\x51",
    b"SIMPLE  =",
    b"DDS ",
    b"BLP1",
    b"\x1f\x8b\x08",
    b"#!/bin/sh",
    b"#EXTM3U",
    b"ffconcat version 1.0",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1",
    b'{"json": true}',
    b"hello <script>",
    b"\xff\xff\xff\xff",
    b"\xff\xe0\0\0",
    ftyp(b"crx "),
    b"ftypisom",
    ebml(b"other"),
    b"\x1a\x45\xdf\xa3",
    b"\x1a\x45\xdf\xa3" + bytes(200),
]


@pytest.mark.acceptance(22, 23, 24)
@pytest.mark.parametrize(("head", "extension"), SAMPLES)
def test_format_is_detected_by_its_first_bytes(head: bytes, extension: str) -> None:
    assert detect(head).extension == extension
    assert detect(head + bytes(HEAD_BYTES)).extension == extension


@pytest.mark.acceptance(24)
@pytest.mark.parametrize("tail", [b"<html><script>", b"PK\x03\x04", b"%PDF-1.7", b"<svg>"])
def test_appended_bytes_do_not_change_the_format(tail: bytes) -> None:
    for head, extension in SAMPLES[:6]:
        assert detect(head + tail).extension == extension


@pytest.mark.acceptance(22, 29)
@pytest.mark.parametrize("head", NOT_LISTED)
def test_format_that_is_not_listed_is_unknown(head: bytes) -> None:
    assert detect(head) is UNKNOWN


@given(st.binary(max_size=200) | st.sampled_from([h for h, _ in SAMPLES]).map(lambda h: h[:12]))
def test_any_bytes_have_a_format_of_the_table(head: bytes) -> None:
    assert detect(head) in FORMATS


@given(st.sampled_from(SAMPLES), st.data())
def test_truncated_head_raises_nothing(sample: tuple[bytes, str], data: st.DataObject) -> None:
    head = sample[0]
    detect(head[: data.draw(st.integers(0, len(head)))])


KINDS = {
    "jpeg": {"jpg"},
    "png": {"png"},
    "gif": {"gif"},
    "webp": {"webp"},
    "avif": {"avif"},
    "heif": {"heic"},
    "bmp": {"bmp", "bin"},
    "ico": {"ico", "bin"},
    "tiff": {"tif"},
    "other": {"jp2", "bin"},
    "mp4/mov": {"mp4", "mov"},
    "webm/mkv": {"webm", "mkv"},
    "svg/html": {"svg", "html"},
    "pdf": {"pdf"},
    "zip": {"zip"},
}
BY_NOTE = {
    "name_text_csv_svg.csv": "bin",  # text that only mentions a tag
    "invalid_invalid_vp9_bitstream-bug_1416.webm": "bin",  # its DocType says "000B"
}
"""Files whose kind the index takes from more than their first bytes."""


@pytest.mark.acceptance(22)
def test_corpus_files_have_the_formats_of_its_index(corpus: Path) -> None:
    with (corpus / "hostile" / "INDEX.tsv").open(newline="") as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    assert len(rows) > 200
    wrong = []
    for row in rows:
        with (corpus / "hostile" / row["file"]).open("rb") as file:
            found = detect(file.read(HEAD_BYTES)).extension
        exception = BY_NOTE.get(Path(row["file"]).name)
        expected = {exception} if exception else KINDS.get(row["kind_by_magic"], {"bin"})
        if found not in expected:
            wrong.append((row["file"], row["kind_by_magic"], found))
    assert wrong == []


def test_photographs_of_the_corpus_are_jpegs(corpus: Path) -> None:
    for photo in (corpus / "photos").glob("*.jpg"):
        with photo.open("rb") as file:
            assert detect(file.read(HEAD_BYTES)).name == "JPEG"


# The table


def test_each_format_has_its_own_extension_and_name() -> None:
    assert len(BY_EXTENSION) == len(BY_NAME) == len(FORMATS)
    assert set(RESIZE_FORMATS) == {"jpg", "png", "webp", "avif", "gif"}


@pytest.mark.acceptance(23)
def test_active_formats_are_served_as_attachments_of_a_safe_type() -> None:
    for extension in ("html", "xml", "pdf", "ps", "bin"):
        assert BY_EXTENSION[extension].served_type == SAFE_TYPE
        assert not BY_EXTENSION[extension].inline
    for format in FORMATS:
        shown = format.kind in {"image", "video", "audio"} or format.extension == "svg"
        assert format.inline == shown
        assert format.served_type in {format.content_type, SAFE_TYPE}


@pytest.mark.parametrize(
    ("accept", "extensions"),
    [
        (["image/*"], ["jpg", "png", "gif", "webp", "avif"]),
        (["image/png", "image/jpeg"], ["jpg", "png"]),
        (["video/mp4", "video/quicktime", "video/webm"], ["mp4", "mov", "webm"]),
        (["video/*"], ["mp4", "mov", "webm", "mkv"]),
        (["video/*", "video/x-msvideo"], ["mp4", "mov", "webm", "mkv", "avi"]),
        (["image/*", "image/heic"], ["jpg", "png", "gif", "webp", "avif", "heic"]),
        (["image/any"], [f.extension for f in FORMATS if f.kind == "image"]),
        (["image/svg+xml"], ["svg"]),
        (["audio/*"], ["m4a", "mp3", "ogg", "flac", "wav"]),
        (["*/*"], [format.extension for format in FORMATS if format.extension != "svg"]),
        (["image/tiff"], ["tif"]),
        (["image/psd"], []),
        ([], []),
    ],
)
def test_accept_list_admits_its_types_and_wildcards(
    accept: list[str], extensions: list[str]
) -> None:
    assert [format.extension for format in accepted_formats(iter(accept))] == extensions
    assert all(accepts(accept, BY_EXTENSION[extension]) for extension in extensions)
