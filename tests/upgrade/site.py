"""Upgrade a site whose database and media were made before 1.0, and print what it has then.

The test starts it with the settings of the gallery in a folder that holds both.
"""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.template import Context, Template  # noqa: E402
from django.test import Client  # noqa: E402

from shift_media.models import PendingDeletion, TranscodeJob  # noqa: E402
from testproject.gallery.models import Clip, Photo  # noqa: E402

TAGS = {
    "width": '{% resize_url image "80x" %}',
    "box": '{% resize_url image "60x40" %}',
    "fill": '{% resize_url image "50x50" mode="fill" %}',
    "format": '{% resize_url image "70x" format="webp" %}',
    "quality": '{% resize_url image "64x" quality=70 %}',
}
"""The tags that wrote the URLs of ``before-1.0/urls.json``."""


def main() -> None:
    """Migrate, look at each row, transcode, clean up, and print the answers as JSON."""
    call_command("migrate", verbosity=0)
    call_command("makemigrations", "--check", verbosity=0)
    call_command("check")
    photos = {photo.image.name: urls_of(photo) for photo in Photo.objects.all()}
    clips = {clip.video.name: renditions_of(clip) for clip in Clip.objects.all()}
    transcoded = StringIO()
    call_command("media_transcode", stdout=transcoded)
    swept = StringIO()
    call_command("media_cleanup", "--grace", "1", stdout=swept)
    found = {
        "photos": photos,
        "clips": clips,
        "jobs": list(TranscodeJob.objects.order_by("pk").values_list("state", "error")),
        "pending deletions": PendingDeletion.objects.count(),
        "cleanup": swept.getvalue(),
    }
    Path(sys.argv[1]).write_text(json.dumps(found))


def urls_of(photo: Photo) -> dict[str, Any]:
    """Return the URLs of a picture by name, each with the status of its answer."""
    urls = {"original": photo.image.url}
    for name, tag in TAGS.items():
        template = Template("{% load shift_media %}" + tag)
        urls[name] = template.render(Context({"image": photo.image})).strip()
    client = Client(headers={"host": "localhost"})
    return {name: [url, client.get(url).status_code] for name, url in urls.items()}


def renditions_of(clip: Clip) -> dict[str, Any]:
    """Return the state of each rendition by key, and the status of the original's answer."""
    client = Client(headers={"host": "localhost"})
    states: dict[str, Any] = {"original": client.get(clip.video.url).status_code}
    for job in TranscodeJob.objects.filter(original=clip.video.name):
        for rendition in job.renditions.all():
            status = client.get(f"/media/{rendition.key}").status_code
            states[rendition.key] = [rendition.state, status]
    return states


main()
