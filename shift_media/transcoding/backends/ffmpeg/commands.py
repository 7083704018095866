"""The argument lists of ffmpeg. Nothing here runs a program."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import encoders, filters
from shift_media.transcoding.probing import VideoLimits
from shift_media.video.captions import CaptionTrack
from shift_media.video.encoding import MAX_FPS, AudioEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.playlists import SEGMENTS_BEGIN_AT
from shift_media.video.specs import Audio, PosterSpec
from shift_media.video.sprites import SpriteLayout

# Neither metadata (a phone writes where it was), chapters, subtitles nor data streams.
_WITHOUT_EXTRAS = "-map_metadata -1 -map_chapters -1 -sn -dn".split()
_QUIET = "-hide_banner -nostdin -y -loglevel error -nostats".split()
_PROGRESS = "-stats_period 0.25 -progress pipe:1".split()
_FAST_START = ["-movflags", "+faststart"]

# If frames change their size, ffmpeg starts all filters again, so that a sprite begins anew. The
# filter `scale` accepts such frames.
_ONE_GRAPH = "-reinit_filter:v 0".split()

_FIELD_FRAMES = 200
_FIELDS = re.compile(r"Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)")

_TIME = re.compile(r"out_time_us=([0-9]+)|frame:.* pts_time:([0-9]+(?:\.[0-9]+)?)")

_LOUDNESS = re.compile(r'"input_(i|tp)" *: *"(-?(?:inf|[0-9.]+))"')
_AUDIO_CONTAINERS = {"mp3": ["-f", "mp3"], "opus": ["-f", "ogg"]}

# On ffmpeg's scale for JPEG, where 2 is best and 31 is worst.
_SPRITE_QUALITY, _POSTER_QUALITY = 5, 3


@dataclass(frozen=True, slots=True)
class FFmpegOptions:
    """The parts of the argument lists that do not come from the plan.

    Attributes:
        program: path of ffmpeg.
        threads: of the decoder, the filters and each encoder; 0 leaves them to ffmpeg.
        tone_map: True if this ffmpeg has the filter that HDR needs.
        memory_grows: True if the limit of memory grows with threads and pixels.
    """

    program: str
    limits: VideoLimits
    threads: int = 0
    tone_map: bool = False
    memory_grows: bool = False


def input_arguments(options: FFmpegOptions, file: str, *, start: float = 0) -> list[str]:
    """Return the arguments that open an input, from ``start`` seconds on.

    Both allow-lists precede every input, because ffmpeg applies them to the next one only.
    """
    seek = ["-ss", f"{start:.3f}"] if start else []
    allowed = ["-protocol_whitelist", probing.PROTOCOLS] if probing.PROTOCOLS else []
    formats = probing.formats_for(file)
    allowed += ["-format_whitelist", formats] if formats else []
    limits = ["-max_pixels", str(options.limits.pixels), "-t", f"{options.limits.seconds:g}"]
    return [*allowed, *limits, *seek, "-i", file]


def encode_command(options: FFmpegOptions, source: str, plan: TranscodePlan) -> list[str]:
    """Return the command that makes everything that comes from the source, which it decodes once.

    That is all but the playlists, and but a poster if nothing else decodes all frames: see
    `poster_commands`.
    """
    command = [options.program, *_QUIET, *_PROGRESS, *_ONE_GRAPH]
    command += _thread_arguments(options)
    command += input_arguments(options, source)
    facts = plan.facts
    of_videos = [0.0] * sum(video.has_audio(facts) for video in plan.videos)
    gains = [*of_videos, *(filters.choose_gain(audio, facts) for audio in plan.audio_files)]
    sound_graph, sounds = filters.split_sound(facts, gains)
    branches: list[str] = []
    outputs: list[list[str]] = []
    for branch, output in _video_outputs(options, plan, iter(sounds)):
        outputs.append(["-map", f"[v{len(branches)}]", *output])
        branches.append(branch)
    for audio, sound in zip(plan.audio_files, sounds[len(of_videos) :], strict=True):
        outputs.append(["-map", sound, *_audio_output(audio)])
    graphs = [sound_graph] if sound_graph else []
    if branches:
        source_filters = filters.source_filters(facts, tone_map=options.tone_map)
        graphs.insert(0, filters.split_graph(facts.video_stream, source_filters, branches))
    command += ["-filter_complex", ";".join(graphs)] if graphs else []
    return [*command, *(word for output in outputs for word in output)]


def _thread_arguments(options: FFmpegOptions) -> list[str]:
    """Return the threads of the filters and of the decoder, to stand before the input."""
    if not options.threads:
        return []
    return ["-filter_complex_threads", str(options.threads), "-threads", str(options.threads)]


def _video_outputs(
    options: FFmpegOptions, plan: TranscodePlan, sounds: Iterator[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield the filters and the encoder options of each output that shows frames.

    ``sounds`` are what the outputs with sound map.
    """
    for video in plan.videos:
        output = _video_options(options, video, plan.segment_seconds)
        has_audio = video.has_audio(plan.facts)
        output += ["-map", next(sounds), *_audio_options(video)] if has_audio else ["-an"]
        container = ["-f", "webm"] if video.kind == "webm" else [*_FAST_START, "-f", "mp4"]
        yield (
            f"{filters.video_filter(video, plan.facts)},format=yuv420p",
            [*output, *_WITHOUT_EXTRAS, *container, video.file],
        )
    for sprite in plan.sprites:
        layout = SpriteLayout(sprite, plan.facts)
        yield filters.sprite_filter(layout), _jpeg_output(_SPRITE_QUALITY, layout.file)
    for poster in posters_while_encoding(plan):
        # If it is exact there are two frames, and the second, if there is one, remains.
        frames = 2 if poster.is_exact else 1
        chosen = filters.poster_frames_filter(poster, plan.facts)
        yield chosen, _jpeg_output(_POSTER_QUALITY, poster.file, frames=frames)
    for stills in plan.stills:
        yield (
            filters.stills_filter(stills, plan.facts),
            encoders.stills_encoder(stills, plan.facts),
        )


