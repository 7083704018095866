"""The threads of ffmpeg, and the address space that it may take.

The limit depends on the machine and on the plan. The numbers below come from measurements with
ffmpeg 5.1 and 9.0: four H.264 outputs of a source of 3840 x 2160 pixels take 2.6 GB of address
space with 1 thread for each encoder, and 6.8 GB with 16. One output of that size takes 2.7 GB with
16 threads in H.264, 3.7 GB in HEVC, 8.3 GB in AV1 and 3.0 GB in VP9 with transparency.
"""

from __future__ import annotations

import os
from typing import Final

from shift_media.video.planned import TranscodePlan

LEAST: Final = 4 << 30
"""Bytes that are enough for what most sites make."""

_MOST_THREADS: Final = 16
_THREADS_PER_CORE: Final = 1.5  # as x264 chooses

_BASE: Final = 2 << 30
_THREAD: Final = 56 << 20  # the stack, and what the allocator reserves for each thread
_PIXEL: Final = 96  # frames that an encoder looks ahead at, and those between filters
_PIXEL_OF_A_THREAD: Final = 9  # a frame for each
_ENCODERS: Final = {"hevc": 2, "av1": 4, "vp9": 2}  # the pixels that they hold, compared with x264
_PIXEL_OF_HDR: Final = 256  # 16 bytes for each step of the mapping, in frames that threads hold


def default_threads() -> int:
    """Return the threads of the decoder, the filters and each encoder on this machine."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(_MOST_THREADS, int(cores * _THREADS_PER_CORE)))


def needed_memory(plan: TranscodePlan, threads: int) -> int:
    """Return the bytes of address space that encoding may take; it grows with both arguments."""
    facts = plan.facts
    source = facts.width * facts.height
    pixels = source
    for video in plan.videos:
        pixels += video.width * video.height * _ENCODERS.get(video.codec, 1)
    users = 2 + len(plan.videos)  # the decoder and the filters
    needed = _BASE + users * threads * _THREAD
    needed += pixels * (_PIXEL + _PIXEL_OF_A_THREAD * threads)
    needed += source * _PIXEL_OF_HDR if facts.hdr else 0
    return max(LEAST, needed)
