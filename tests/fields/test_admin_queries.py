"""Odd names in the query of an admin page, where a form takes them as initial values."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client

from testproject.gallery.models import Clip, Photo

pytestmark = pytest.mark.django_db

NAMES = [
    "../../etc/passwd", "/etc/passwd", ".tmp/x", "a\\b", "a\nb", "a\x00b", "a//b", "é", "x" * 300,
    "https://evil.example/x", "photos/old.jpg",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_odd_name_in_query_gives_the_form(
    admin_client: Client, media_root: Path, name: str
) -> None:
    for page, field in (("photo", "image"), ("clip", "video")):
        add = f"/admin/gallery/{page}/add/?{urlencode({field: name, 'title': 'A lake'})}"
        shown = admin_client.get(add)
        assert (shown.status_code, b'value="A lake"' in shown.content) == (200, True)
        refused = admin_client.post(add, {"title": "A lake", field: name})
        assert refused.status_code == 200
        assert refused.context["errors"]
        for lookup in ("", "__exact", "__in", "__startswith"):
            changes = f"/admin/gallery/{page}/?{urlencode({field + lookup: name})}"
            assert admin_client.get(changes).status_code in (200, 302)
    assert not Photo.objects.exists()
    assert not Clip.objects.exists()