def posters_while_encoding(plan: TranscodePlan) -> tuple[PosterSpec, ...]:
    """Return the posters that `encode_command` makes: if it decodes all frames anyway."""
    return plan.posters if plan.videos or plan.sprites or plan.stills else ()


def _video_options(options: FFmpegOptions, video: PlannedVideo, segment_seconds: int) -> list[str]:
    words = [*encoders.video_encoder(video), "-pix_fmt", "yuv420p", "-fpsmax", str(MAX_FPS)]
    words += ["-threads", str(options.threads)] if options.threads else []
    if segment_seconds:
        words += ["-force_key_frames", f"expr:gte(t,n_forced*{segment_seconds})"]
    return words


def _audio_options(video: PlannedVideo) -> list[str]:
    encoding = video.encoding and video.encoding.audio
    return encoders.audio_encoder(encoding or AudioEncoding(kbps=video.audio_kbps))


def _audio_output(audio: Audio) -> list[str]:
    encoding = audio.choose_encoding()
    container = _AUDIO_CONTAINERS.get(encoding.codec, [*_FAST_START, "-f", "mp4"])
    return ["-vn", *encoders.audio_encoder(encoding), *_WITHOUT_EXTRAS, *container, audio.file]


def _jpeg_output(quality: int, file: str, *, frames: int = 1) -> list[str]:
    return ["-an", *_WITHOUT_EXTRAS, *encoders.jpeg_encoder(quality, file, frames=frames)]


def playlist_command(
    options: FFmpegOptions, playlist: PlannedPlaylist, facts: VideoFacts
) -> list[str]:
    """Return the command that cuts encoded files into segments, without encoding them again."""
    command = [options.program, *_QUIET]
    streams = []
    has_audio, is_apart = playlist.has_audio(facts), playlist.has_sound_apart(facts)
    for rung in playlist.rungs:
        command += input_arguments(options, rung.file)
    for number, rung in enumerate(playlist.rungs):
        command += ["-map", f"{number}:v:0"]
        audio = ""
        if has_audio and not is_apart:
            command += ["-map", f"{number}:a:0"]
            audio = f"a:{number},"
        streams.append(f"v:{number},{audio}name:{playlist.folder(rung)}")
    if is_apart:
        command += ["-map", "0:a:0"]
        streams.append(f"a:0,name:{playlist.sound_folder}")
    rendition = playlist.rendition
    command += ["-c", "copy", *_WITHOUT_EXTRAS, "-f", "hls"]
    command += ["-output_ts_offset", str(SEGMENTS_BEGIN_AT)]
    command += ["-hls_time", str(rendition.segment_seconds), "-hls_playlist_type", "vod"]
    command += ["-hls_flags", "independent_segments", "-hls_list_size", "0"]
    command += _SEGMENTS[rendition.segments]
    return [*command, "-var_stream_map", " ".join(streams), "%v/index.m3u8"]


