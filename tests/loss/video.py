"""The smallest video that a job makes renditions of."""

from __future__ import annotations

import subprocess
from pathlib import Path

from shift_media.transcoding.backends.ffmpeg import find_program


def make(path: Path) -> Path:
    """Write a video of a few frames, and return its path."""
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.4"]
    encoder = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast"]
    command = [find_program(), "-v", "error", "-y", *source, *encoder, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path
