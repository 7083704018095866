"""Fill a gallery with the code of commit 3bda9d3, and write what a site has then.

Run it in a checkout of that commit, with Django 5.2 or newer, Pillow, django-storages, boto3 and
the extra ``ffmpeg``::

    PYTHONPATH=. python make.py OUT

It writes ``database.sql`` (SQLite), ``media.tar.gz`` and ``urls.json`` to the folder OUT.
"""
# ruff: noqa: E402

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

OUT = Path(sys.argv[1]).resolve()
DATA = Path(tempfile.mkdtemp())
os.environ["SHIFT_MEDIA_DEMO_DIR"] = str(DATA)
os.environ["SHIFT_MEDIA_DEMO_SECRET_KEY"] = "a-key-of-a-site-that-ran-the-code-before-1.0"
os.environ["DJANGO_SETTINGS_MODULE"] = "testproject.settings"

import django

django.setup()

from django.core.files.base import ContentFile
from django.core.management import call_command
from django.template import Context, Template
from django.test import Client
from PIL import Image

from shift_media.transcoding import services
from testproject.gallery.models import Clip, Photo

TAGS = {
    "width": '{% resize_url image "80x" %}',
    "box": '{% resize_url image "60x40" %}',
    "fill": '{% resize_url image "50x50" mode="fill" %}',
    "format": '{% resize_url image "70x" format="webp" %}',
    "quality": '{% resize_url image "64x" quality=70 %}',
}


def picture(size, color, kind):
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize(size)
    mode = "RGBA" if kind == "PNG" else "RGB"
    Image.merge(
        "RGB", [image, image.rotate(90).resize(size), Image.new("L", size, color)]
    ).convert(mode).save(file, kind)
    return file.getvalue()


def video(seconds=1):
    import imageio_ffmpeg

    path = DATA / "clip.mp4"
    graph = f"testsrc2=size=160x90:rate=10:duration={seconds}"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(),
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            graph,
            "-crf",
            "40",
            "-pix_fmt",
            "yuv420p",
            str(path),
        ],
        check=True,
    )
    return path.read_bytes()


def main():
    call_command("migrate", verbosity=0)
    urls = {}
    for number, (kind, extension) in enumerate(
        [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")]
    ):
        photo = Photo(title=f"{kind} of before")
        content = picture((160, 120), 80 * number, kind)
        photo.image.save(f"Summer holiday {number}.{extension}", ContentFile(content))
        rows = urls[photo.image.name] = {"original": photo.image.url}
        for name, tag in TAGS.items():
            template = Template("{% load shift_media %}" + tag)
            rows[name] = template.render(Context({"image": photo.image})).strip()
        client = Client(headers={"host": "localhost"})
        assert client.get(rows["width"]).status_code == 200  # one of each is stored
    done = Clip(title="Complete")
    done.video.save("clip.mp4", ContentFile(video()))
    call_command("media_transcode", verbosity=0)
    waiting = Clip(title="Waiting")
    waiting.video.save("waiting.mp4", ContentFile(video()))
    for clip in (done, waiting):
        clip.refresh_from_db()
        urls[clip.video.name] = {"original": clip.video.url}
    job = services.latest(done.video.key, "web")
    assert job.state == "complete", job.state
    for rendition in job.renditions.all():
        urls[done.video.name][rendition.key] = rendition.state
    gone = Photo(title="Deleted")
    gone.image.save("gone.jpg", ContentFile(picture((80, 60), 10, "JPEG")))
    gone.delete()  # its deletion waits for a second look
    OUT.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(DATA / "gallery.sqlite3") as database:
        lines = [line.replace(str(DATA), "/srv/gallery") for line in database.iterdump()]
    (OUT / "database.sql").write_text("\n".join(lines) + "\n")
    with tarfile.open(OUT / "media.tar.gz", "w:gz") as tar:
        tar.add(DATA / "media", arcname="media")
    (OUT / "urls.json").write_text(json.dumps(urls, indent=1) + "\n")
    shutil.rmtree(DATA)


main()
