"""Store videos in the gallery, run their jobs, and print where they are: run by a test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CALLS = {
    "video": ("web", "media_video clip.video controls=True"),
    "audio": ("audio", "media_audio clip.video controls=True"),
    "image": ("animation", 'resize_video clip.video "64x" alt="Two colours"'),
}
"""The profile and the tag for each kind of file."""


def make(path: Path) -> dict[str, Any]:
    """Store and transcode a file; return its page, its markup and the URLs of its renditions.

    The file is stored by its key, because the gallery accepts fewer types than the app can read.
    """
    from django.core.files import File
    from django.template import Context, Template

    from shift_media.core.formats import BY_EXTENSION
    from shift_media.core.keys import new_original_key
    from shift_media.storages import default_media_storage
    from shift_media.transcoding.services import Worker
    from testproject.gallery.models import Clip

    format = BY_EXTENSION[path.suffix[1:]]
    key = str(new_original_key(path.name, format.extension))
    with path.open("rb") as file:
        default_media_storage.put(key, File(file), content_type=format.content_type)
    clip = Clip.objects.create(title=path.name, video=key)
    profile, call = CALLS[format.kind]
    job = clip.video.transcode(profile)
    Worker(only=[job.pk]).run_one()
    job.refresh_from_db()
    tag = Template("{% load shift_media %}{% " + call + " %}")
    return {
        "page": clip.get_absolute_url(),
        "html": tag.render(Context({"clip": clip})),
        "urls": {each.key.rpartition("/")[2]: each.url for each in clip.video.renditions},
        "state": job.state,
        "error": job.error,
    }


def main() -> None:
    """Print what became of each file, and the script of the player."""
    import django

    django.setup()
    from django.template import Context, Template

    made = [make(Path(name)) for name in sys.argv[1:]]
    script = Template("{% load shift_media %}{% media_player %}").render(Context())
    sys.stdout.write(json.dumps({"clips": made, "script": script}))


if __name__ == "__main__":
    main()
