"""Print what ``media_bucket`` and ``media_doctor`` say of a healthy and of six broken set-ups.

``python -m tests.doctor.transcripts`` (as root, with Ceph and nginx) starts Ceph's gateway and the
gallery under gunicorn, and shows each command with its real output and exit code. What is broken
is broken through the S3 API, as a person does it in a console, and mended by the command that the
doctor names. The bucket is listed before and after.
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
from tests.doctor.set_ups import BROKEN, CACHED, Bucket
from tests.servers.fixtures import client_of
from tests.servers.gallery import S3Gallery
from tests.servers.nginx import KeepingCDN
from tests.servers.rgw import RGW

SETTINGS = "tests.doctor.settings"
MENDED_BY_US = ("no website rule", "301 rule", "no rule for 403", "private bucket")


class Terminal:
    """A terminal on the machine of a site."""

    def __init__(self, gallery: S3Gallery, bucket: Bucket) -> None:
        self.gallery, self.bucket = gallery, bucket

    def run(self, command: str) -> str:
        """Show a command, what it prints and how it exits."""
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
        """Run the doctor between two listings."""
        before = self.bucket.keys()
        said = self.run(f"python manage.py media_doctor --site {self.gallery.url}")
        after = self.bucket.keys()
        print(f"# the bucket before: {len(before)} objects; after: {len(after)} objects")
        print(f"# {'nothing was left behind' if before == after else 'SOMETHING WAS LEFT'}\n")
        return said

    def mend(self, said: str) -> None:
        """Run the first command of a finding that is an error."""
        commands = [line.strip() for line in said.splitlines() if line.strip().startswith("Run:")]
        self.run(f"{commands[0].removeprefix('Run:').strip()} --yes --widen")


def heading(text: str) -> None:
    """Show what comes."""
    print(f"\n{'=' * 98}\n{text}\n{'=' * 98}\n", flush=True)


def gallery_of(folder: Path, server: RGW, bucket: str, public_url: str) -> S3Gallery:
    """Make the gallery with the settings of a site."""
    gallery = S3Gallery(folder, server, bucket, public_url=public_url, workers=1)
    gallery.environment["DJANGO_SETTINGS_MODULE"] = SETTINGS
    return gallery


def healthy(terminal: Terminal) -> None:
    """Create, plan, apply, plan again, and the doctor."""
    heading("Healthy, set up by media_bucket alone")
    app = f"--app-url {terminal.gallery.url}/media/"
    chosen = f"--policy --website --cors --lifecycle {app} --upload-origin {terminal.gallery.url}"
    terminal.run("python manage.py media_bucket create")
    terminal.run(f"python manage.py media_bucket plan {chosen}")
    terminal.run(f"python manage.py media_bucket apply {chosen} --yes --widen")
    terminal.run(f"python manage.py media_bucket plan {chosen} --check")
    terminal.bucket.client.put_object(
        Bucket=terminal.bucket.name, Key="somebody/else.txt", Body=b"not ours"
    )
    terminal.doctor()


def broken(terminal: Terminal) -> None:
    """Break it in five ways, and mend it."""
    for number, (name, (break_it, code)) in enumerate(BROKEN.items(), 1):
        heading(f"Broken, {number} of 6: {name} (to be found: {code})")
        break_it(terminal.bucket)
        said = terminal.doctor()
        if name in MENDED_BY_US:
            terminal.mend(said)
            terminal.doctor()
        terminal.bucket.heal()


def cached(folder: Path, server: RGW, bucket: Bucket) -> None:
    """Put a CDN before it that keeps redirects."""
    heading(f"Broken, 6 of 6: {CACHED} (to be found: redirect-cached)")
    nginx = parts.locate("nginx")
    assert nginx is not None, parts.missing("nginx")
    (folder / "nginx").mkdir()
    cdn = KeepingCDN(
        nginx, folder / "nginx", server.port, urlsplit(server.website(bucket.name))[1]
    )
    gallery = gallery_of(folder / "behind", server, bucket.name, cdn.start().url)
    try:
        gallery.start()
        there = Bucket(bucket.client, bucket.name, f"{gallery.url}/media/")
        there.heal()
        Terminal(gallery, there).doctor()
    finally:
        gallery.stop()
        cdn.stop()


def main() -> None:
    """Show all of it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with tempfile.TemporaryDirectory(prefix="transcripts-") as name:
        folder = Path(name)
        (folder / "rgw").mkdir()
        server = RGW(folder / "rgw")
        bucket_name = f"my-site-media-{uuid.uuid4().hex[:6]}"
        try:
            server.start()
            gallery = gallery_of(folder / "site", server, bucket_name, server.website(bucket_name))
            bucket = Bucket(client_of(server), bucket_name, f"{gallery.url}/media/")
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
