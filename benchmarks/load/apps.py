"""Notes each resize that a host has made, so that those of a herd can be counted."""

from __future__ import annotations

import os
from typing import Any

from django.apps import AppConfig


class LoadConfig(AppConfig):
    """Connects the signal of new resizes."""

    name = "benchmarks.load"
    label = "load"

    def ready(self) -> None:
        """Append the key of each resize that is made to a file."""
        from shift_media.signals import resize_created

        path = os.environ.get("LOAD_CREATED")
        if path:
            resize_created.connect(lambda key, **kwargs: _note(path, key), weak=False)


def _note(path: str, key: Any) -> None:
    with open(path, "a") as file:
        file.write(f"{key}\n")
