"""Options, allow-lists and inputs, which all argument lists of ffmpeg have in common."""

from __future__ import annotations

from dataclasses import dataclass

from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg.codecs import IN_SOFTWARE, Encoders
from shift_media.transcoding.probing import VideoLimits
from shift_media.video.parts import WHOLE, Part

# Neither metadata (a phone writes where it was), chapters, subtitles nor data streams.
WITHOUT_EXTRAS = "-map_metadata -1 -map_chapters -1 -sn -dn".split()
QUIET = "-hide_banner -nostdin -y -loglevel error -nostats".split()


@dataclass(frozen=True, slots=True)
class FFmpegOptions:
    """The parts of the argument lists that do not come from the plan.

    Attributes:
        program: path of ffmpeg.
        threads: of the decoder, the filters and each encoder; 0 leaves them to ffmpeg.
        tone_map: True if this ffmpeg has the filter that HDR needs.
        encoders: those of videos.
        memory_grows: True if the limit of memory grows with threads and pixels.
    """

    program: str
    limits: VideoLimits
    threads: int = 0
    tone_map: bool = False
    memory_grows: bool = False
    encoders: Encoders = IN_SOFTWARE


def input_arguments(
    options: FFmpegOptions, file: str, *, part: Part = WHOLE, start: float = 0
) -> list[str]:
    """Return the arguments that open an input, from ``start`` seconds of a part on.

    Both allow-lists precede every input, because ffmpeg applies them to the next one only.
    """
    begin = part.start + start
    seek = ["-ss", f"{begin:.3f}"] if begin else []
    seconds = options.limits.seconds
    seconds = min(seconds, part.seconds - start) if part.seconds else seconds
    allowed = ["-protocol_whitelist", probing.PROTOCOLS] if probing.PROTOCOLS else []
    formats = probing.formats_for(file)
    allowed += ["-format_whitelist", formats] if formats else []
    limits = ["-max_pixels", str(options.limits.pixels), "-t", f"{seconds:g}"]
    return [*allowed, *limits, *seek, "-i", file]
