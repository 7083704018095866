"""``manage.py demo``: from nothing to a gallery in the browser."""

from __future__ import annotations

import secrets
import socket
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import get_internal_wsgi_application, run
from django.db import connections

from shift_media.transcoding.services import Worker

ADDRESS = "127.0.0.1:8000"
PORTS_TRIED = 20
WORKER_SECONDS = 5
"""How long the one that transcodes has to put its work away."""


class Command(BaseCommand):
    """Migrate, seed, make an administrator, say where to look, serve."""

    help = "Sets the gallery up with pictures in it and serves it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address, in one piece or in two, and ``--no-serve``."""
        parser.add_argument("address", nargs="?", default=ADDRESS, help=f"default: {ADDRESS}")
        parser.add_argument("--host", help="default: that of the address")
        parser.add_argument("--port", type=int, help="default: that of the address")
        parser.add_argument("--no-serve", action="store_true", help="set up only")

    def handle(self, *args: Any, address: str, no_serve: bool, **options: Any) -> None:
        """Do all of it, one after the other."""
        host, _, port = address.rpartition(":")
        if not port.isdigit():
            raise CommandError(f"{address!r} is no address: write {ADDRESS}, or 8000.")
        host = options["host"] or host or "127.0.0.1"
        self.set_up()
        if not no_serve:
            self.serve(host, options["port"] or int(port))

    def set_up(self) -> None:
        """Bring the database up to date, draw pictures, make an administrator."""
        self.stdout.write(f"Setting up the gallery in {settings.DATA_DIR}")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("seed", stdout=self.stdout)
        if User.objects.filter(is_superuser=True).exists():
            self.stdout.write("Administrator: as before; manage.py changepassword admin helps.")
            return
        password = secrets.token_urlsafe(9)
        User.objects.create_superuser("admin", password=password)
        self.stdout.write(f"Administrator: admin, password {password}")

    def serve(self, host: str, port: int) -> None:
        """Run Django's development server until it is interrupted."""
        free = free_port(host, port)
        if free != port:
            self.stdout.write(self.style.WARNING(f"Port {port} is taken: {free} is used instead."))
        if host not in settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS.append("*" if host in ("0.0.0.0", "::") else host)  # noqa: S104
        shown = shown_host(host)
        self.stdout.write(
            f"\n  Gallery  http://{shown}:{free}/\n  Admin    http://{shown}:{free}/admin/\n\n"
            "Ctrl-C stops it."
        )
        self.stdout.flush()
        stop = threading.Event()
        worker = threading.Thread(target=transcode_until, args=[stop], daemon=True)
        worker.start()
        try:
            run(host, free, get_internal_wsgi_application(), ipv6=":" in host, threading=True)
        except KeyboardInterrupt:
            self.stdout.write("\nStopped.")
        finally:
            stop.set()
            worker.join(WORKER_SECONDS)


def transcode_until(stop: threading.Event) -> None:
    """Do what ``media_transcode --watch`` does, beside the server: a demo has one process."""
    while not stop.is_set():
        if Worker(stop=stop).run_one() is None:
            stop.wait(1)
    connections.close_all()


def shown_host(host: str) -> str:
    """Name the host as a browser on this machine does."""
    return "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host  # noqa: S104


def free_port(host: str, port: int) -> int:
    """Find a port that nobody listens on, from ``port`` upwards."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    raise CommandError(f"No port from {port} to {port + PORTS_TRIED - 1} can be used on {host}.")
