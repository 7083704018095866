"""The settings of the processes that decode images."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from pathlib import Path
from typing import Final

from shift_media.conf.reader import SettingsReader, wrong_value
from shift_media.sandbox.process import python

IS_SUPPORTED: Final = sys.platform == "linux"
"""Only Linux limits the address space of a process, and has files in memory to share."""

_LEAST_MEMORY: Final = 128 << 20
"""Bytes: Python with its decoders takes half of it."""


class WorkerSettings(SettingsReader):
    """The part of `Settings` that the worker processes read."""

    @cached_property
    def WORKERS(self) -> int:
        """The most processes that decode images for one process of the server, or 0.

        Default: the number of cores on Linux, else 0. They start when they are needed, and an idle
        one ends after some minutes. With 0 the server's own threads decode, so that a crash of a
        decoder ends the server.
        """
        value = self._natural("WORKERS", count_cores() if IS_SUPPORTED else 0)
        if value and not IS_SUPPORTED:
            wanted = "0: worker processes and their limits need Linux"
            raise wrong_value("WORKERS", value, wanted)
        return value

    @cached_property
    def WORKER_MEMORY(self) -> int:
        """The address space of a worker process in bytes. Default: 1 GiB.

        A picture that needs more fails. ``MAX_PIXELS`` and ``CONCURRENCY`` bound what is needed.
        """
        value = self._positive("WORKER_MEMORY", 1 << 30)
        if value < _LEAST_MEMORY:
            raise wrong_value(
                "WORKER_MEMORY",
                value,
                f"a number of bytes from {_LEAST_MEMORY}, such as {1 << 30}",
            )
        return value

    @cached_property
    def WORKER_SECONDS(self) -> int:
        """The seconds that a worker process has for one picture. Default: 15.

        By the clock, and also as CPU time, that of each core. Then it is killed and replaced.
        """
        return self._positive("WORKER_SECONDS", 15)

    @cached_property
    def WORKER_PYTHON(self) -> str:
        """Path of the interpreter that runs the worker processes.

        Default: that of the server. In a server that embeds Python, such as uWSGI, it is
        ``python3`` of the same environment.
        """
        path = self._raw.get("WORKER_PYTHON")
        if path is None:
            return python()
        if not isinstance(path, str | Path) or not str(path):
            raise wrong_value("WORKER_PYTHON", path, "a path, such as /srv/mysite/bin/python3")
        return str(path)


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
