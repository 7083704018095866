"""A decoder of PNG that hostile files have taken over, for the workers of tests.

A worker imports this module if `shift_media.workers.process.IMPORTS` names it. Pictures of other
widths are decoded as usual.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from PIL.PngImagePlugin import PngImageFile

from shift_media.imaging.formats import IMAGE_FORMATS


def hang() -> None:
    """Wait for what never comes."""
    time.sleep(600)


def spin() -> None:
    """Compute for ever."""
    while True:
        pass


def eat() -> None:
    """Ask for 4 GB of memory at once, because a busy machine takes seconds to fill it."""
    bytearray(1 << 32)


def fork() -> None:
    """Leave a process behind, and go on."""
    if not os.fork():
        time.sleep(600)


def orphan() -> None:
    """Leave a process behind whose parent has ended, and go on."""
    child = os.fork()
    if not child:
        if not os.fork():
            time.sleep(600)
        os._exit(0)
    os.waitpid(child, 0)


def read_file() -> None:
    """Read a file of the machine."""
    with open("/etc/passwd") as file:
        file.read()


def lie() -> None:
    """Send something else than a result."""
    os.write(0, b"\0" * 16 + b"no message" * 100)


ACTIONS: dict[str, Callable[[], Any]] = {
    "hang": hang,
    "spin": spin,
    "eat": eat,
    "abort": os.abort,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "fork": fork,
    "orphan": orphan,
    "read_file": read_file,
    "socket": socket.socket,
    "lie": lie,
}

WIDTHS = {name: 601 + index for index, name in enumerate(ACTIONS)}
"""The width in pixels of a picture for each action."""


class HostilePng(PngImageFile):
    """Does before it decodes what the width of the picture says."""

    def load_prepare(self) -> None:
        """Do it."""
        by_width = {WIDTHS[name]: action for name, action in ACTIONS.items()}
        by_width.get(self.size[0], lambda: None)()
        super().load_prepare()


IMAGE_FORMATS["png"] = replace(IMAGE_FORMATS["png"], decoder=f"{__name__}:HostilePng")
