"""Transcoding: ffmpeg with its encoders and filters, or the service that runs the jobs."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterator

from django.utils import timezone

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError
from shift_media.doctor.findings import Finding, error, ok, skipped, warning
from shift_media.registry import all_media_fields
from shift_media.sandbox.ffmpeg import find_program
from shift_media.transcoding import services
from shift_media.transcoding.backends.ffmpeg import FFmpeg
from shift_media.transcoding.base import Transcoder
from shift_media.transcoding.models import TranscodeJob

ENCODERS = ("libx264", "aac", "mjpeg")
"""The encoders of the profiles: H.264, AAC, and JPEG for posters and sprites."""

FILTERS = ("scale", "fps", "tile", "tpad", "select", "metadata", "bwdif")
"""The filters without which jobs fail."""

HDR_FILTERS = ("zscale", "tonemap")
"""The filters that convert HDR to a range that browsers show. Without them jobs complete."""

OLDEST = (5, 1)
"""The oldest version of ffmpeg, of which Debian 12 has the last release."""

OPTIONS = ("fps_mode", "stats_period", "filter_complex_threads", "reinit_filter")
"""Options of the command lines. A build of a development version has no version number."""

_TIMEOUT_SECONDS = 20
_INSTALL = 'Install the extra: python -m pip install "django-shift-media[ffmpeg]"'
_FIX_SETTING = 'Correct SHIFT_MEDIA["TRANSCODER"].'


def check_videos() -> Iterator[Finding]:
    """Check the transcoder, if a field has its videos transcoded."""
    if not any(field.transcode for field in all_media_fields()):
        yield skipped("transcoder", "No MediaField has transcode=….")
        return
    try:
        transcoder = services.transcoder()
    except ConfigurationError as problem:
        yield error("transcoder", str(problem), _FIX_SETTING)
        return
    faults = [str(message.msg) for message in transcoder.check()]
    if faults:
        yield error("transcoder", " ".join(faults), _FIX_SETTING)
    elif isinstance(transcoder, FFmpeg):
        yield check_ffmpeg(settings.TRANSCODER["OPTIONS"].get("program", ""))
    else:
        yield _check_service(transcoder)


def check_workers() -> Iterator[Finding]:
    """Check that jobs do not wait for a worker that is not there."""
    if any(field.transcode for field in all_media_fields()):
        yield _check_workers()


def _check_workers() -> Finding:
    try:
        waiting, unread = services.waiting_job(), services.unread_jobs()
    except Exception as problem:  # of any database; the doctor is about storages
        seen = f"The database could not be asked: {type(problem).__name__}: {problem}"
        return skipped("transcode-worker", seen)
    if unread:
        jobs = "1 job was" if unread == 1 else f"{unread} jobs were"
        seen = f"{jobs} submitted to a service more than two days ago, and nothing reads the end."
        fix = "Run media_transcode --poll by cron, or set up the webhook."
        return error("transcode-worker", seen, fix, "python manage.py media_transcode --poll")
    now = timezone.now()
    if waiting is None or waiting.not_before > now - services.WORKER_PAUSE:
        return ok("transcode-worker", "No job waits for a worker for longer than an hour.")
    count = TranscodeJob.objects.on_primary().due(now).count()
    jobs = "1 job is" if count == 1 else f"{count} jobs are"
    text = f"{jobs} due, the oldest since {waiting.not_before:%Y-%m-%d %H:%M}, and no worker ran "
    if settings.TASKS is None:
        fix = "Run media_transcode every minute by cron, or with --watch as a service."
    else:
        fix = 'Start a worker of the backend that SHIFT_MEDIA["TASKS"] names.'
    run = "python manage.py media_transcode"
    return error("transcode-worker", f"{text}for an hour.", fix, run)


def check_ffmpeg(name: str) -> Finding:
    """Check ffmpeg's encoders and filters; an empty ``name`` finds the program."""
    try:
        program = find_program(name)
        version = _output(program, "-version").splitlines()[0].partition(" Copyright")[0]
        encoders, filters = _output(program, "-encoders"), _output(program, "-filters")
        options = _output(program, "-h", "long")
    except (MediaError, OSError, subprocess.SubprocessError, IndexError) as problem:
        return error("ffmpeg", f"It cannot be run: {problem}", _INSTALL)
    if _is_too_old(version):
        oldest = ".".join(map(str, OLDEST))
        seen = f"{version} is too old: jobs need {oldest} or newer."
        return error("ffmpeg", seen, _INSTALL)
    known = set(re.findall(r"^\s*-(\w+)", options, re.MULTILINE))
    if unknown := [name for name in OPTIONS if name not in known]:
        seen = f"{version} does not know {', '.join(f'-{name}' for name in unknown)}."
        return error("ffmpeg", seen, _INSTALL)
    missing = [name for name in ENCODERS if f" {name} " not in encoders]
    missing += [name for name in FILTERS if f" {name} " not in filters]
    if missing:
        return error("ffmpeg", f"{version} was built without {', '.join(missing)}.", _INSTALL)
    if without := [name for name in HDR_FILTERS if f" {name} " not in filters]:
        seen = f"{version} was built without {', '.join(without)}, so HDR videos look grey."
        return warning("ffmpeg", seen, _INSTALL)
    return ok("ffmpeg", f"{version}, with {', '.join((*ENCODERS, *FILTERS, *HDR_FILTERS))}.")


def _is_too_old(version: str) -> bool:
    """Return True for a release before `OLDEST`; other builds have no number to compare."""
    found = re.match(r"ffmpeg version n?([0-9]+)(?:\.([0-9]+))?", version)
    return found is not None and (int(found[1]), int(found[2] or 0)) < OLDEST


@functools.cache
def _output(program: str, *options: str) -> str:
    done = subprocess.run(  # noqa: S603 (the site's own program, and an option of ours)
        [program, "-hide_banner", *options],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=True,
    )
    return done.stdout


def _check_service(transcoder: Transcoder) -> Finding:
    name = transcoder.name
    try:
        sentences = list(transcoder.examine())
    except MediaError as problem:
        fix = "Give the site's own user the permissions it needs, and check region and endpoint."
        run = "python manage.py media_bucket print iam-policy"
        return error("transcoder", f"{name}: {problem.code}: {problem}", fix, run)
    if not sentences:
        return skipped("transcoder", f"{name} has no check of its own.")
    return ok("transcoder", f"{name}: {' '.join(sentences)}")
