"""The argument lists for ffmpeg: data in, lists out, nothing run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import encoders
from shift_media.transcoding.probing import VideoLimits
from shift_media.video.encoding import SoundEncoding
from shift_media.video.facts import VideoFacts, fitted, tiles
from shift_media.video.planning import Encode, PlannedPlaylist, TranscodePlan
from shift_media.video.profiles import Audio, PosterSpec, Sprite

MOST_FPS = 60
_CLEAN = "-map_metadata -1 -map_chapters -1 -sn -dn".split()
_QUIET = "-hide_banner -nostdin -y -loglevel error -nostats".split()
_PROGRESS = "-stats_period 0.25 -progress pipe:1".split()
_FAST_START = ["-movflags", "+faststart"]

# PQ and HLG are brought to the light of ordinary screens; without it they look washed out.
_TONE_MAP = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,"
)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the lists depend on beside the plan."""

    program: str
    limits: VideoLimits
    threads: int = 0
    tone_map: bool = False


def reading(tools: Tools, file: str, *, start: float = 0) -> list[str]:
    """Open an input: both allow-lists stand before every one."""
    seek = ["-ss", f"{start:.3f}"] if start else []
    allowed = ["-protocol_whitelist", probing.PROTOCOLS] if probing.PROTOCOLS else []
    allowed += ["-format_whitelist", probing.FORMATS] if probing.FORMATS else []
    limits = ["-max_pixels", str(tools.limits.pixels), "-t", f"{tools.limits.seconds:g}"]
    return [*allowed, *limits, *seek, "-i", file]


def encode(tools: Tools, source: str, plan: TranscodePlan) -> list[str]:
    """Make all that comes from the source in one run, so that it is decoded once.

    That is all but the playlists, and but a poster where nothing else has all frames decoded:
    see `posters`.
    """
    command = [tools.program, *_QUIET, *_PROGRESS, *reading(tools, source)]
    graph, outputs = [], []
    for number, made in enumerate(plan.encodes):
        graph.append(f"{encoders.drawn(made, plan.facts)},format=yuv420p")
        video = ["-map", f"[v{number}]", *_video(tools, made, plan.segment_seconds)]
        sound = _sound_of(made) if made.has_sound(plan.facts) else ["-an"]
        container = ["-f", "webm"] if made.kind == "webm" else [*_FAST_START, "-f", "mp4"]
        outputs.append([*video, *sound, *_CLEAN, *container, made.file])
    for wanted in plan.sprites:
        layout = SpriteLayout(wanted, plan.facts)
        outputs.append(["-map", f"[v{len(graph)}]", *_jpeg(5, layout.file)])
        graph.append(_tiled(layout))
    for poster in drawn_meanwhile(plan):
        # Two frames, of which the second, where there is one, overwrites the first.
        outputs.append(["-map", f"[v{len(graph)}]", *_jpeg(3, poster.file, frames=2)])
        graph.append(f"{_first_and_at(poster, plan.facts)},{_still(poster, plan.facts)}")
    for stills in plan.stills:
        drawn = encoders.stills_options(stills, plan.facts)
        outputs.append(["-map", f"[v{len(graph)}]", *drawn])
        graph.append(encoders.stills_drawn(stills, plan.facts))
    for audio in plan.sounds:
        container = ["-f", "mp3"] if audio.is_mp3 else [*_FAST_START, "-f", "mp4"]
        outputs.append(["-vn", *_sound_alone(audio), *_CLEAN, *container, audio.file])
    if graph:
        command += ["-filter_complex", _split(_tone(tools, plan.facts), graph)]
    return [*command, *(word for output in outputs for word in output)]


def drawn_meanwhile(plan: TranscodePlan) -> tuple[PosterSpec, ...]:
    """List the posters that `encode` makes: where all frames are decoded anyway."""
    return plan.posters if plan.encodes or plan.sprites or plan.stills else ()


def _split(tone: str, graph: list[str]) -> str:
    outs = "".join(f"[s{number}]" for number in range(len(graph)))
    branches = [f"[s{number}]{draw}[v{number}]" for number, draw in enumerate(graph)]
    return ";".join([f"[0:v:0]{tone}split={len(graph)}{outs}", *branches])


def _tone(tools: Tools, facts: VideoFacts) -> str:
    return _TONE_MAP if tools.tone_map and facts.hdr else ""


def _video(tools: Tools, made: Encode, segment_seconds: int) -> list[str]:
    options = [*encoders.encoder(made), "-pix_fmt", "yuv420p", "-fpsmax", str(MOST_FPS)]
    options += ["-threads", str(tools.threads)] if tools.threads else []
    if segment_seconds:
        options += ["-force_key_frames", f"expr:gte(t,n_forced*{segment_seconds})"]
    return options


def _sound_of(made: Encode) -> list[str]:
    if made.encoding is None or made.encoding.sound is None:
        return encoders.sound_options(SoundEncoding(kbps=made.audio_kbps))
    return encoders.sound_options(made.encoding.sound)


