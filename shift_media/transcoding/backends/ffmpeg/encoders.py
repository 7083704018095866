"""The parts of an argument list that a preset decides: frame, rates, sound and stills."""

from __future__ import annotations

from shift_media.video import planning
from shift_media.video.encoding import Encoding, SoundEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import Encode
from shift_media.video.profiles import StillsSpec
from shift_media.video.sizing import FrameSize

_SOUND_CODECS = {"aac": "aac", "mp3": "libmp3lame", "vorbis": "libvorbis"}

# How hard libvpx tries: several times quicker than by default, with little loss.
_VPX = {
    "vp8": "-c:v libvpx -deadline good -cpu-used 4".split(),
    "vp9": "-c:v libvpx-vp9 -deadline good -cpu-used 4 -row-mt 1".split(),
}
_VPX_STEADY = {"vp8": "-crf 10 -b:v 4000k".split(), "vp9": "-crf 32 -b:v 0".split()}


def drawn(made: Encode, facts: VideoFacts) -> str:
    """Bring the picture into its frame, at its frame rate."""
    if made.encoding is None or made.frame is None:
        return f"scale={made.width}:{made.height},setsar=1"
    rate = made.encoding.frame_rate(facts.fps)
    thinned = f"fps={rate.numerator}/{rate.denominator}," if rate else ""
    return f"{thinned}{into(made.frame)}"


def into(frame: FrameSize) -> str:
    """Scale a picture, cut it around its centre and pad it with black."""
    steps = [f"scale={frame.scaled[0]}:{frame.scaled[1]}"]
    if frame.shown != frame.scaled:
        steps.append(f"crop={frame.shown[0]}:{frame.shown[1]}:{frame.cut[0]}:{frame.cut[1]}")
    if frame.sides != frame.shown:
        steps.append(f"pad={frame.sides[0]}:{frame.sides[1]}:{frame.place[0]}:{frame.place[1]}")
    ratio = frame.pixel_ratio
    return ",".join([*steps, f"setsar={ratio.numerator}/{ratio.denominator}"])


def encoder(made: Encode) -> list[str]:
    """Give the encoder of pictures and what it is told."""
    encoding = made.encoding
    if encoding is None:
        steady = ["-crf", str(made.crf), "-profile:v", "high"]
        return ["-c:v", "libx264", "-preset", made.preset, *steady]
    rates = _rates(encoding)
    if made.codec in _VPX:
        return [*_VPX[made.codec], *(rates if encoding.kbps else _VPX_STEADY[made.codec])]
    options = ["-c:v", "libx264", "-preset", made.preset]
    options += [] if encoding.kbps else ["-crf", str(made.crf)]
    options += ["-profile:v", encoding.profile]
    options += ["-level:v", encoding.level] if encoding.level else []
    options += ["-refs", str(encoding.references)] if encoding.references else []
    fixed = ["-sc_threshold", "0"] if encoding.gop and encoding.fixed_gop else []
    return [*options, *rates, *fixed]


def _rates(encoding: Encoding) -> list[str]:
    options = ["-b:v", f"{encoding.kbps}k"] if encoding.kbps else []
    if encoding.highest_kbps:
        options += ["-maxrate", f"{encoding.highest_kbps}k", "-bufsize", f"{encoding.buffer}k"]
    if encoding.gop:
        options += ["-g", str(encoding.gop)]
        options += ["-keyint_min", str(encoding.gop)] if encoding.fixed_gop else []
    return options


def sound_options(encoding: SoundEncoding) -> list[str]:
    """Give the encoder of sound and its rates."""
    options = ["-map", "0:a:0", "-c:a", _SOUND_CODECS[encoding.codec]]
    options += ["-b:a", f"{encoding.kbps}k", "-ac", str(encoding.channels)]
    return [*options, "-ar", str(encoding.hz)] if encoding.hz else options


def stills_drawn(wanted: StillsSpec, facts: VideoFacts) -> str:
    """Let one frame through each so many seconds."""
    due = f"select=gte(t-start_t\\,selected_n*{wanted.seconds})"
    return f"{due},{into(wanted.frame(facts.width, facts.height))}"


def stills_options(wanted: StillsSpec, facts: VideoFacts) -> list[str]:
    """Give the encoder of stills, and have them numbered from 1 on."""
    png = wanted.file.endswith(".png")
    codec = ["-c:v", "png"] if png else ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4"]
    most = len(planning.still_times(wanted, facts.duration))
    pattern = wanted.file.replace("00001.", "%05d.")
    numbered = ["-f", "image2", "-start_number", "1", pattern]
    return ["-fps_mode", "vfr", "-frames:v", str(most), *codec, *numbered]
