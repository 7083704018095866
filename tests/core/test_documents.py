"""The type that a name chooses for a document, and the name that it is saved under."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shift_media.core.documents import build_disposition, choose_by_name, may_be
from shift_media.core.formats import BY_EXTENSION, HEAD_BYTES, detect

pytestmark = pytest.mark.acceptance(75)

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/report.docx/report.docx"
WORD = ("[Content_Types].xml", "word/document.xml")
NEVER = "html htm xhtml svg svgz xml js mjs hta lnk url exe docm xlsm pptm bat cmd vbs".split()


def archive(*members: str, mimetype: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zip:
        if mimetype:
            zip.writestr("mimetype", mimetype)
        for member in members:
            zip.writestr(member, "<x/>")
    return file.getvalue()


def chosen(name: str, content: bytes) -> str:
    return choose_by_name(detect(content[:HEAD_BYTES]), name, io.BytesIO(content)).extension


@pytest.mark.parametrize(
    ("name", "content", "extension"),
    [
        ("report.docx", archive(*WORD), "docx"),
        ("REPORT.DOCX", archive(*WORD), "docx"),
        ("list.xlsx", archive("[Content_Types].xml", "xl/workbook.xml"), "xlsx"),
        ("talk.pptx", archive("[Content_Types].xml", "ppt/presentation.xml"), "pptx"),
        ("a.odt", archive("x", mimetype="application/vnd.oasis.opendocument.text"), "odt"),
        ("a.epub", archive("x", mimetype="application/epub+zip"), "epub"),
        ("report.zip", archive(*WORD), "zip"),
        ("report", archive(*WORD), "zip"),
        ("report.docx", archive("readme"), "zip"),
        ("list.xlsx", archive(*WORD), "zip"),
        ("report.docx", archive(*WORD, "word/vbaProject.bin"), "zip"),
        ("a.ods", archive("x", mimetype="application/vnd.oasis.opendocument.text"), "zip"),
        ("a.odt", archive("Basic/x", mimetype="application/vnd.oasis.opendocument.text"), "zip"),
        ("report.docx", archive(*WORD)[:-10], "zip"),
        ("data.csv", b"a;b\n1;2\n", "csv"),
        ("data.csv", "größe;1".encode("cp1252"), "csv"),
        ("note.txt", "Grüße 🎈".encode(), "txt"),
        ("x.json", b'{"a": 1}', "json"),
        ("note.txt", b"\0", "bin"),
        ("note.txt", b"x" * 2_000_000 + b"\0", "bin"),
        ("note.txt", b"hello <script>alert(1)</script>", "bin"),
        ("note.txt", b"\x7fELF\x02\x01", "bin"),
        ("note.txt", b"<html>", "html"),
        ("photo.txt", b"\xff\xd8\xff\xe0", "jpg"),
        ("note.docx", b"text", "bin"),
        ("x.bin", b"text", "bin"),
    ],
)
def test_name_chooses_only_among_types_of_the_same_bytes(
    name: str, content: bytes, extension: str
) -> None:
    assert chosen(name, content) == extension


@pytest.mark.parametrize("extension", NEVER)
def test_name_never_chooses_a_type_that_runs(extension: str) -> None:
    format = BY_EXTENSION.get(extension)
    assert format is None or format.base is None
    assert chosen(f"x.{extension}", b"text") == "bin"
    assert chosen(f"x.{extension}", archive(*WORD)) == "zip"


@pytest.mark.parametrize(
    ("content", "announced", "expected"),
    [
        (b"text", "text/plain", True),
        (b"text", "text/csv", True),
        (b"text", "application/octet-stream", True),
        (archive("x"), BY_EXTENSION["docx"].content_type, True),
        (archive("x"), "application/zip", True),
        (archive("x"), "text/plain", False),
        (b"text", "application/zip", False),
        (b"<html>", "text/plain", False),
        (b"text", "text/html", False),
        (b"\xff\xd8\xff", "image/png", False),
        (b"text", "x/unknown", False),
    ],
)
def test_announced_type_must_be_possible_for_the_bytes(
    content: bytes, announced: str, expected: bool
) -> None:
    assert may_be(detect(content), announced) is expected


@given(st.binary(max_size=300), st.integers(0, 2**16))
@example(b"mdat", 0)  # the type of a box of QuickTime
def test_damaged_archive_is_an_archive(noise: bytes, at: int) -> None:
    content = archive(*WORD)
    at = 4 + at % (len(content) - 4)  # any bytes may follow the signature
    assert chosen("report.docx", content[:at] + noise) in {"zip", "docx"}
    assert chosen("report.docx", b"PK\3\4" + noise + b"PK\5\6" + noise) == "zip"


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("report.docx", "report.docx"),
        ("Bericht für Jürgen.docx", "Bericht für Jürgen.docx"),
        ('a"b\\c;d.DOCX', 'a"b\\c;d.DOCX'),
        ("報告.docx", "報告.docx"),
        ("evil.html", "evil.docx"),
        ("x.svgz", "x.docx"),
        ("noext", "noext.docx"),
        ("", "report.docx"),
        (".docx", "report.docx"),
        ("a%0d%0aX: y.docx", "a%0d%0aX: y.docx"),
    ],
)
def test_download_name_is_the_clients_with_the_extension_of_the_key(name: str, saved: str) -> None:
    header = build_disposition(name, KEY)
    assert header.isascii()
    assert header.startswith('attachment; filename="report.docx"')
    extended = header.partition("filename*=UTF-8''")[2]
    assert (unquote(extended) or "report.docx") == saved
    message = EmailMessage()
    message["Content-Disposition"] = header
    assert message.get_filename() in (saved, "report.docx")


@given(st.text(max_size=255))
def test_disposition_is_one_short_ascii_line_for_any_name(name: str) -> None:
    header = build_disposition(name, KEY)
    assert header.isascii()
    assert header.isprintable()
    assert len(header) < 1_000
