"""The encoders of H.264, HEVC, AV1 and VP9, in software and in hardware, and their options.

Options of hardware come from the documentation of ffmpeg's encoders. No test runs them, because
the machines of the tests have no such hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shift_media.video.encoding import PEAK_SECONDS
from shift_media.video.planned import PlannedVideo

HARDWARE: Final[Mapping[str, Mapping[str, str]]] = {
    "vaapi": {"h264": "h264_vaapi", "hevc": "hevc_vaapi", "av1": "av1_vaapi"},
    "nvenc": {"h264": "h264_nvenc", "hevc": "hevc_nvenc", "av1": "av1_nvenc"},
    "videotoolbox": {"h264": "h264_videotoolbox", "hevc": "hevc_videotoolbox"},
}
"""ffmpeg's encoders by the kind of hardware. Other codecs are encoded in software."""

SOFTWARE: Final = "software"

SVT_AV1, LIBAOM, VP9 = "libsvtav1", "libaom-av1", "libvpx-vp9"

_AV1_CRF_FACTOR: Final = 1.5
_VP9_CRF_FACTOR: Final = 1.4
_HEVC_CRF_MORE: Final = 3
"""CRFs of about the quality that x264 has with 23: 26 of x265, 35 of AV1 and 32 of VP9, whose most
is 63."""

_SPEEDS: Final[Mapping[str, tuple[int, int, int, int]]] = {
    "ultrafast": (9, 8, 1, 5),
    "superfast": (9, 8, 1, 5),
    "veryfast": (9, 8, 2, 4),
    "faster": (8, 8, 3, 4),
    "fast": (7, 7, 4, 3),
    "medium": (6, 7, 5, 2),
    "slow": (5, 6, 6, 1),
    "slower": (4, 6, 7, 0),
}
"""The presets of x264 as those of SVT-AV1, ``cpu-used`` of libaom, the presets of NVENC, and
``cpu-used`` of libvpx.

libaom is in its realtime mode, because its good mode takes 15 times as long.
"""

_MOST_SVT_LEVEL: Final = 6

_MEAN_SHARE: Final = 0.6
"""The mean bit rate of encoders that have no constant quality, as a share of the peak."""


@dataclass(frozen=True, slots=True)
class Encoders:
    """The encoders that a site uses.

    Attributes:
        hardware: a key of `HARDWARE`, or `SOFTWARE`.
        device: that of VAAPI.
        av1: the encoder of AV1 in software.
    """

    hardware: str = SOFTWARE
    device: str = "/dev/dri/renderD128"
    av1: str = SVT_AV1

    def is_hardware(self, video: PlannedVideo) -> bool:
        """Return True if a video is encoded by hardware."""
        return video.encoding is None and video.codec in HARDWARE.get(self.hardware, {})

    def name_of(self, codec: str) -> str:
        """Return ffmpeg's name of the encoder of a codec."""
        software = {"h264": "libx264", "hevc": "libx265", "av1": self.av1, "vp9": VP9}
        return HARDWARE.get(self.hardware, {}).get(codec, software[codec])

    def device_arguments(self) -> list[str]:
        """Return the arguments that open the hardware, to stand before the inputs."""
        return ["-vaapi_device", self.device] if self.hardware == "vaapi" else []

    def last_filters(self, video: PlannedVideo) -> str:
        """Return the filters that hand frames to the encoder."""
        on_card = self.is_hardware(video) and self.hardware == "vaapi"
        return "format=nv12,hwupload" if on_card else f"format={pixel_format(video)}"

    def arguments(self, video: PlannedVideo, threads: int) -> list[str]:
        """Return the encoder of a video that has no encoding of its own, with its options.

        ``threads`` is 0 to leave them to the encoder.
        """
        name = self.name_of(video.codec)
        if self.is_hardware(video):
            options = ["-c:v", name, *_OF_HARDWARE[self.hardware](video)]
        else:
            options = ["-c:v", name, *_OF_SOFTWARE[name](video, threads)]
        options += ["-profile:v", "high"] if video.codec == "h264" else []
        options += ["-maxrate", f"{video.max_kbps}k"]
        options += ["-bufsize", f"{round(video.max_kbps * PEAK_SECONDS)}k"]
        # Safari plays HEVC of this sample entry only.
        return [*options, "-tag:v", "hvc1"] if video.codec == "hevc" else options


