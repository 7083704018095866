"""Store a video in the gallery, run its job, and print where it is: run by a test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main(path: Path) -> dict[str, Any]:
    """Return the page of the video, its markup and the URLs of its renditions."""
    import django

    django.setup()
    from django.core.files import File
    from django.template import Context, Template

    from shift_media.transcoding.services import Worker
    from testproject.gallery.models import Clip

    clip = Clip(title=path.name)
    with path.open("rb") as file:
        clip.video.save(path.name, File(file))
    job = clip.video.transcode()
    Worker(only=[job.pk]).run_one()
    page = Template(
        "{% load shift_media %}<!doctype html><title>Player</title>"
        "{% media_video clip.video controls=True %}{% media_player %}"
    )
    return {
        "page": clip.get_absolute_url(),
        "html": page.render(Context({"clip": clip})),
        "urls": {each.key.rpartition("/")[2]: each.url for each in clip.video.renditions},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]))))
