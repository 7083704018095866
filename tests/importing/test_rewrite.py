"""Links in texts: old addresses of imported files become those of their originals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.flatpages.models import FlatPage
from django.db.models import JSONField, TextField, Value
from django.db.models.functions import Cast
from django.db.models.signals import pre_save
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.importing.rewrite import Link, RewriteRun, rewrite_text
from tests.importing.test_command import run
from tests.testapp.models import Album, Photo, Secret

OldRow = Callable[..., Any]
NAMES = {"photos/lake.jpg": "/new/1.jpg", "photos/A lake (1).jpg": "/new/2.jpg"}
HOSTS = ["www.example.com"]


def rewritten(text: str, prefix: str = "/media/") -> str:
    return rewrite_text(text, prefix, HOSTS, NAMES.get)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('<img src="/media/photos/lake.jpg">', '<img src="/new/1.jpg">'),
        ("<img src='/media/photos/A%20lake%20(1).jpg'>", "<img src='/new/2.jpg'>"),
        ("![x](/media/photos/lake.jpg)", "![x](/new/1.jpg)"),
        ("[a](/media/photos/A%20lake%20(1).jpg).", "[a](/new/2.jpg)."),
        ("See /media/photos/lake.jpg, or not.", "See /new/1.jpg, or not."),
        ('<a href="/media/photos/lake.jpg?v=2#top">', '<a href="/new/1.jpg?v=2#top">'),
        (
            '<a href="https://www.example.com/media/photos/lake.jpg">',
            '<a href="https://www.example.com/new/1.jpg">',
        ),
        ("//www.example.com/media/photos/lake.jpg", "//www.example.com/new/1.jpg"),
    ],
)
def test_link_to_an_imported_file_is_replaced(text: str, expected: str) -> None:
    assert rewritten(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://other.example/media/photos/lake.jpg",
        "https://www.example.com.evil.example/media/photos/lake.jpg",
        "/files/media/photos/lake.jpg",
        "/media/photos/lake.jpg.webp",
        "/media/photos/other.jpg",
        "/media/",
        "photos/lake.jpg",
        "/media/photos/lake.jpgx",
    ],
)
def test_link_to_anything_else_stays(text: str) -> None:
    assert rewritten(text) == text


def test_name_in_a_hostile_text_is_looked_up_few_times() -> None:
    asked: list[str] = []

    def find(name: str) -> str | None:
        asked.append(name)
        return NAMES.get(name)

    text = "/media/photos/lake.jpg" + "!" * 5_000
    assert rewrite_text(text, "/media/", HOSTS, find)[0] == "/new/1.jpg" + "!" * 5_000
    assert len(asked) < 150


def test_url_of_a_bucket_is_replaced_with_its_host() -> None:
    prefix = "https://bucket.s3.amazonaws.com/"
    text = f"{prefix}photos/lake.jpg and /photos/lake.jpg"
    assert rewritten(text, prefix) == "/new/1.jpg and /photos/lake.jpg"


@pytest.mark.slow
@given(st.text())
def test_text_without_the_prefix_stays(text: str) -> None:
    if "/media/" not in text:
        assert rewrite_text(text, "/media/", HOSTS, lambda name: "/x") == (text, ())


@given(st.lists(st.sampled_from([*NAMES, "no.jpg", "/media/", " ", '"', ")", "x", "//"])))
def test_rewriting_twice_changes_nothing_more(parts: list[str]) -> None:
    once = rewritten("".join(parts))
    assert rewritten(once) == once


def text_with(url: str) -> FlatPage:
    return FlatPage.objects.create(url="/a/", title="a", content=f'<img src="{url}">')


@pytest.mark.django_db(transaction=True)
def test_dry_run_shows_a_diff_and_writes_nothing(old_row: OldRow) -> None:
    url = old_row("photos/lake.jpg").image.url
    page = text_with(url)
    text_with("/elsewhere.jpg")
    run()
    out, err, code = run("--rewrite=flatpages.FlatPage.content", "--dry-run")
    assert out == (
        f"--- flatpages.FlatPage.content {page.pk}\n-{url}\n+{Photo.objects.get().image.url}\n"
        "1 text: 1 link to be rewritten.\n"
    )
    assert (err, code) == ("", 0)
    page.refresh_from_db()
    assert url in page.content


class OtherDatabase:
    """A router that looks in another database than that of an import."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if model in (Photo, FlatPage) else None

    db_for_write = db_for_read


@pytest.mark.django_db(transaction=True)
def test_links_and_texts_are_those_of_the_database_of_the_import(old_row: OldRow) -> None:
    page = text_with(old_row("photos/lake.jpg").image.url)
    run()
    key = Photo.objects.get().image.name
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.OtherDatabase"]):
        out, _, code = run("--rewrite=flatpages.FlatPage.content", "--database=default")
    assert (out.endswith("1 text: 1 link rewritten.\n"), code) == (True, 0)
    page.refresh_from_db()
    assert key in page.content