IN_SOFTWARE = Encoders()


def pixel_format(video: PlannedVideo) -> str:
    """Return ffmpeg's name of the pixel format that an encoder in software gets."""
    return "yuva420p" if video.alpha else "yuv420p"


def _x264(video: PlannedVideo, threads: int) -> list[str]:
    return ["-preset", video.preset, "-crf", str(video.crf)]


def _x265(video: PlannedVideo, threads: int) -> list[str]:
    """Return options with which each forced keyframe is one that a segment can begin with."""
    crf = min(51, video.crf + _HEVC_CRF_MORE)
    pools = f":pools={threads}" if threads else ""
    own = ["-forced-idr", "1", "-x265-params", f"log-level=error:open-gop=0{pools}"]
    return ["-preset", video.preset, "-crf", str(crf), *own]


def _svt(video: PlannedVideo, threads: int) -> list[str]:
    """Return options that keep to the peak bit rate, which SVT-AV1 exceeds by half by default.

    ``lp`` was a number of threads before SVT-AV1 3.0, and is a level from 1 to 6 since.
    """
    own = ["mbr-overshoot-pct=0"]
    own += [f"lp={min(threads, _MOST_SVT_LEVEL)}"] if threads else []
    speed = ["-preset", str(_SPEEDS[video.preset][0]), "-crf", _av1_crf(video)]
    return [*speed, "-svtav1-params", ":".join(own)]


def _libaom(video: PlannedVideo, threads: int) -> list[str]:
    speed = str(_SPEEDS[video.preset][1])
    mode = ["-usage", "realtime", "-cpu-used", speed, "-row-mt", "1"]
    return [*mode, "-crf", _av1_crf(video), "-b:v", f"{video.max_kbps}k"]


def _vp9(video: PlannedVideo, threads: int) -> list[str]:
    """Return options with which the rate is the most that a quality may take.

    libvpx refuses transparency together with frames that are not shown.
    """
    speed = ["-deadline", "good", "-cpu-used", str(_SPEEDS[video.preset][3]), "-row-mt", "1"]
    speed += ["-auto-alt-ref", "0"] if video.alpha else []
    crf = str(min(63, round(video.crf * _VP9_CRF_FACTOR)))
    return [*speed, "-crf", crf, "-b:v", f"{video.max_kbps}k"]


def _av1_crf(video: PlannedVideo) -> str:
    return str(min(63, round(video.crf * _AV1_CRF_FACTOR)))


def _vaapi(video: PlannedVideo) -> list[str]:
    """Return options of which the driver takes the best mode it has: QVBR, ICQ or VBR."""
    return ["-global_quality", str(video.crf), "-b:v", _mean(video)]


def _nvenc(video: PlannedVideo) -> list[str]:
    preset = f"p{_SPEEDS[video.preset][2]}"
    crf = _av1_crf(video) if video.codec == "av1" else str(video.crf)
    return ["-preset", preset, "-rc", "vbr", "-cq", crf, "-b:v", "0", "-forced-idr", "1"]


def _videotoolbox(video: PlannedVideo) -> list[str]:
    return ["-b:v", _mean(video), "-allow_sw", "0"]


def _mean(video: PlannedVideo) -> str:
    return f"{round(video.max_kbps * _MEAN_SHARE)}k"


_OF_SOFTWARE = {"libx264": _x264, "libx265": _x265, SVT_AV1: _svt, LIBAOM: _libaom, VP9: _vp9}
_OF_HARDWARE = {"vaapi": _vaapi, "nvenc": _nvenc, "videotoolbox": _videotoolbox}
