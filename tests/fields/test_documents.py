"""Documents keep their type and name, on disk and on S3."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from shift_media.core.keys import name_key, owner_of_name, parse_original_key
from shift_media.deletion.sweep import Sweep
from shift_media.storages import S3MediaStorage
from shift_media.testing.steps import list_keys
from shift_media.validators import InvalidMedia, inspect
from tests.core.test_documents import WORD, archive
from tests.servers.fixtures import client_of, new_bucket, storage_options
from tests.testapp.models import Attachment

pytestmark = [pytest.mark.acceptance(75), pytest.mark.django_db(transaction=True)]

WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def attach(content: bytes, name: str) -> Attachment:
    row = Attachment()
    row.file.save(name, ContentFile(content, name))
    return row


@pytest.mark.parametrize(
    ("name", "content", "leaf", "content_type"),
    [
        ("Bericht Q3 – Jürgen.docx", archive(*WORD), "bericht-q3-jurgen.docx", WORD_TYPE),
        ("data.csv", b"a;b\n", "data.csv", "text/csv"),
        ("evil.html", b"plain", "evil.bin", "application/octet-stream"),
        ("x.svgz", b"\x1f\x8b\x08", "x.bin", "application/octet-stream"),
        ("a\u202efdp.txt", b"text", "afdp.txt", "text/plain"),
    ],
)
def test_document_is_served_as_attachment_with_its_own_name(
    media_root: Path, name: str, content: bytes, leaf: str, content_type: str
) -> None:
    row = attach(content, name)
    assert row.file.key.endswith(f"/{leaf}")
    assert row.file.metadata.content_type == content_type
    answer = Client().get(row.file.url)
    assert b"".join(answer) == content  # type: ignore[call-overload]
    assert answer["Content-Type"].partition(";")[0] == content_type
    assert answer["X-Content-Type-Options"] == "nosniff"
    disposition = answer["Content-Disposition"]
    assert disposition.startswith(f'attachment; filename="{leaf}"')
    if leaf.startswith("bericht"):
        assert disposition.endswith(
            "; filename*=UTF-8''Bericht%20Q3%20%E2%80%93%20J%C3%BCrgen.docx"
        )


def test_document_without_stored_name_keeps_the_name_of_its_key(media_root: Path) -> None:
    row = attach(archive(*WORD), "Bericht Jürgen.docx")
    row.file.storage.delete(name_key(row.file.key))
    answer = Client().get(row.file.url)
    answer.close()
    assert answer["Content-Disposition"] == 'attachment; filename="bericht-jurgen.docx"'
    assert Client().get(f"/media/{name_key(row.file.key)}").status_code == 404


def test_name_is_stored_beside_attachments_only_and_deleted_with_them(media_root: Path) -> None:
    row = attach(archive(*WORD), "Bericht Jürgen.docx")
    storage, key = row.file.storage, parse_original_key(row.file.key)
    assert list_keys(storage, key.prefix) == sorted([str(key), name_key(str(key))])
    assert owner_of_name(name_key(str(key))) == key
    report = Sweep(storage, older_than=timezone.now() + timedelta(days=1)).run()
    assert (report.foreign.objects, report.orphans) == (0, 0)
    row.delete()
    assert list_keys(storage, key.prefix) == []


def test_archive_and_text_types_still_accept_what_is_named_as_a_document() -> None:
    word = ContentFile(archive(*WORD), "report.docx")
    for accept, extension in (
        (["application/zip"], "zip"),
        ([WORD_TYPE], "docx"),
        (["*/*"], "docx"),
    ):
        assert inspect(word, accept=accept).format.extension == extension
    with pytest.raises(InvalidMedia, match="Word"):
        inspect(word, accept=["text/csv"])
    renamed = ContentFile(b"a;b", "data.csv")
    assert inspect(renamed, accept=["*/*"]).format.extension == "csv"
    assert inspect(renamed, accept=["*/*"], original_name="x.json").format.extension == "json"


@pytest.mark.rgw
def test_name_of_document_is_in_disposition_of_object_on_s3(rgw: Any) -> None:
    storage = S3MediaStorage(**storage_options(rgw, new_bucket(rgw)))
    key = "3c72aedc/ba25/41e6/a569/406c8f413974/report.docx/report.docx"
    for name, leaf in (("Jürgen.docx", key), ("photo.png", key.replace("docx", "png"))):
        storage.put_original(
            leaf,
            ContentFile(b"x"),
            content_type=WORD_TYPE if leaf == key else "image/png",
            download_name=name,
        )
    heads = [
        client_of(rgw).head_object(Bucket=storage.bucket_name, Key=leaf)
        for leaf in (key, key.replace("docx", "png"))
    ]
    assert heads[0]["ContentType"] == WORD_TYPE
    assert heads[0]["ContentDisposition"] == (
        "attachment; filename=\"report.docx\"; filename*=UTF-8''J%C3%BCrgen.docx"
    )
    assert "ContentDisposition" not in heads[1]
    assert list_keys(storage, "") == sorted([key, key.replace("docx", "png")])
