"""The gallery with a profile of small renditions, which jobs make in a second or two."""

from __future__ import annotations

from testproject.settings import *  # noqa: F403
from testproject.settings import SHIFT_MEDIA as _GALLERY

SHIFT_MEDIA = {
    **_GALLERY,
    "PROFILES": {
        "web": {
            "240p.mp4": {"kind": "mp4", "height": 240, "preset": "ultrafast"},
            "hls.m3u8": {
                "kind": "hls",
                "heights": [240, 120],
                "segment_seconds": 1,
                "preset": "ultrafast",
            },
            "hls.mpd": {"kind": "dash"},
            "_poster.jpg": {"kind": "poster"},
            "preview.vtt": {"kind": "sprite"},
            "captions.vtt": {"kind": "captions"},
        }
    },
}
