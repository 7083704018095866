"""The pages of the admin in the theme django-unfold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.parts import ROOT, package

pytestmark = pytest.mark.slow

SCRIPT = """
import json, django
django.setup()
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from unfold.admin import ModelAdmin
from shift_media.admin import MediaAdmin
from shift_media.testing import make_image
from testproject.gallery.models import Photo

call_command("migrate", verbosity=0)
admin.site.unregister(Photo)
admin.site.register(Photo, type("PhotoAdmin", (MediaAdmin, ModelAdmin), {"crop_ratios": ["1:1"]}))
photo = Photo.objects.create(image=make_image(), title="A lake")
client = Client()
client.force_login(User.objects.create_superuser("boss"))
library = "/admin/shift_media/libraryfile/"
pages = {
    "list": "/admin/gallery/photo/",
    "form": f"/admin/gallery/photo/{photo.pk}/change/",
    "library": library,
    "file": f"{library}gallery.photo.image/{photo.pk}/",
}
found = {name: client.get(url) for name, url in pages.items()}
data = {"action": "make_resizes", "_selected_action": photo.pk}
found["confirmation"] = client.post(pages["list"], data)
print(json.dumps({name: [r.status_code, r.content.decode()] for name, r in found.items()}))
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the status and the text of each page."""
    package("unfold", "dev")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.admin.unfold_settings",
        "SHIFT_MEDIA_DEMO_DIR": str(tmp_path_factory.mktemp("unfold")),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_pages_of_the_theme_have_all_parts(pages: Any) -> None:
    parts = {
        "list": ["shift-media-drop", "shift-media-still", "strip_metadata", "image_type"],
        "form": ["shift-media-frame-box", "image-1x1-left", "shift-media-details"],
        "library": ["shift-media-grid", "Media library"],
        "file": ["Where it is used", "A lake", "card"],
        "confirmation": ["shift-media-action", 'value="card"'],
    }
    for name, expected in parts.items():
        status, page = pages[name]
        assert status == 200, name
        assert [part for part in expected if part not in page] == [], name
        assert "unfold/css/styles.css" in page, name
