"""The base class of the commands: what all of them do with their output."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, TextIO

from django.core.management.base import BaseCommand


class MediaCommand(BaseCommand):
    """A command that goes on if the reader of its output is gone.

    ``media_transcode | head -n 1`` closes standard output after one line. What is printed must
    not decide what happens to files and jobs.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command with output that ignores a closed pipe."""
        for name in ("stdout", "stderr"):
            if stream := options.get(name):
                options[name] = PipeStream(stream)
            else:
                wrapper = getattr(self, name)
                wrapper._out = PipeStream(wrapper._out)
        return super().execute(*args, **options)


class PipeStream:
    """A text stream that drops what is written after its reader has closed the pipe."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text unless the pipe is closed."""
        self._unless_closed(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written unless the pipe is closed."""
        self._unless_closed(self._stream.flush)

    def _unless_closed(self, action: Callable[..., object], *arguments: str) -> None:
        if self._closed:
            return
        try:
            action(*arguments)
        except BrokenPipeError:
            self._closed = True
            _discard_output(self._stream)


def _discard_output(stream: TextIO) -> None:
    """Send what a stream still holds to the null device, or Python fails to flush it at exit."""
    with contextlib.suppress(OSError, ValueError):  # A stream in memory has no descriptor.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
