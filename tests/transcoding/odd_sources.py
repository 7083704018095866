"""Odd but ordinary videos, drawn by ffmpeg: tiny, and one or two seconds long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.transcoding.conftest import H264, Draw

SIZE = "64x48"
BAR_MOVES = (
    f"color=black:size={SIZE}:rate=50:duration=1[a];color=white:size=16x48:rate=50:duration=1[b];"
    "[a][b]overlay=x='mod(n*4,48)':y=0"
)
"""A white bar that moves by four pixels in each of 50 pictures in a second."""
FIELDS = f"{BAR_MOVES},tinterlace=interleave_top,setfield=tff"
RED_THEN_BLUE = (
    f"color=red:size={SIZE}:rate=10:duration=1[a];color=blue:size={SIZE}:rate=10:duration=1[b];"
    "[a][b]concat=n=2"
)


def picture(seconds: float = 1, rate: int = 10, size: str = SIZE) -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}"]


def graph(text: str) -> list[str]:
    return ["-f", "lavfi", "-i", text]


def tone(seconds: float = 1) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=duration={seconds}"]


AAC = ["-c:a", "aac"]
PCM = ["-c:a", "pcm_s16le"]
LIVE = ["-flush_packets", "1", "-live", "1"]
"""How a browser's MediaRecorder writes: the container has neither a duration nor an index."""

STILL = "setts=duration=if(eq(N\\,9)\\,21*DURATION\\,DURATION)"
"""The last of ten pictures is shown for two seconds more."""

DEEP = ["-c:v", "libx264rgb", "-preset", "ultrafast", "-pix_fmt", "rgb24"]

INTERLACED: dict[str, list[str]] = {
    "marked.mp4": [*graph(FIELDS), *H264, "-flags", "+ilme+ildct"],
    "not-marked.mkv": [*graph(FIELDS), "-c:v", "mpeg4", "-q:v", "2"],
}
"""Frames of two fields: marked so by the stream, or to be measured."""

TALL = FIELDS.replace(SIZE, "64x480").replace("16x48", "16x480")
DENIED: dict[str, list[str]] = {"marked-as-whole.mp4": [*graph(TALL), *H264]}
"""Frames of two fields that the stream says are whole ones, as many converters write them."""

COLORS: dict[str, list[str]] = {
    "full-range.mp4": [
        *graph(f"color=white:size={SIZE}:rate=10:duration=1,format=yuvj420p"),
        *H264,
        "-pix_fmt",
        "yuvj420p",
    ],
    "rgb.mkv": [*graph(f"color=green:size={SIZE}:rate=10:duration=1"), *DEEP],
}

_GREEN = (
    "color=0x20c040:size=1280x720:rate=5:duration=0.6,scale=out_color_matrix=bt709:out_range=tv,"
    "format=yuv420p,setparams=colorspace="
)
HD = {
    "hd-named.mp4": [*graph(f"{_GREEN}bt709"), *H264],
    "hd-not-named.mp4": [*graph(f"{_GREEN}unknown"), *H264],
}
"""A colour in the matrix of BT.709, which the stream names or does not."""

DRAWN: dict[str, list[str]] = {
    "sound-longer.mp4": [*picture(), *tone(3), *H264, *AAC],
    "sound-shorter.mp4": [*picture(2), *tone(), *H264, *AAC],
    "still-end.mp4": [*picture(), *H264, "-bsf:v", STILL],
    "begins-at-5.mkv": [*picture(), *tone(), *H264, *AAC, "-output_ts_offset", "5"],
    "begins-at-5.mp4": [*picture(), *tone(), *H264, *AAC, "-output_ts_offset", "5"],
    "no-duration.webm": [*picture(), *tone(), "-c:v", "libvpx", "-c:a", "libopus", *LIVE],
    "no-duration.mkv": [*picture(), *tone(), *H264, *AAC, *LIVE],
    "fragmented.mp4": [*picture(), *tone(), *H264, *AAC, "-movflags", "empty_moov+frag_keyframe"],
    "short.mp4": [*picture(0.2), *tone(0.2), *H264, *AAC],
    "one-frame.mp4": [*picture(0.1), *H264],
    "half-tagged-pq.mp4": [*picture(), *H264, "-vf", "setparams=color_trc=smpte2084"],
    "half-tagged-hlg.mp4": [*picture(), *H264, "-vf", "setparams=color_trc=arib-std-b67"],
    "picture-later.mkv": ["-itsoffset", "1", *graph(RED_THEN_BLUE), *tone(3), *H264, *AAC],
    "sound-later.mkv": [*picture(2), "-itsoffset", "1", *tone(), *H264, *AAC],
    "sound-of-a-moment.mkv": [*picture(), *tone(0.001), *H264, *PCM],
    "sound-without-packets.mkv": [*picture(), *tone(), *H264, *PCM, "-bsf:a", "noise=drop=1"],
    "second-video-longer.mkv": [
        *[*picture(), *picture(3, size="32x24"), *tone(2)],
        *[*"-map 0 -map 1 -map 2".split(), *H264, *AAC],
    ],
    "variable-rate.mkv": [
        *graph(f"testsrc=size={SIZE}:rate=10:duration=2,select='lt(n,3)+gt(n,15)'"),
        *[*H264, "-fps_mode", "vfr"],
    ],
}