@pytest.mark.django_db(transaction=True)
def test_text_that_would_be_too_long_is_left_with_the_reason(old_row: OldRow) -> None:
    Album.objects.create(title=old_row("photos/lake.jpg").image.url)
    run()
    out, err, code = run("--rewrite=testapp.Album.title")
    assert "The text would be longer than 50." in err
    assert "0 texts: 0 links rewritten." in out
    assert code == 1


@pytest.mark.django_db(transaction=True)
def test_text_is_written_without_a_signal(old_row: OldRow) -> None:
    page = text_with(old_row("photos/lake.jpg").image.url)
    run()
    received: list[Any] = []
    pre_save.connect(received.append, sender=FlatPage)
    out, _, code = run("--rewrite", "flatpages.FlatPage.content")
    assert out.endswith("1 text: 1 link rewritten.\n")
    assert code == 0
    page.refresh_from_db()
    assert page.content == f'<img src="{Photo.objects.get().image.url}">'
    assert received == []
    assert run("--rewrite", "flatpages.FlatPage.content")[0] == "0 texts: 0 links rewritten.\n"


@pytest.mark.django_db(transaction=True)
def test_text_that_was_changed_meanwhile_is_left(old_row: OldRow) -> None:
    page = text_with(old_row("photos/lake.jpg").image.url)
    run()

    class Slow(RewriteRun):
        def _find(self, name: str) -> str | None:
            FlatPage.objects.filter(pk=page.pk).update(content="newer")
            return super()._find(name)

    plan = ImportPlan.make(Photo, "image", None, "default")
    (row,) = Slow(plan, FlatPage, "content").outcomes()
    assert "changed meanwhile" in row.problem
    assert [type(link) for link in row.links] == [Link]
    page.refresh_from_db()
    assert page.content == "newer"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "label", ["testapp.Album.none", "testapp.None.title", "title", "testapp.Photo.album"]
)
def test_column_that_has_no_text_is_refused(label: str, old_folder: Any) -> None:
    _, err, code = run(f"--rewrite={label}")
    assert err.startswith(f"--rewrite {label}: ")
    assert code == 2


@pytest.mark.django_db
def test_private_files_have_no_urls_for_texts(old_folder: Any) -> None:
    plan = ImportPlan.make(Secret, "document", None, "default")
    with pytest.raises(PlanError, match="private"):
        RewriteRun(plan, Album, "title")


@pytest.mark.django_db(transaction=True)
def test_links_in_the_strings_of_json_are_replaced(old_row: OldRow) -> None:
    url = old_row("photos/lake.jpg").image.url
    run()
    body = [{"type": "text", "value": f'<img src="{url}">', "n": 1}, [None, f"ä {url}", {url: 2}]]
    page = Photo.objects.create(image_meta={"body": body})
    old = Photo.objects.get(pk=page.pk).image_meta
    out, _, _ = run("--rewrite=testapp.Photo.image_meta", "--dry-run")
    assert (out.count(f"-{url}"), "2 links to be rewritten" in out) == (2, True)
    assert Photo.objects.get(pk=page.pk).image_meta == old
    run("--rewrite=testapp.Photo.image_meta")
    new = Photo.objects.filter(image__gt="").get().image.url
    changed = [
        {"type": "text", "value": f'<img src="{new}">', "n": 1},
        [None, f"ä {new}", {url: 2}],
    ]
    assert Photo.objects.get(pk=page.pk).image_meta == {"body": changed}
    assert "0 texts" in run("--rewrite=testapp.Photo.image_meta")[0]


@pytest.mark.sqlite("Others write JSON in their own way.")
@pytest.mark.django_db(transaction=True)
def test_numbers_beside_a_link_in_json_keep_all_digits(old_row: OldRow) -> None:
    url = old_row("photos/lake.jpg").image.url
    run()
    page = Photo.objects.create(image_meta={})
    number = "0.12345678901234567890123"
    text = f'{{"a\\" b" : {number}, "n": 1e2, "url": "{url}", "{url}" :[12345678901234567890]}}'
    raw = Cast(Value(text, TextField()), JSONField())
    Photo.objects.filter(pk=page.pk).update(image_meta=raw)
    run("--rewrite=testapp.Photo.image_meta")
    new = Photo.objects.filter(image__gt="").get().image.url
    rows = Photo.objects.filter(pk=page.pk).annotate(text=Cast("image_meta", TextField()))
    assert rows.values_list("text", flat=True).get() == text.replace(f'"{url}",', f'"{new}",')


@pytest.mark.django_db(transaction=True)
def test_json_that_was_changed_meanwhile_is_left(old_row: OldRow) -> None:
    url = old_row("photos/lake.jpg").image.url
    run()
    page = Photo.objects.create(image_meta={"url": url})

    class Slow(RewriteRun):
        def _find(self, name: str) -> str | None:
            Photo.objects.filter(pk=page.pk).update(image_meta={"url": url, "newer": 1})
            return super()._find(name)

    plan = ImportPlan.make(Photo, "image", None, "default")
    (row,) = Slow(plan, Photo, "image_meta").outcomes()
    assert "changed meanwhile" in row.problem
    assert Photo.objects.get(pk=page.pk).image_meta == {"url": url, "newer": 1}
