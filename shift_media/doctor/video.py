"""What makes videos: ffmpeg and its encoders, or the service that does it."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Iterator

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError
from shift_media.doctor.findings import Finding, error, ok, skipped
from shift_media.registry import all_media_fields
from shift_media.transcoding import services
from shift_media.transcoding.backends.ffmpeg import FFmpeg, find_program
from shift_media.transcoding.base import Transcoder

ENCODERS = ("libx264", "aac", "mjpeg")
"""What the profiles encode with: H.264, AAC, and JPEG for posters and sprites."""

FILTERS = ("scale", "fps", "tile", "zscale")
"""zscale brings HDR to what a browser shows."""

_SECONDS = 20
_EXTRA = 'Install the extra: python -m pip install "django-shift-media[ffmpeg]"'


def check_videos() -> Iterator[Finding]:
    """Look at the transcoder, where a field has videos transcoded."""
    if not any(field.transcode for field in all_media_fields()):
        yield skipped("transcoder", "No MediaField has transcode=….")
        return
    try:
        transcoder = services.transcoder()
    except ConfigurationError as problem:
        yield error("transcoder", str(problem), 'Mend SHIFT_MEDIA["TRANSCODER"].')
        return
    faults = [str(message.msg) for message in transcoder.check()]
    if faults:
        yield error("transcoder", " ".join(faults), 'Mend SHIFT_MEDIA["TRANSCODER"].')
    elif isinstance(transcoder, FFmpeg):
        yield check_ffmpeg(settings.TRANSCODER["OPTIONS"].get("program", ""))
    else:
        yield _service(transcoder)


def check_ffmpeg(named: str) -> Finding:
    """Ask ffmpeg for its version, its encoders and its filters."""
    try:
        program = find_program(named)
        version = _ask(program, "-version").splitlines()[0].partition(" Copyright")[0]
        encoders, filters = _ask(program, "-encoders"), _ask(program, "-filters")
    except (MediaError, OSError, subprocess.SubprocessError, IndexError) as problem:
        return error("ffmpeg", f"It cannot be run: {problem}", _EXTRA)
    lacking = [name for name in ENCODERS if f" {name} " not in encoders]
    lacking += [name for name in FILTERS if f" {name} " not in filters]
    if lacking:
        return error("ffmpeg", f"{version} was built without {', '.join(lacking)}.", _EXTRA)
    return ok("ffmpeg", f"{version}, with {', '.join((*ENCODERS, *FILTERS))}.")


@functools.cache
def _ask(program: str, question: str) -> str:
    done = subprocess.run(  # noqa: S603 (the site's own program, and an option of ours)
        [program, "-hide_banner", question],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    return done.stdout


def _service(transcoder: Transcoder) -> Finding:
    name = transcoder.name
    try:
        told = list(transcoder.examine())
    except MediaError as problem:
        mend = "Give the site's own user what it needs, and check region and endpoint."
        run = "python manage.py media_bucket print iam-policy"
        return error("transcoder", f"{name}: {problem.code}: {problem}", mend, run)
    if not told:
        return skipped("transcoder", f"{name} says nothing of itself.")
    return ok("transcoder", f"{name}: {' '.join(told)}")