_SEGMENTS = {
    "fmp4": [
        *["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4"],
        *["-hls_segment_filename", "%v/s%05d.m4s"],
    ],
    "ts": ["-hls_segment_type", "mpegts", "-hls_segment_filename", "%v/s%05d.ts"],
}


def captions_command(
    options: FFmpegOptions, source: str, tracks: Sequence[CaptionTrack]
) -> list[str]:
    """Return the command that writes text tracks as WebVTT; it decodes neither picture nor sound.

    It is not part of the command that does, because ffmpeg waits for tracks with long pauses.
    """
    command = [options.program, *_QUIET, *input_arguments(options, source)]
    for track in tracks:
        command += ["-map", f"0:s:{track.stream}", "-map_metadata", "-1", "-c:s", "webvtt"]
        command += ["-f", "webvtt", track.file]
    return command


def poster_commands(
    options: FFmpegOptions, source: str, poster: PosterSpec, facts: VideoFacts
) -> Iterator[list[str]]:
    """Yield commands that make a still picture alone; each is for the case that the last failed.

    A source without pictures has a drawing of its sound instead.
    The first takes the frame that was asked for, the second one of the second before it, the last
    the first frame. A position past the last frame writes no file, and is no error either.
    """
    if not facts.video:
        output = ["-map", "[v0]", *_jpeg_output(_POSTER_QUALITY, poster.file)]
        graph = ["-filter_complex", filters.waveform_graph(facts.audio_stream)]
        yield [options.program, *_QUIET, *input_arguments(options, source), *graph, *output]
        return
    # The sought picture is there, so none has to be shown again.
    source_filters = filters.source_filters(replace(facts, last_end=0), tone_map=options.tone_map)
    near = [] if poster.is_exact else ["fps=4,thumbnail=12"]
    draw = ",".join([*source_filters, filters.poster_filter(poster, facts), *near])
    output = [
        "-vf",
        draw,
        "-map",
        f"0:v:{facts.video_stream}",
        *_jpeg_output(_POSTER_QUALITY, poster.file),
    ]
    moment = poster.moment(facts.duration)
    for start in dict.fromkeys((moment, max(0.0, moment - 1), 0.0)):
        yield [options.program, *_QUIET, *input_arguments(options, source, start=start), *output]


def fields_command(options: FFmpegOptions, source: str, facts: VideoFacts) -> list[str]:
    """Return the command that counts, in its messages, the frames that consist of two fields."""
    quiet = [*_QUIET, "-loglevel", "info", *input_arguments(options, source)]
    frames = ["-map", f"0:v:{facts.video_stream}", "-frames:v", str(_FIELD_FRAMES), "-vf", "idet"]
    return [options.program, *quiet, *frames, *_WITHOUT_EXTRAS, "-an", "-f", "null", "-"]


def loudness_command(options: FFmpegOptions, source: str, facts: VideoFacts) -> list[str]:
    """Return the command that measures the loudness (EBU R 128) and writes it to its messages."""
    quiet = [*_QUIET, "-loglevel", "info", *input_arguments(options, source)]
    measured = ["-map", f"0:a:{facts.audio_stream}", "-af", "loudnorm=print_format=json"]
    return [options.program, *quiet, *measured, *_WITHOUT_EXTRAS, "-vn", "-f", "null", "-"]


def parse_loudness(messages: str) -> tuple[float, float]:
    """Return the loudness in LUFS and the true peak in dBTP; zeros for silence."""
    found = {name: float(value) for name, value in _LOUDNESS.findall(messages)}
    loudness, peak = found.get("i", -math.inf), found.get("tp", -math.inf)
    return (loudness, peak) if math.isfinite(loudness + peak) else (0.0, 0.0)


def parse_field_order(messages: str) -> str:
    """Return ``tff`` or ``bff`` if most frames consist of two fields, by the messages of idet."""
    found = _FIELDS.findall(messages)
    if not found:
        return ""
    top, bottom, progressive = map(int, found[-1])
    if top + bottom <= progressive:
        return ""
    return "tff" if top >= bottom else "bff"


def parse_progress(line: str, duration: float) -> float | None:
    """Return the share that is done, from 0 to 1, by one line of ffmpeg; None for others.

    It is a line of ``-progress``, or one that the filters print for a frame.

    Args:
        line: without its end.
        duration: that of the source, in seconds.
    """
    found = _TIME.fullmatch(line.strip())
    if found is None or duration <= 0:
        return None
    seconds = int(found[1]) / 1_000_000 if found[1] else float(found[2])
    return min(1.0, seconds / duration)
