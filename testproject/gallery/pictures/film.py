"""The video of the demo: the camera pans over a drawn picture, with the sound of waves."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from shift_media.sandbox.ffmpeg import find_program

SIZE = (640, 360)
RATE = 25
SECONDS = 6
ZOOM = 1.25
"""How much wider the picture is than the part of it that is in view."""

_WAVES = "anoisesrc=color=brown:amplitude=0.4:sample_rate=44100,tremolo=f=0.25:d=0.8"


def pan(picture: Image.Image) -> bytes:
    """Return an MP4 that pans over a picture from left to right.

    Raises `MissingExtra` if there is no ffmpeg.
    """
    program = find_program()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pan.mp4"
        command = [
            *(program, "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(RATE), "-i", "-"),
            *("-f", "lavfi", "-t", str(SECONDS), "-i", _WAVES),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p"),
            *("-c:a", "aac", "-b:a", "64k", "-shortest", "-movflags", "+faststart", str(path)),
        ]
        subprocess.run(command, input=_frames(picture), check=True)  # noqa: S603 (no user's input)
        return path.read_bytes()


def _frames(picture: Image.Image) -> bytes:
    """Return the pixels of all frames, one behind the other."""
    width, height = SIZE
    scale = width * ZOOM / picture.width
    wide = picture.convert("RGB").resize((round(width * ZOOM), round(picture.height * scale)))
    count, top = RATE * SECONDS, (wide.height - height) // 2
    lefts = (round((wide.width - width) * index / (count - 1)) for index in range(count))
    return b"".join(wide.crop((left, top, left + width, top + height)).tobytes() for left in lefts)
