"""The gallery's pages by Django's test client, with a local storage."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from PIL import Image

from testproject.gallery.models import Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media_root")]

SRC = re.compile(r'<img[^>]* src="(/media/[^"]+)"')


def picture(
    name: str = "boat.jpg", size: tuple[int, int] = (640, 400), tone: str = "#336699"
) -> SimpleUploadedFile:
    stream = io.BytesIO()
    Image.new("RGB", size, tone).save(stream, "JPEG")
    return SimpleUploadedFile(name, stream.getvalue(), "image/jpeg")


def html_as_jpg() -> SimpleUploadedFile:
    return SimpleUploadedFile("page.jpg", b"<!doctype html><script>1</script>", "image/jpeg")


@pytest.fixture
def photo() -> Photo:
    photo = Photo(title="Boat")
    photo.image.save("boat.jpg", picture(), save=True)
    return photo


def body(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return content.decode()


def test_empty_list_says_how_to_fill_it(client: Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "No pictures yet" in body(page)


def test_list_shows_resizes_that_are_served(client: Client, photo: Photo) -> None:
    sources = SRC.findall(body(client.get("/")))
    assert len(sources) == 1
    answer = client.get(sources[0])
    assert answer.status_code == 200
    with Image.open(io.BytesIO(b"".join(answer))) as made:
        assert made.size == (640, 400)


def test_tiles_are_offered_as_avif_and_those_of_the_first_rows_load_at_once(
    client: Client, photo: Photo
) -> None:
    for _ in range(7):
        Photo(image=photo.image.name, image_meta=photo.image_meta).save()
    page = body(client.get("/"))
    assert page.count('type="image/avif"') == 8
    assert page.count('fetchpriority="high"') == 1
    assert page.count('loading="lazy"') == 2
    assert page.index('fetchpriority="high"') < page.index('loading="lazy"')


def test_title_and_description_are_saved(client: Client, photo: Photo) -> None:
    url = reverse("gallery:details", args=[photo.pk])
    page = client.post(url, {"title": "Lake", "alt": "A lake between hills"}, follow=True)
    assert "Title and description saved." in body(page)
    assert 'alt="A lake between hills"' in body(page)
    refused = client.post(url, {"title": "x" * 201}, follow=True)
    assert "is too long" in body(refused)
    assert Photo.objects.get().title == "Lake"


@pytest.mark.slow
def test_list_makes_same_queries_for_one_picture_as_for_many(
    client: Client, photo: Photo, django_assert_num_queries: object
) -> None:
    for number in range(12):
        copy = Photo(title=f"Copy {number}", image=photo.image.name, image_meta=photo.image_meta)
        copy.save()
    with django_assert_num_queries(2):  # type: ignore[operator]
        page = client.get("/")
    assert len(SRC.findall(body(page))) == 13


@pytest.mark.slow
def test_long_list_is_paginated(client: Client, photo: Photo) -> None:
    Photo.objects.bulk_create(
        Photo(image=photo.image.name, image_meta=photo.image_meta) for _ in range(48)
    )
    assert "Page 1 of 2" in body(client.get("/"))
    assert len(SRC.findall(body(client.get("/?page=2")))) == 1


def test_photo_page_shows_metadata_modes_and_formats(client: Client, photo: Photo) -> None:
    page = body(client.get(photo.get_absolute_url()))
    assert "640 × 400" in page
    assert "image/jpeg" in page
    for part in ("-fit-", "-fill-", "-pad-", "-stretch-", ".webp", ".avif", ".png"):
        assert part in page
    for source in SRC.findall(page):
        assert client.get(source).status_code == 200, source


def test_upload_of_one_picture_redirects_to_its_page(client: Client) -> None:
    answer = client.post(reverse("gallery:upload"), {"image": picture()})
    photo = Photo.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == photo.get_absolute_url()
    assert str(photo) == "boat.jpg"


def test_upload_of_several_pictures_redirects_to_list(client: Client) -> None:
    files = {"image": [picture("one.jpg"), picture("two.jpg")]}
    page = client.post(reverse("gallery:upload"), files, follow=True)
    assert page.redirect_chain == [("/", 302)]
    assert "2 pictures added" in body(page)


@pytest.mark.acceptance(22, 23)
def test_refused_upload_is_explained_and_others_are_stored(
    client: Client,
) -> None:
    page = client.post(reverse("gallery:upload"), {"image": [html_as_jpg(), picture()]})
    assert page.status_code == 422
    refused = re.search(r'<li class="refused"><b>page\.jpg</b> <span>([^<]+)</span>', body(page))
    assert refused is not None
    assert len(refused[1].split()) > 3
    assert Photo.objects.count() == 1


def test_json_response_has_tile_or_errors(client: Client) -> None:
    accept = {"accept": "application/json"}
    stored = client.post(reverse("gallery:upload"), {"image": picture()}, headers=accept)
    assert stored.status_code == 201
    assert stored.json()["url"] == Photo.objects.get().get_absolute_url()
    assert SRC.search(stored.json()["tile"])
    refused = client.post(reverse("gallery:upload"), {"image": html_as_jpg()}, headers=accept)
    assert refused.status_code == 422
    assert all(isinstance(reason, str) for reason in refused.json()["errors"])
    empty = client.post(reverse("gallery:upload"), headers=accept)
    assert empty.json() == {"errors": ["Choose at least one picture."]}


def test_upload_without_csrf_token_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(reverse("gallery:upload"), {"image": picture()}).status_code == 403


def test_focal_point_is_saved_and_changes_fill(client: Client, photo: Photo) -> None:
    before = photo.image.resize("320x320", mode="fill").url
    url = reverse("gallery:focal", args=[photo.pk])
    page = client.post(url, {"x": "10", "y": "80"}, follow=True)
    kept = Photo.objects.get()
    assert tuple(kept.image.focal or ()) == (10, 80)
    after = kept.image.resize("320x320", mode="fill").url
    assert "-f10.80-" in after
    assert after in body(page)
    assert before not in body(page)


def test_wrong_focal_point_is_explained(client: Client, photo: Photo) -> None:
    url = reverse("gallery:focal", args=[photo.pk])
    page = client.post(url, {"x": "101", "y": "much"}, follow=True)
    assert "two whole numbers from 0 to 100" in body(page)
    assert Photo.objects.get().image.focal is None


def test_tried_resize_is_shown_with_its_tag(client: Client, photo: Photo) -> None:
    query = {"size": "200x", "mode": "fit", "format": "webp", "crop": "10, 20, 300, 200"}
    page = body(client.get(photo.get_absolute_url(), query))
    assert "200 × 133" in page
    assert "-c10.20.300.200-" in page
    assert (
        "photo.image.resize(&quot;200x&quot;, format=&quot;webp&quot;, crop=(10, 20, 300" in page
    )


def test_shown_tag_renders_the_tried_resize(client: Client, photo: Photo) -> None:
    query = {"size": "90x90", "mode": "pad", "background": "ff8800"}
    page = body(client.get(photo.get_absolute_url(), query))
    tag = '{% resize_img photo.image "90x90" mode="pad" background="ff8800" %}'
    assert tag.replace('"', "&quot;") in page


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"size": "big"}, "is not a size"),
        ({"size": "400x", "mode": "fill"}, "needs both sides"),
        ({"size": "9999x9999", "upscale": "on"}, "too large"),
        ({"size": "10x10", "crop": "1,2"}, "four whole numbers"),
        ({"size": "10x10", "crop": "9000,0,10,10"}, "outside the image"),
        ({"size": "10x10", "background": "red"}, "six hex digits"),
        ({"size": "10x10", "quality": "100"}, "99"),
        ({"size": "10x10", "format": "png", "background": "ff0000"}, "background goes with"),
    ],
)
def test_resize_that_cannot_be_built_is_explained(
    client: Client, photo: Photo, query: dict[str, str], reason: str
) -> None:
    page = client.get(photo.get_absolute_url(), {"mode": "fit", **query})
    assert page.status_code == 200
    assert reason in body(page)
    assert "The resize appears here" in body(page)


def test_delete_page_confirms_then_deletes_files(
    client: Client, photo: Photo, media_root: Path
) -> None:
    url = reverse("gallery:delete", args=[photo.pk])
    assert "cannot be undone" in body(client.get(url))
    assert Photo.objects.exists()
    page = client.post(url, follow=True)
    assert "were deleted" in body(page)
    assert not Photo.objects.exists()
    assert not [path for path in media_root.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_admin_list_shows_resizes(admin_client: Client, photo: Photo) -> None:
    page = body(admin_client.get(reverse("admin:gallery_photo_changelist")))
    source = SRC.search(page)
    assert source is not None
    assert "-fill-" in source[1]
    form = admin_client.get(reverse("admin:gallery_photo_change", args=[photo.pk]))
    assert form.status_code == 200


def test_file_name_with_markup_is_escaped(client: Client) -> None:
    client.post(reverse("gallery:upload"), {"image": picture("<img src=x onerror=alert(1)>.jpg")})
    photo = Photo.objects.get()
    for url in ("/", photo.get_absolute_url(), reverse("gallery:delete", args=[photo.pk])):
        assert "<img src=x" not in body(client.get(url))


def test_gallery_has_no_missing_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_unknown_picture_is_404(client: Client) -> None:
    page = client.get("/photos/1/")
    assert page.status_code == 404
    assert "Page not found" in body(page)
