"""The argument lists of ffmpeg. Nothing here runs a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import encoders, filters
from shift_media.transcoding.probing import VideoLimits
from shift_media.video.encoding import MAX_FPS, AudioEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.profiles import Audio, PosterSpec
from shift_media.video.sprites import SpriteLayout

# Neither metadata (a phone writes where it was), chapters, subtitles nor data streams.
_WITHOUT_EXTRAS = "-map_metadata -1 -map_chapters -1 -sn -dn".split()
_QUIET = "-hide_banner -nostdin -y -loglevel error -nostats".split()
_PROGRESS = "-stats_period 0.25 -progress pipe:1".split()
_FAST_START = ["-movflags", "+faststart"]

# On ffmpeg's scale for JPEG, where 2 is best and 31 is worst.
_SPRITE_QUALITY, _POSTER_QUALITY = 5, 3


@dataclass(frozen=True, slots=True)
class FFmpegOptions:
    """The parts of the argument lists that do not come from the plan.

    Attributes:
        program: path of ffmpeg.
        threads: per encoder; 0 leaves it to ffmpeg.
        tone_map: True if this ffmpeg has the filter that HDR needs.
    """

    program: str
    limits: VideoLimits
    threads: int = 0
    tone_map: bool = False


def input_arguments(options: FFmpegOptions, file: str, *, start: float = 0) -> list[str]:
    """Return the arguments that open an input, from ``start`` seconds on.

    Both allow-lists precede every input, because ffmpeg applies them to the next one only.
    """
    seek = ["-ss", f"{start:.3f}"] if start else []
    allowed = ["-protocol_whitelist", probing.PROTOCOLS] if probing.PROTOCOLS else []
    allowed += ["-format_whitelist", probing.FORMATS] if probing.FORMATS else []
    limits = ["-max_pixels", str(options.limits.pixels), "-t", f"{options.limits.seconds:g}"]
    return [*allowed, *limits, *seek, "-i", file]


def encode_command(options: FFmpegOptions, source: str, plan: TranscodePlan) -> list[str]:
    """Return the command that makes everything that comes from the source, which it decodes once.

    That is all but the playlists, and but a poster if nothing else decodes all frames: see
    `poster_commands`.
    """
    command = [options.program, *_QUIET, *_PROGRESS, *input_arguments(options, source)]
    branches: list[str] = []
    outputs: list[list[str]] = []
    for branch, output in _video_outputs(options, plan):
        outputs.append(["-map", f"[v{len(branches)}]", *output])
        branches.append(branch)
    outputs += [_audio_output(audio) for audio in plan.audio_files]
    if branches:
        graph = filters.split_graph(_tone_map(options, plan.facts), branches)
        command += ["-filter_complex", graph]
    return [*command, *(word for output in outputs for word in output)]


def _video_outputs(options: FFmpegOptions, plan: TranscodePlan) -> Iterator[tuple[str, list[str]]]:
    """Yield the filters and the encoder options of each output that shows frames."""
    for video in plan.videos:
        output = _video_options(options, video, plan.segment_seconds)
        output += _audio_options(video) if video.has_audio(plan.facts) else ["-an"]
        container = ["-f", "webm"] if video.kind == "webm" else [*_FAST_START, "-f", "mp4"]
        yield (
            f"{filters.video_filter(video, plan.facts)},format=yuv420p",
            [*output, *_WITHOUT_EXTRAS, *container, video.file],
        )
    for sprite in plan.sprites:
        layout = SpriteLayout(sprite, plan.facts)
        yield filters.sprite_filter(layout), _jpeg_output(_SPRITE_QUALITY, layout.file)
    for poster in posters_while_encoding(plan):
        # Two frames, of which the second, if there is one, overwrites the first.
        frames = filters.select_poster_frames(poster, plan.facts)
        scale = filters.poster_filter(poster, plan.facts)
        yield f"{frames},{scale}", _jpeg_output(_POSTER_QUALITY, poster.file, frames=2)
    for stills in plan.stills:
        yield (
            filters.stills_filter(stills, plan.facts),
            encoders.stills_encoder(stills, plan.facts),
        )


def posters_while_encoding(plan: TranscodePlan) -> tuple[PosterSpec, ...]:
    """Return the posters that `encode_command` makes: if it decodes all frames anyway."""
    return plan.posters if plan.videos or plan.sprites or plan.stills else ()


def _tone_map(options: FFmpegOptions, facts: VideoFacts) -> str:
    return filters.TONE_MAP if options.tone_map and facts.hdr else ""


def _video_options(options: FFmpegOptions, video: PlannedVideo, segment_seconds: int) -> list[str]:
    words = [*encoders.video_encoder(video), "-pix_fmt", "yuv420p", "-fpsmax", str(MAX_FPS)]
    words += ["-threads", str(options.threads)] if options.threads else []
    if segment_seconds:
        words += ["-force_key_frames", f"expr:gte(t,n_forced*{segment_seconds})"]
    return words


def _audio_options(video: PlannedVideo) -> list[str]:
    if video.encoding is None or video.encoding.audio is None:
        return encoders.audio_encoder(AudioEncoding(kbps=video.audio_kbps))
    return encoders.audio_encoder(video.encoding.audio)


def _audio_output(audio: Audio) -> list[str]:
    encoder = encoders.audio_encoder(audio.encoding or AudioEncoding(kbps=audio.kbps))
    container = ["-f", "mp3"] if audio.is_mp3 else [*_FAST_START, "-f", "mp4"]
    return ["-vn", *encoder, *_WITHOUT_EXTRAS, *container, audio.file]


def _jpeg_output(quality: int, file: str, *, frames: int = 1) -> list[str]:
    return ["-an", *_WITHOUT_EXTRAS, *encoders.jpeg_encoder(quality, file, frames=frames)]


def playlist_command(
    options: FFmpegOptions, playlist: PlannedPlaylist, has_audio: bool
) -> list[str]:
    """Return the command that cuts encoded files into segments, without encoding them again."""
    command = [options.program, *_QUIET]
    streams = []
    for rung in playlist.rungs:
        command += input_arguments(options, rung.file)
    for number, rung in enumerate(playlist.rungs):
        command += ["-map", f"{number}:v:0"]
        audio = ""
        if has_audio:
            command += ["-map", f"{number}:a:0"]
            audio = f"a:{number},"
        streams.append(f"v:{number},{audio}name:{playlist.folder(rung)}")
    rendition = playlist.rendition
    command += ["-c", "copy", *_WITHOUT_EXTRAS, "-f", "hls"]
    command += ["-hls_time", str(rendition.segment_seconds), "-hls_playlist_type", "vod"]
    command += ["-hls_segment_type", "fmp4", "-hls_flags", "independent_segments"]
    command += ["-hls_list_size", "0", "-hls_fmp4_init_filename", "init.mp4"]
    command += ["-hls_segment_filename", "%v/s%05d.m4s", "-master_pl_name", rendition.file]
    return [*command, "-var_stream_map", " ".join(streams), "%v/index.m3u8"]


def poster_commands(
    options: FFmpegOptions, source: str, poster: PosterSpec, facts: VideoFacts
) -> Iterator[list[str]]:
    """Yield commands that make a still picture alone; each is for the case that the last failed.

    The first takes the frame that was asked for, the second the first frame. A position past the
    last frame writes no file, and is no error either.
    """
    draw = f"{_tone_map(options, facts)}{filters.poster_filter(poster, facts)}"
    output = ["-vf", draw, "-map", "0:v:0", *_jpeg_output(_POSTER_QUALITY, poster.file)]
    for start in dict.fromkeys((facts.duration * poster.at / 100, 0.0)):
        yield [options.program, *_QUIET, *input_arguments(options, source, start=start), *output]


def parse_progress(line: str, duration: float) -> float | None:
    """Return the share that is done, from 0 to 1, by one line of ``-progress``; None for others.

    ``duration`` is that of the source, in seconds.
    """
    name, _, value = line.partition("=")
    if name != "out_time_us" or not value.strip().lstrip("-").isdigit() or duration <= 0:
        return None
    return min(1.0, max(0.0, int(value) / 1_000_000 / duration))
