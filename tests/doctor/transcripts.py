"""Print the output of ``media_bucket`` and ``media_doctor`` for a healthy and six broken buckets.

``python -m tests.doctor.transcripts`` (as root, with Ceph and nginx) starts Ceph's gateway and the
gallery under gunicorn, and shows each command with its real output and exit code. The bucket is
broken through the S3 API, as people do it in a console, and fixed by the command that the doctor
names. Its keys are listed before and after.
"""
# ruff: noqa: T201

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from tests import parts
from tests.doctor.buckets import BROKEN, WebsiteBucket
from tests.servers.fixtures import client_of
from tests.servers.gallery import S3Gallery
from tests.servers.nginx import KeepingCDN
from tests.servers.rgw import RGW

SETTINGS = "tests.doctor.settings"
FIXED_BY_MEDIA_BUCKET = ("no website rule", "301 rule", "no rule for 403", "private bucket")


class Terminal:
    """Runs commands as a user on the machine of the site does."""

    def __init__(self, gallery: S3Gallery, bucket: WebsiteBucket) -> None:
        self.gallery, self.bucket = gallery, bucket

    def run(self, command: str) -> str:
        """Run a command and show its output and exit code; return the output."""
        print(f"$ {command}", flush=True)
        words = [sys.executable, *shlex.split(command)[1:]]
        done = subprocess.run(
            words,
            cwd=parts.ROOT,
            env=self.gallery.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(done.stdout, end="")
        print(f"[exit code {done.returncode}]\n", flush=True)
        return done.stdout

    def doctor(self) -> str:
        """Run the doctor, and compare the keys in the bucket before and after."""
        before = self.bucket.keys()
        output = self.run(f"python manage.py media_doctor --site {self.gallery.url}")
        after = self.bucket.keys()
        print(f"# the bucket before: {len(before)} objects; after: {len(after)} objects")
        print(f"# {'nothing was left behind' if before == after else 'SOMETHING WAS LEFT'}\n")
        return output

    def fix(self, output: str) -> None:
        """Run the first command that the doctor's output names."""
        commands = [
            line.strip() for line in output.splitlines() if line.strip().startswith("Run:")
        ]
        self.run(f"{commands[0].removeprefix('Run:').strip()} --yes --widen")


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{'=' * 98}\n{text}\n{'=' * 98}\n", flush=True)


def gallery_of(folder: Path, server: RGW, bucket: str, public_url: str) -> S3Gallery:
    """Return the gallery with the settings of a site on S3."""
    gallery = S3Gallery(folder, server, bucket, public_url=public_url, workers=1)
    gallery.environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
    return gallery


def healthy(terminal: Terminal) -> None:
    """Create, plan, apply, plan again, and run the doctor."""
    heading("Healthy, set up by media_bucket alone")
    app = f"--app-url {terminal.gallery.url}/media/"
    chosen = f"--policy --website --cors --lifecycle {app} --upload-origin {terminal.gallery.url}"
    terminal.run("python manage.py media_bucket create")
    terminal.run(f"python manage.py media_bucket plan {chosen}")
    terminal.run(f"python manage.py media_bucket apply {chosen} --yes --widen")
    terminal.run(f"python manage.py media_bucket plan {chosen} --check")
    terminal.bucket.client.put_object(
        Bucket=terminal.bucket.name, Key="other/file.txt", Body=b"not ours"
    )
    terminal.doctor()


def broken(terminal: Terminal) -> None:
    """Break the bucket in five ways, and fix it."""
    for number, (name, (break_it, code)) in enumerate(BROKEN.items(), 1):
        heading(f"Broken, {number} of 6: {name} (expected: {code})")
        break_it(terminal.bucket)
        output = terminal.doctor()
        if name in FIXED_BY_MEDIA_BUCKET:
            terminal.fix(output)
            terminal.doctor()
        terminal.bucket.repair()


def cached(folder: Path, server: RGW, bucket: WebsiteBucket) -> None:
    """Put a CDN in front of the bucket that caches redirects."""
    heading("Broken, 6 of 6: cached redirect (expected: redirect-cached)")
    nginx = parts.locate("nginx")
    assert nginx is not None, parts.missing("nginx")
    (folder / "nginx").mkdir()
    cdn = KeepingCDN(
        nginx, folder / "nginx", server.port, urlsplit(server.website(bucket.name))[1]
    )
    gallery = gallery_of(folder / "behind", server, bucket.name, cdn.start().url)
    try:
        gallery.start()
        behind_cdn = WebsiteBucket(bucket.client, bucket.name, f"{gallery.url}/media/")
        behind_cdn.repair()
        Terminal(gallery, behind_cdn).doctor()
    finally:
        gallery.stop()
        cdn.stop()


def main() -> None:
    """Run all transcripts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with tempfile.TemporaryDirectory(prefix="transcripts-") as name:
        folder = Path(name)
        (folder / "rgw").mkdir()
        server = RGW(folder / "rgw")
        bucket_name = f"my-site-media-{uuid.uuid4().hex[:6]}"
        try:
            server.start()
            gallery = gallery_of(folder / "site", server, bucket_name, server.website(bucket_name))
            bucket = WebsiteBucket(client_of(server), bucket_name, f"{gallery.url}/media/")
            try:
                terminal = Terminal(gallery.start(), bucket)
                healthy(terminal)
                broken(terminal)
            finally:
                gallery.stop()
            cached(folder, server, bucket)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