MPEG2 = ["-c:v", "mpeg2video", "-c:a", "mp2"]
CONTAINERS: dict[str, list[str]] = {
    "container.ts": [*picture(rate=25), *tone(), *H264, *AAC, "-f", "mpegts"],
    "container.mpg": [*picture(rate=25), *tone(), *MPEG2, "-f", "vob"],
    "container.avi": [*picture(rate=25), *tone(), "-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "container.wmv": [*picture(rate=25), *tone(), "-c:v", "wmv2", "-c:a", "wmav2", "-f", "asf"],
    "container.flv": [*picture(rate=25), *tone(), "-c:v", "flv1", "-c:a", "libmp3lame"],
    "container.3gp": [*picture(rate=25, size="176x144"), "-c:v", "h263"],
    "hevc.mov": [*picture(), *tone(), "-c:v", "libx265", "-x265-params", "log-level=none", *AAC],
}
"""The containers that users have, beside MP4, WebM and Matroska."""

BLACK_THEN_RED_THEN_BLUE = ";".join(
    f"color={color}:size={SIZE}:rate=10:duration={seconds}[{pad}]"
    for color, seconds, pad in (("black", 0.5, "a"), ("red", 2.5, "b"), ("blue", 1.5, "c"))
)
SCENES = {
    "black-then-red-then-blue.mkv": [
        *graph(f"{BLACK_THEN_RED_THEN_BLUE};[a][b][c]concat=n=3"),
        *H264,
    ]
}

SOUNDS: dict[str, list[str]] = {
    "container.ogg": [*tone(), "-c:a", "libvorbis"],
    "container.mp3": [*tone(), "-c:a", "libmp3lame"],
    "container.flac": tone(),
    "container.wav": tone(),
}

SOURCES = SCENES | SOUNDS | CONTAINERS | DRAWN | INTERLACED | DENIED | COLORS | HD


def draw_source(draw: Draw, name: str) -> Path:
    """Return an odd source by its name."""
    special: dict[str, Callable[[Draw], Path]] = {
        "size-changes.mkv": _size_changes,
        "cue-later.mkv": _cue_later,
        "unknown-first-sound.mp4": _unknown_first_sound,
        "unknown-sound.mp4": _unknown_sound,
        "cover.mp4": _cover,
    }
    return special[name](draw) if name in special else draw(name, *SOURCES[name])


def _joined(draw: Draw, name: str, *parts: Path) -> Path:
    """Return a file with the bytes of others, beside the first of them."""
    path = parts[0].with_name(name)
    if not path.exists():
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def _size_changes(draw: Draw) -> Path:
    """Draw a second of red, and a second of blue in larger frames."""
    red, blue = (
        draw(f"{color}.264", *graph(f"color={color}:size={size}:rate=10:duration=1"), *H264)
        for color, size in (("red", SIZE), ("blue", "96x72"))
    )
    both = _joined(draw, "both.264", red, blue)
    return draw("size-changes.mkv", "-framerate", "10", "-i", str(both), "-c", "copy")


def _cue_later(draw: Draw) -> Path:
    """Draw a second of video with a subtitle that is shown seven seconds after its end."""
    cue = draw("blank.mp4", *picture(), *H264).with_name("cue.srt")
    cue.write_text("1\n00:00:08,000 --> 00:00:09,000\nlater\n")
    return draw("cue-later.mkv", *picture(), *tone(), "-i", str(cue), *H264, *AAC, "-c:s", "srt")


def _unknown_first_sound(draw: Draw) -> Path:
    """Draw a video whose first track of sound is in a codec that ffmpeg cannot decode, AC-4."""
    tracks = "-map 0 -map 1 -map 2 -c:a:0 ac3 -c:a:1 aac".split()
    two = draw("two-sounds.mp4", *picture(), *tone(), *tone(), *tracks, *H264)
    path = two.with_name("unknown-first-sound.mp4")
    path.write_bytes(two.read_bytes().replace(b"ac-3", b"ac-4"))
    return path


def _unknown_sound(draw: Draw) -> Path:
    """Draw a video whose only sound is in a codec that ffmpeg cannot decode."""
    one = draw("one-sound.mp4", *picture(), *tone(), *H264, "-c:a", "ac3")
    path = one.with_name("unknown-sound.mp4")
    path.write_bytes(one.read_bytes().replace(b"ac-3", b"ac-4"))
    return path


def _cover(draw: Draw) -> Path:
    """Draw a song with a picture of its cover."""
    cover = draw("cover.jpg", *graph("color=red:size=64x64:duration=0.1"), "-frames:v", "1")
    attached = "-map 0 -map 1 -c:v mjpeg -disposition:v attached_pic".split()
    return draw("cover.mp4", *tone(), "-i", str(cover), *AAC, *attached)
