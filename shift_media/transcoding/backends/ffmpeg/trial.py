"""Trials of encoders: a few small frames, because a list of encoders says little of what works."""

from __future__ import annotations

import functools
import subprocess

from shift_media.transcoding.backends.ffmpeg.codecs import LIBAOM, SVT_AV1, Encoders
from shift_media.video.planned import PlannedVideo

_SECONDS = 30
_SIDES = (320, 240)
"""Some hardware refuses smaller frames."""

_KBPS = 1200


def try_encoder(program: str, codec: str, encoders: Encoders) -> str:
    """Return why the encoder of a codec does not work, or an empty text.

    It works if it begins another fragment at a forced keyframe, because segments begin there.
    """
    frames = f"testsrc=size={_SIDES[0]}x{_SIDES[1]}:rate=10:duration=1"
    video = PlannedVideo("-", *_SIDES, 23, "veryfast", 0, _KBPS, codec=codec)
    command = [program, "-hide_banner", "-nostdin", "-loglevel", "error"]
    command += [*encoders.device_arguments(), "-f", "lavfi", "-i", frames]
    command += ["-vf", encoders.last_filters(video), *encoders.arguments(video, 1)]
    command += ["-force_key_frames", "0,0.5", "-movflags", "frag_keyframe+empty_moov"]
    try:
        done = subprocess.run(  # noqa: S603 (our own program and arguments)
            [*command, "-f", "mp4", "-"], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode:
        return done.stderr.decode(errors="replace").strip()[:500] or f"exit {done.returncode}"
    is_forced = done.stdout.count(b"moof") > 1
    return "" if is_forced else f"{encoders.name_of(codec)} ignores forced keyframes."


@functools.cache
def choose_av1(program: str) -> str:
    """Return the encoder of AV1: SVT-AV1, or libaom if that has no forced keyframes.

    SVT-AV1 1.4 of Debian 12 has none.
    """
    return LIBAOM if try_encoder(program, "av1", Encoders(av1=SVT_AV1)) else SVT_AV1
