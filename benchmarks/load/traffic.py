"""The requests of users: missing resizes, stored ones, uploads, and their deletion."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load.client import Client, Outcomes

ORIGINALS = 12
SIZE = (1600, 1200)
_MOST_RETRIES = 100


class Traffic:
    """Paths of resizes that are missing or stored, and the clients that ask for them."""

    def __init__(self, port: int, hosts: list[int]) -> None:
        self._port, self._hosts = port, hosts
        self._photos = _store_originals()
        self._missing = self._sizes()
        self._lock = threading.Lock()
        self.warm_paths: list[str] = []
        self.upload_file = _draw(1)

    def missing(self) -> str:
        """Return the path of a resize that was never asked for."""
        with self._lock:
            return next(self._missing)

    def _sizes(self) -> Iterator[str]:
        for side, mode in itertools.product(range(320, 40, -1), ("fill", "pad", "stretch")):
            for other, photo in itertools.product(range(60, 320, 7), self._photos):
                yield urlsplit(photo.image.resize(f"{side}x{other}", mode=mode).url).path

    def warm_up(self, count: int) -> None:
        """Make resizes for `get_stored` to ask for."""
        client = Client(self._port)
        while len(self.warm_paths) < count:
            path = self.missing()
            if client.get(path).status == 200:
                self.warm_paths.append(path)

    # One request each. The time counts from when it was due.

    def get_missing(self, client: Client, outcomes: Outcomes, due: float) -> None:
        """Ask for a resize until it is there, waiting between as `Retry-After` says."""
        path = self.missing()
        for _ in range(_MOST_RETRIES):
            answer = client.get(path)
            outcomes.add(answer, due)
            if answer.status != 503:
                return
            time.sleep(min(2.0, float(answer.headers.get("Retry-After", 1))))
            due = time.monotonic()

    def get_missing_once(self, client: Client, outcomes: Outcomes, due: float) -> None:
        """Ask once for a resize that was not asked for before."""
        outcomes.add(client.get(self.missing()), due)

    def get_stored(self, client: Client, outcomes: Outcomes, due: float) -> None:
        """Ask for a resize that is stored."""
        outcomes.add(client.get(random.choice(self.warm_paths)), due)

    def upload(self, client: Client, outcomes: Outcomes, due: float) -> None:
        """Upload a picture, and delete it."""
        answer = client.post("/upload/", {}, self.upload_file)
        outcomes.add(answer, due)
        if answer.status == 201:
            since = time.monotonic()
            page = json.loads(answer.content)["url"]
            outcomes.add(client.post(f"{page}delete/", {}), since)

    def herd(self, clients: int) -> tuple[Outcomes, str, set[bytes]]:
        """Let all clients ask both hosts for one missing resize at once."""
        path, outcomes, seen = self.missing(), Outcomes(), set[bytes]()
        start = threading.Barrier(clients)

        def ask(number: int) -> None:
            client = Client(self._hosts[number % len(self._hosts)])
            start.wait()
            since = time.monotonic()
            answer = client.get(path)
            outcomes.add(answer, since)
            if answer.status == 200:
                seen.add(answer.content)

        run_all([lambda number=number: ask(number) for number in range(clients)])
        return outcomes, path.removeprefix("/media/"), seen


Request = Callable[[Client, Outcomes, float], None]


def run_all(calls: list[Callable[[], object]]) -> None:
    """Run calls in threads of their own, and wait for them."""
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _draw(seed: int) -> bytes:
    from tests.imaging import images

    return images.encoded(images.photograph(*SIZE, seed), "jpg", quality=85)


def _store_originals() -> list[Any]:
    from django.core.files.base import ContentFile

    from testproject.gallery.models import Photo

    files = [ContentFile(_draw(seed), "a lake.jpg") for seed in range(4)]
    return [Photo.objects.create(image=files[n % len(files)]) for n in range(ORIGINALS)]
