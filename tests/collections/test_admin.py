"""The inline of a collection in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from tests.fields.material import HTML, upload
from tests.testapp.models import Tour, View

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

ADD = "/admin/testapp/tour/add/"


def post(client: Client, url: str, **data: Any) -> Any:
    names = ("views", "covers")  # The inlines, as far as they have no file yet.
    counts = {f"{name}-{kind}_FORMS": 0 for name in names for kind in ("TOTAL", "INITIAL")}
    return client.post(url, {"title": "Alps", **counts, **data})


@pytest.mark.slow
def test_files_are_dropped_into_an_object_that_is_added(admin_client: Client) -> None:
    files = [upload(name="a.jpg"), upload(name="b.jpg")]
    response = post(
        admin_client, ADD, **{"views-new": files, "views-new-alt": ["A lake", "A wood"]}
    )
    assert response.status_code == 302
    (tour,) = Tour.objects.all()
    assert [item.alt for item in View.of(tour).all()] == ["A lake", "A wood"]


@pytest.mark.slow
def test_refused_file_is_named_and_no_object_is_added(admin_client: Client) -> None:
    response = post(
        admin_client, ADD, **{"views-new": [upload(HTML, "x.jpg")], "views-new-alt": ["A lake"]}
    )
    assert response.status_code == 200
    assert "x.jpg: The content of this file is HTML" in response.content.decode()
    assert not Tour.objects.exists()


@pytest.mark.slow
def test_items_are_ordered_and_removed(admin_client: Client) -> None:
    tour = Tour.objects.create(title="Alps")
    a, b, c = (View.of(tour).add([upload()], title=t, alt=t)[0] for t in "abc")
    rows = {
        f"views-{index}-{name}": value
        for index, (item, order) in enumerate([(a, 3), (b, 2), (c, 1)])
        for name, value in {
            "id": item.pk, "tour": tour.pk, "title": item.title, "alt": item.alt, "ORDER": order,
        }.items()
    }  # fmt: skip
    counts = {"views-TOTAL_FORMS": 3, "views-INITIAL_FORMS": 3, "views-1-DELETE": "on"}
    response = post(admin_client, f"/admin/testapp/tour/{tour.pk}/change/", **rows, **counts)
    assert response.status_code == 302
    assert [item.title for item in View.of(tour).all()] == ["c", "a"]


@pytest.mark.slow
def test_page_has_the_script_and_no_inline_style(admin_client: Client) -> None:
    tour = Tour.objects.create(title="Alps")
    View.of(tour).add([upload()], title="a", alt="A lake")
    page = admin_client.get(f"/admin/testapp/tour/{tour.pk}/change/").content.decode()
    assert "shift_media/collection.js" in page
    inline = page.partition('class="media-collection"')[2].partition("</fieldset>")[0]
    assert 'name="views-0-ORDER"' in inline
    assert "style=" not in inline


@pytest.mark.slow
def test_user_who_may_only_view_sees_no_inputs(client: Client, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ada", password="x", is_staff=True)
    names = ["view_tour", "view_view"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    tour = Tour.objects.create(title="Alps")
    View.of(tour).add([upload()], title="a", alt="A lake")
    page = client.get(f"/admin/testapp/tour/{tour.pk}/change/").content.decode()
    assert "A lake" in page
    assert 'name="views-new"' not in page


@pytest.mark.slow
def test_user_who_may_not_add_items_adds_none(client: Client, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("ada", password="x", is_staff=True)
    names = ["change_tour", "view_tour", "view_view"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    tour = Tour.objects.create(title="Alps")
    url = f"/admin/testapp/tour/{tour.pk}/change/"
    response = post(client, url, **{"views-new": [upload()], "views-new-alt": ["A lake"]})
    assert response.status_code == 302
    assert not View.objects.exists()
