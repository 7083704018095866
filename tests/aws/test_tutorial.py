"""The tutorial: an empty folder becomes a gallery on S3 by the lines of the two guides.

The bucket is Ceph's, so its name and region are replaced. ``aws`` is a program that checks each
call against the model of its service, because there is no account.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from testproject.servers.rgw import RGW
from tests.aws.test_guides import FAKE_AWS
from tests.docs.projects import QUICKSTART, blocks_of, paste, write_quickstart
from tests.parts import ROOT
from tests.servers.fixtures import client_of

pytestmark = [pytest.mark.rgw, pytest.mark.slow]

ELSEWHERE = re.compile(r"^python manage.py (media_doctor|check --deploy).*\n", re.MULTILINE)
"""Lines that need what a new project lacks: an address where it is served, and settings of Django
for that. ``tests/doctor`` runs the one, ``test_blocks.py`` the deployment checks of this app."""

UPLOAD = """
import django
django.setup()
from django.test import Client
from photos.models import Photo
from shift_media.testing import make_image

client = Client(headers={"host": "localhost"})
assert client.post("/", {"image": make_image(1600, 1200, name="Lake.JPG")}).status_code == 302
card = Photo.objects.get().image.resize("card")
assert card.url in client.get("/").content.decode()
print(Photo.objects.get().image.name, card.key)
assert client.get(f"/media/{card.key}").status_code == 302
"""


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def bash(folder: Path, environment: dict[str, str], script: str) -> str:
    command = ["bash", "-c", f"set -e\n{script}"]
    ran = subprocess.run(
        command, cwd=folder, env=environment, input="widen\n" * 2, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with ``aws``, which writes its calls to ``calls`` beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    code = FAKE_AWS.format(root=str(ROOT), log=str(tmp_path / "calls"))
    (folder / "aws").write_text(f"#!{sys.executable}\n{code}")
    (folder / "aws").chmod(0o755)
    return folder


@pytest.fixture
def environment(rgw: RGW, tmp_path: Path, programs: Path) -> dict[str, str]:
    """Return the variables of a user with the profile ``admin``, and of the app."""
    keys = f"aws_access_key_id={rgw.access_key}\naws_secret_access_key={rgw.secret_key}\n"
    (tmp_path / "credentials").write_text(f"[admin]\n{keys}[default]\n{keys}")
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return {
        **kept,
        "AWS_ENDPOINT_URL_S3": rgw.endpoint,
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join(path),
    }


def anonymous(url: str, **headers: str) -> tuple[int, str]:
    """Return the status and the location that a browser gets."""
    try:
        with build_opener(_Stay).open(Request(url, headers=headers)) as response:
            return response.status, ""
    except HTTPError as error:
        return error.code, error.headers.get("Location", "")


@pytest.mark.needs("rgw")
def test_tutorial_ends_with_a_gallery_whose_bucket_serves_its_pictures(
    rgw: RGW, tmp_path: Path, environment: dict[str, str]
) -> None:
    project, bucket = tmp_path / "project", f"made-{uuid.uuid4().hex[:12]}"
    project.mkdir()
    bash(project, environment, QUICKSTART["quickstart-start"])
    write_quickstart(project)
    paste("how-to/s3-from-zero", project)
    settings = project / "site1/settings.py"
    text = settings.read_text().replace("my-site-media", bucket)
    settings.write_text(text.replace('"eu-central-1"', repr(rgw.region)))

    migrate = QUICKSTART["quickstart-run"].removesuffix("python manage.py runserver\n")
    bash(project, environment, migrate)
    for block in blocks_of("how-to/s3-from-zero"):
        if block.language == "shell":
            bash(project, environment, ELSEWHERE.sub("", block.text))

    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [name for name, _ in calls] == ["CreateUser", "PutUserPolicy", "CreateAccessKey"]
    assert bucket in calls[1][1]["--policy-document"]

    app = {**environment, "DJANGO_SETTINGS_MODULE": "site1.settings"}
    uploading = [sys.executable, "-c", UPLOAD]
    ran = subprocess.run(uploading, cwd=project, env=app, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    original, resize = ran.stdout.split()
    assert anonymous(f"{rgw.endpoint}/{bucket}/{original}") == (200, "")
    assert anonymous(f"{rgw.endpoint}/{bucket}/{resize}") == (200, "")
    assert anonymous(f"{rgw.endpoint}/{bucket}/")[0] == 403

    client_of(rgw).delete_object(Bucket=bucket, Key=resize)
    host = rgw.website(bucket).removeprefix("http://")
    status, location = anonymous(f"http://127.0.0.1:{rgw.port}/{resize}", Host=host)
    assert (status, location) == (307, f"https://www.example.com/media/{resize}")
