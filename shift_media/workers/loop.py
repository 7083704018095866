"""The loop of a worker process: one call after another, each within limits.

It imports neither Django nor settings, so that a worker starts fast and has no secrets.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import select
import signal
import socket
from collections.abc import Sequence
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from shift_media.core.errors import MediaError, MissingExtra, StorageError, Undecodable
from shift_media.core.faults import translated_faults
from shift_media.core.streams import SeekableReader
from shift_media.imaging.calls import CALLS, SANDBOXED, pack_error
from shift_media.imaging.engine import vips
from shift_media.imaging.engine.decoders import load_decoder
from shift_media.imaging.formats import IMAGE_FORMATS
from shift_media.workers import wire

ORPHAN_SECONDS: Final = 1
"""Seconds after the deadline until a worker ends by itself. Before, the server kills it."""


_LATE_IMPORTS: Final = ("PIL.ImageColor", "PIL.ImageFilter", "PIL.ImagePalette", "_strptime")
"""Modules that functions of Pillow and of Python import when they are first called."""


class SharedFile(SeekableReader):
    """A file of the server by its descriptor, without a position, which they would share.

    Args:
        descriptor: an open file.
        size: of the original in bytes.
        available: how many bytes from its beginning the file has.
    """

    def __init__(self, descriptor: int, size: int, available: int) -> None:
        super().__init__(size)
        self._descriptor = descriptor
        self._available = available

    def _read_at(self, position: int, length: int) -> bytes:
        if position + length > self._available:
            text = f"Bytes up to {position + length} are needed, and only {self._available} came."
            raise StorageError(text)
        return os.pread(self._descriptor, length, position)


def serve(decoder: str, imports: Sequence[str], idle_seconds: float) -> None:
    """Answer calls from the standard input until it is closed, or none has come for a while."""
    with socket.socket(fileno=0) as connection:
        load_decoders(decoder, imports)
        refuse_files()
        wire.send(connection, {"ready": True})
        with contextlib.suppress(wire.ConnectionClosed, ConnectionError):
            while select.select([connection], [], [], idle_seconds)[0]:
                answer(connection)


def load_decoders(decoder: str, imports: Sequence[str]) -> None:
    """Import every decoder that is installed, because no file can be opened later."""
    if decoder != "pillow":
        vips.is_installed()
    for image_format in IMAGE_FORMATS.values():
        if image_format.format.extension in SANDBOXED:
            continue
        with contextlib.suppress(MissingExtra):
            load_decoder(image_format.format)
    for name in (*_LATE_IMPORTS, *imports):
        import_module(name)


def refuse_files() -> None:
    """Lower the number of open files, so that the original of a call is the last one."""
    last = os.dup(0)
    os.close(last)
    resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, last + 1))


def answer(connection: socket.socket) -> None:
    """Receive one call, and send its results and how it has ended."""
    facts, content, descriptor = wire.receive_with_file(connection)
    end = None
    try:
        with translated_faults():
            run(connection, facts, content, descriptor)
    except MediaError as error:
        end = pack_error(error)
    finally:
        os.close(descriptor)
        stop_clock()
    wire.send(connection, {"end": end, "is_usable": end is None or not has_children()})


def run(connection: socket.socket, facts: dict[str, Any], content: bytes, descriptor: int) -> None:
    """Run one of the `CALLS`, and send each result as soon as it is there.

    The arguments are a pickle, because a worker may believe the server.
    """
    call, seconds = CALLS[facts["call"]], facts["seconds"]
    source = SharedFile(descriptor, facts["size"], facts["available"])
    start_clocks(seconds)
    for result in call.run(cast(BinaryIO, source), **pickle.loads(content)):  # noqa: S301
        if has_children():
            raise Undecodable("The decoder has started a process.")
        stop_clock()
        wire.send(connection, *call.pack(result))
        start_clocks(seconds)


def start_clocks(seconds: int) -> None:
    """Allow so many seconds from now, by the clock and of CPU time for each core.

    The kernel kills a process that exceeds them, even in the middle of a call of a library.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime) + 1 + seconds * len(os.sched_getaffinity(0))
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    # The hard limit stays, because the soft one has to be raised for the next result.
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    signal.setitimer(signal.ITIMER_REAL, seconds + ORPHAN_SECONDS)


def stop_clock() -> None:
    """Stop the clock: the server may take its time to receive, because it stores results first.

    If it is gone, sending fails.
    """
    signal.setitimer(signal.ITIMER_REAL, 0)


def has_children() -> bool:
    """Return True if a process is left that a decoder, or a process of it, has started."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True
