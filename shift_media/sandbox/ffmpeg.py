"""The ffmpeg of this machine, and what it was built with."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator
from typing import Final

from shift_media.core.errors import MissingExtra, OutOfResources
from shift_media.core.faults import translated_faults
from shift_media.sandbox.process import KILLS

_LIST_SECONDS: Final = 20


def find_program(named: str = "") -> str:
    """Return the path of ffmpeg: ``named``, the one of `imageio-ffmpeg`, or the one on the path.

    Raises `MissingExtra` if there is none.
    """
    program = named or next(_installed(), None)
    if program is None:
        raise MissingExtra("ffmpeg", "ffmpeg", "with: apt-get install ffmpeg")
    return program


def find_program_with_decoder(name: str, extra: str) -> str:
    """Return the path of an ffmpeg that was built with a decoder.

    Raises `MissingExtra` if there is none, with the extra that installs one, and `OutOfResources`
    if the machine cannot run it at the moment.
    """
    for program in _installed():
        if _has_part(program, "-decoders", name):
            return program
    raise MissingExtra(f"An ffmpeg with {name}", extra, "with: apt-get install ffmpeg")


def has_filter(program: str, name: str) -> bool:
    """Return True if this ffmpeg was built with a filter; raise `OutOfResources` if it is late."""
    return _has_part(program, "-filters", name)


def _has_part(program: str, kind: str, name: str) -> bool:
    """Return True if ffmpeg lists a part; False for a program that does not run.

    Raises `OutOfResources` if the machine cannot run it at the moment.
    """
    try:
        with translated_faults():
            return f" {name} " in _listed(program, kind)
    except subprocess.TimeoutExpired as error:
        text = f"{program} took longer than {_LIST_SECONDS} s to list its parts. Try again later."
        raise OutOfResources(text) from error
    except subprocess.CalledProcessError as error:
        if -error.returncode in KILLS:
            raise OutOfResources(f"{program} was killed while it listed its parts.") from error
        return False
    except OSError:
        return False


def _installed() -> Iterator[str]:
    """Yield the paths of the ffmpeg of `imageio-ffmpeg` and of the one on the path."""
    try:
        import imageio_ffmpeg

        yield str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    if found := shutil.which("ffmpeg"):
        yield found


@functools.cache
def _listed(program: str, kind: str) -> str:
    """Return what ffmpeg lists of its parts; raise if it does not run."""
    return subprocess.run(  # noqa: S603 (our own program and arguments)
        [program, "-hide_banner", kind],
        capture_output=True,
        text=True,
        timeout=_LIST_SECONDS,
        check=True,
    ).stdout
