"""The base class of the commands: what all of them do with their output."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Callable
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2 rows``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class HelpFormatter(DjangoHelpFormatter):
    """A formatter that adds the defaults that say something: not None, False or nothing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        shown = action.default not in (None, False, "", argparse.SUPPRESS) and action.default != []
        if text and shown and "default" not in text.lower():
            text += " (default: %(default)s)"
        return text


class MediaCommand(BaseCommand):
    """A command that is silent with ``-v 0``, and goes on if the reader of its output is gone.

    With ``-v 0`` only errors are printed, to standard error. ``media_transcode | head -n 1``
    closes standard output after one line. What is printed must not decide what happens to files
    and jobs.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser whose help has the defaults."""
        return super().create_parser(
            prog_name, subcommand, **{"formatter_class": HelpFormatter, **kwargs}
        )

    def is_silent(self, options: dict[str, Any]) -> bool:
        """Return True if nothing is printed but errors; a subclass may print what is asked for."""
        return bool(options["verbosity"] == 0)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command with output that ignores a closed pipe, or without output."""
        for name in ("stdout", "stderr"):
            if stream := options.get(name):
                options[name] = PipeStream(stream)
            else:
                wrapper = getattr(self, name)
                wrapper._out = PipeStream(wrapper._out)
        if self.is_silent(options):
            options["stdout"] = _Silence()
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


class _Silence(io.StringIO):
    """A stream that drops what is written, and is no terminal."""

    def write(self, text: str) -> int:
        return len(text)


def _discard_output(stream: TextIO) -> None:
    """Send what a stream still holds to the null device, or Python fails to flush it at exit."""
    with contextlib.suppress(OSError, ValueError):  # A stream in memory has no descriptor.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
