"""``manage.py demo_s3``: the gallery on an S3 server of its own, which shows each redirect."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError

from testproject.gallery.management.commands import demo
from testproject.servers.rgw import RGW, missing_packages
from testproject.traffic.log import FILE_NAME, TrafficLog
from testproject.traffic.proxy import WebsiteProxy

BUCKET = "gallery"
BUCKET_PORT = 9000


class Command(BaseCommand):
    """Start Ceph's gateway, configure a bucket, serve the gallery, and remove all of it again."""

    help = "Serves the gallery on an S3 server that it starts and stops, and shows redirects."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address and the port of the bucket's website."""
        parser.add_argument(
            "address", nargs="?", default=demo.ADDRESS, help=f"default: {demo.ADDRESS}"
        )
        parser.add_argument(
            "--bucket-port", type=int, default=BUCKET_PORT, help=f"default: {BUCKET_PORT}"
        )

    def handle(self, *args: Any, address: str, bucket_port: int, **options: Any) -> None:
        """Serve until the user stops it; the server and its data are removed in any case."""
        host, port = demo.parse_address(address)
        self._check_requirements()
        signal.signal(signal.SIGTERM, _interrupt)
        folder = Path(tempfile.mkdtemp(prefix="shift_media-demo-s3-"))
        try:
            self._run(folder, host, port, bucket_port)
        except KeyboardInterrupt:
            pass
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.stdout.write("The S3 server is stopped, and its data are deleted.")

    def _check_requirements(self) -> None:
        """Raise `CommandError` if Debian packages are missing, or the user is not root."""
        if missing := missing_packages():
            raise CommandError(
                "The S3 server of this demonstration is Ceph's gateway. Missing Debian packages: "
                f"{', '.join(missing)}. Install them with\n\n"
                f"  apt-get install --no-install-recommends {' '.join(missing)}\n"
            )
        if os.geteuid() != 0:
            raise CommandError(
                "Only root can start Ceph's gateway. Run sudo make demo-s3, or use a container."
            )

    def _run(self, folder: Path, host: str, port: int, bucket_port: int) -> None:
        self.stdout.write("Starting Ceph's S3 gateway, in memory …")
        self.stdout.flush()
        server_folder, data = folder / "rgw", folder / "gallery"
        server_folder.mkdir()
        data.mkdir()
        server = RGW(server_folder).start()
        try:
            website = f"{BUCKET}.s3-website.localhost"
            listen = (host, demo.free_port(host, bucket_port))
            log = TrafficLog(data / FILE_NAME)
            proxy = WebsiteProxy(listen, ("127.0.0.1", server.port, website), log).start()
            try:
                self._serve(server, data, (host, demo.free_port(host, port)), listen[1])
            finally:
                proxy.stop()
        finally:
            server.stop()

    def _serve(self, server: RGW, data: Path, address: tuple[str, int], bucket_port: int) -> None:
        """Configure the bucket and serve, with the commands that a site uses."""
        host, port = address
        name = demo.browser_host(host)
        public_url = f"http://{name}:{bucket_port}/"
        env = {**os.environ, **environment(server, BUCKET, public_url)}
        env["SHIFT_MEDIA_DEMO_DIR"] = str(data)
        env["SHIFT_MEDIA_DEMO_LOCK_DIR"] = str(data / "locks")
        self._manage(env, "media_bucket", "create")
        app_url = f"http://{name}:{port}/media/"
        agreed = ("--website", "--policy", "--yes", "--widen", "--verbosity=0")
        self._manage(env, "media_bucket", "apply", *agreed, "--app-url", app_url)
        self.stdout.write(f"\n  Bucket   {public_url}  (its website endpoint, behind a proxy)")
        self.stdout.write("           Open a picture to see the requests for its resizes.\n\n")
        self.stdout.flush()
        self._manage(env, "demo", f"--host={host}", f"--port={port}")

    def _manage(self, env: dict[str, str], *arguments: str) -> None:
        command = [sys.executable, sys.argv[0], *arguments]
        process = subprocess.Popen(command, env=env)  # noqa: S603 (this very program)
        try:
            status = process.wait()
        finally:
            process.terminate()
            process.wait(20)
        if status > 0:
            raise CommandError(f"manage.py {arguments[0]} failed.")


def environment(server: RGW, bucket: str, public_url: str) -> dict[str, str]:
    """Return the environment variables that `testproject.settings_s3` reads."""
    options = {
        "BUCKET": bucket,
        "ENDPOINT": server.endpoint,
        "ACCESS_KEY": server.access_key,
        "SECRET_KEY": server.secret_key,
        "REGION": server.region,
        "PUBLIC_URL": public_url,
    }
    return {
        "DJANGO_SETTINGS_MODULE": "testproject.settings_s3",
        **{f"SHIFT_MEDIA_DEMO_S3_{name}": value for name, value in options.items()},
    }


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