def _sound_alone(audio: Audio) -> list[str]:
    return encoders.sound_options(audio.encoding or SoundEncoding(kbps=audio.kbps))


def playlist(tools: Tools, made: PlannedPlaylist, has_sound: bool) -> list[str]:
    """Cut what has been encoded into segments, without encoding it again."""
    command = [tools.program, *_QUIET]
    streams = []
    for rung in made.rungs:
        command += reading(tools, rung.file)
    for number, rung in enumerate(made.rungs):
        command += ["-map", f"{number}:v:0"]
        sound = ""
        if has_sound:
            command += ["-map", f"{number}:a:0"]
            sound = f"a:{number},"
        streams.append(f"v:{number},{sound}name:{made.folder(rung)}")
    command += ["-c", "copy", *_CLEAN, "-f", "hls"]
    command += ["-hls_time", str(made.rendition.segment_seconds), "-hls_playlist_type", "vod"]
    command += ["-hls_segment_type", "fmp4", "-hls_flags", "independent_segments"]
    command += ["-hls_list_size", "0", "-hls_fmp4_init_filename", "init.mp4"]
    command += ["-hls_segment_filename", "%v/s%05d.m4s", "-master_pl_name", made.rendition.file]
    return [*command, "-var_stream_map", " ".join(streams), "%v/index.m3u8"]


def poster_size(wanted: PosterSpec, facts: VideoFacts) -> tuple[int, int]:
    """Give a poster's sides: those of the video, odd ones too, unless that is too large."""
    if min(facts.width, facts.height) <= wanted.height:
        return facts.width, facts.height
    return fitted(facts.width, facts.height, wanted.height)


def posters(
    tools: Tools, source: str, wanted: PosterSpec, facts: VideoFacts
) -> Iterator[list[str]]:
    """Give the ways to a still picture alone, in the order of trial: the last is sure."""
    draw = f"{_tone(tools, facts)}{_still(wanted, facts)}"
    made = ["-vf", draw, "-map", "0:v:0", *_jpeg(3, wanted.file)]
    # A place past the last frame gives nothing, and no error either.
    for start in dict.fromkeys((facts.duration * wanted.at / 100, 0.0)):
        yield [tools.program, *_QUIET, *reading(tools, source, start=start), *made]


def _first_and_at(wanted: PosterSpec, facts: VideoFacts) -> str:
    """Let the first frame through, and the one of the poster, which a lying header may not have.

    An encoder that never gets a frame would be an error.
    """
    at = f"{facts.duration * wanted.at / 100:.3f}"
    return f"select=eq(n\\,0)+gte(t\\,{at})*lt(prev_selected_t\\,{at})"


def _still(wanted: PosterSpec, facts: VideoFacts) -> str:
    width, height = poster_size(wanted, facts)
    return f"scale={width}:{height},setsar=1"


def _tiled(layout: SpriteLayout) -> str:
    """Draw the small pictures beside each other."""
    return (
        f"fps=1/{layout.seconds:.3f}:round=up,scale={layout.width}:{layout.height},setsar=1,"
        f"tpad=stop_mode=clone:stop={layout.number},tile={layout.columns}x{layout.rows}"
    )


def _jpeg(quality: int, file: str, *, frames: int = 1) -> list[str]:
    made = ["-an", *_CLEAN, "-frames:v", str(frames), "-fps_mode", "passthrough"]
    made += ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", str(quality)]
    return [*made, "-f", "image2", "-update", "1", file]


class SpriteLayout:
    """Where the small pictures of a sprite lie."""

    def __init__(self, wanted: Sprite, facts: VideoFacts) -> None:
        self.file = f"{wanted.file.removesuffix('.vtt')}.jpg"
        self.width, self.height = fitted(facts.width, facts.height, wanted.height)
        self.number, self.seconds = tiles(facts.duration, wanted.most, wanted.seconds)
        self.columns = min(wanted.columns, self.number)
        self.rows = -(-self.number // self.columns)
        self._duration = facts.duration

    def webvtt(self) -> str:
        """Write the WebVTT file whose cues name a part of the JPEG each."""
        cues = ["WEBVTT"]
        for number in range(self.number):
            start, end = number * self.seconds, (number + 1) * self.seconds
            x = number % self.columns * self.width
            y = number // self.columns * self.height
            cues.append(
                f"{_stamp(start)} --> {_stamp(min(end, self._duration))}\n"
                f"{self.file}#xywh={x},{y},{self.width},{self.height}"
            )
        return "\n\n".join(cues) + "\n"


def _stamp(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{thousandths:03}"


def progress_of(line: str, duration: float) -> float | None:
    """Read one line of ``-progress``: the share that is done, or None where it does not say."""
    name, _, value = line.partition("=")
    if name != "out_time_us" or not value.strip().lstrip("-").isdigit() or duration <= 0:
        return None
    return min(1.0, max(0.0, int(value) / 1_000_000 / duration))
