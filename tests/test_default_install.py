"""The wheel with what it requires and nothing else: field, view, tags and admin on local disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROGRAM = """
import io, sys
import django
from django.conf import settings
from django.urls import include, path

settings.configure(
    SECRET_KEY="k", ALLOWED_HOSTS=["testserver"], ROOT_URLCONF="__main__", STATIC_URL="/static/",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.sessions", "django.contrib.messages", "shift_media",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    STORAGES={
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "media": {
            "BACKEND": "shift_media.storages.LocalMediaStorage",
            "OPTIONS": {"location": sys.argv[1], "base_url": "/media/"},
        },
    },
)
django.setup()

from django.contrib import admin
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, models
from django.template import Context, Template
from django.test import Client
from PIL import Image

from shift_media.admin import MediaAdmin
from shift_media.fields import MediaField


class Photo(models.Model):
    image = MediaField(accept=["image/*"], metadata_field="meta")
    meta = models.JSONField(default=dict, editable=False)

    class Meta:
        app_label = "auth"


@admin.register(Photo)
class PhotoAdmin(MediaAdmin, admin.ModelAdmin):
    pass


urlpatterns = [path("admin/", admin.site.urls), path("media/", include("shift_media.urls"))]

call_command("migrate", verbosity=0)
call_command("check")
with connection.schema_editor() as editor:
    editor.create_model(Photo)
file = io.BytesIO()
Image.new("RGB", (60, 40), "teal").save(file, "JPEG")
photo = Photo()
photo.image.save("a.jpg", ContentFile(file.getvalue()))
tag = Template("{% load shift_media %}{% resize_url image '30x' %}")
url = tag.render(Context({"image": photo.image}))
client = Client()
answer = client.get(url)
assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg"), answer
client.force_login(User.objects.create_superuser("a"))
for page in ("/admin/auth/photo/", f"/admin/auth/photo/{photo.pk}/change/"):
    assert client.get(page).status_code == 200, page
call_command("media_cleanup", "--dry-run", verbosity=0)
loaded = {name.partition(".")[0] for name in sys.modules}
assert not {"boto3", "numpy", "pyvips", "av", "rest_framework"} & loaded
print("works")
"""


def required(name: str, seen: set[str]) -> Iterator[Distribution]:
    """Yield a distribution and all that it requires without an extra."""
    found = distribution(name)
    seen.add(name.lower())
    yield found
    for line in found.requires or ():
        requirement = Requirement(line)
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name.lower() not in seen:
            yield from required(requirement.name, seen)


@pytest.mark.slow
def test_wheel_runs_with_what_it_requires_alone(tmp_path: Path, unpacked_wheel: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for each in required("django-shift-media", set()):
        if each.name != "django-shift-media":
            for top in {path.parts[0] for path in each.files or () if path.parts[0] != ".."}:
                if top != "__pycache__" and not (packages / top).exists():
                    (packages / top).symlink_to(each.locate_file(top))
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{packages}{os.pathsep}{unpacked_wheel}",
    }
    # Without the packages of the environment of the tests: only its interpreter.
    command = [sys.executable, "-S", "-X", "utf8", "program.py", str(tmp_path / "media")]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1:] == ["works"], ran.stdout + ran.stderr
