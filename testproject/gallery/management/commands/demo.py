"""``manage.py demo``: create a gallery with pictures, and serve it."""

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
"""Seconds that the transcoding thread has to stop its job and release it."""


class Command(BaseCommand):
    """Migrate, seed, create an administrator, print the addresses, and serve."""

    help = "Creates the gallery with pictures in it, and serves it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address, in one argument or in two options, and ``--no-serve``."""
        parser.add_argument("address", nargs="?", default=ADDRESS, help=f"default: {ADDRESS}")
        parser.add_argument("--host", help="default: that of the address")
        parser.add_argument("--port", type=int, help="default: that of the address")
        parser.add_argument("--no-serve", action="store_true", help="only create the gallery")

    def handle(self, *args: Any, address: str, no_serve: bool, **options: Any) -> None:
        """Create the gallery, and serve it."""
        host, port = parse_address(address)
        self.create()
        if not no_serve:
            self.serve(options["host"] or host, options["port"] or port)

    def create(self) -> None:
        """Migrate the database, draw pictures, and create an administrator."""
        self.stdout.write(f"Setting up the gallery in {settings.DATA_DIR}")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("seed", stdout=self.stdout)
        if User.objects.filter(is_superuser=True).exists():
            self.stdout.write(
                "Administrator: as before. For a new password: manage.py changepassword admin."
            )
            return
        password = secrets.token_urlsafe(9)
        User.objects.create_superuser("admin", password=password)
        self.stdout.write(f"Administrator: admin, password {password}")

    def serve(self, host: str, port: int) -> None:
        """Run Django's development server until it is interrupted."""
        free = free_port(host, port)
        if free != port:
            self.stdout.write(self.style.WARNING(f"Port {port} is taken. Using {free} instead."))
        if host not in settings.ALLOWED_HOSTS:
            settings.ALLOWED_HOSTS.append("*" if host in ("0.0.0.0", "::") else host)  # noqa: S104
        name = browser_host(host)
        self.stdout.write(
            f"\n  Gallery  http://{name}:{free}/\n  Admin    http://{name}:{free}/admin/\n\n"
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
    """Run pending jobs until the event is set, because the demo has no other worker process."""
    while not stop.is_set():
        if Worker(stop=stop).run_one() is None:
            stop.wait(1)
    connections.close_all()


def parse_address(address: str) -> tuple[str, int]:
    """Split an address into host and port; the host defaults to 127.0.0.1.

    Raises `CommandError` for an address without a port.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise CommandError(f"{address!r} is not an address. Write {ADDRESS}, or only a port.")
    return host or "127.0.0.1", int(port)


def browser_host(host: str) -> str:
    """Return the host name under which a browser on this machine reaches the server."""
    return "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host  # noqa: S104


def free_port(host: str, port: int) -> int:
    """Return the first free port from ``port`` upwards; raises `CommandError` without one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return candidate
    raise CommandError(
        f"No port from {port} to {port + PORTS_TRIED - 1} is free on {host}. Name another one."
    )
