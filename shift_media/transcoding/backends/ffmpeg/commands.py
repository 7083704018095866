"""The argument lists of ffmpeg. Nothing here runs a program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import encoders, filters
from shift_media.transcoding.backends.ffmpeg.codecs import pixel_format
from shift_media.transcoding.backends.ffmpeg.inputs import (
    QUIET,
    WITHOUT_EXTRAS,
    FFmpegOptions,
    input_arguments,
)
from shift_media.transcoding.backends.marks import Mark
from shift_media.video.captions import CaptionTrack
from shift_media.video.encoding import MAX_FPS, AudioEncoding
from shift_media.video.planned import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.playlists import SEGMENTS_BEGIN_AT
from shift_media.video.specs import Audio, PosterSpec
from shift_media.video.sprites import SpriteLayout

_PROGRESS = "-stats_period 0.25 -progress pipe:1".split()
_FAST_START = ["-movflags", "+faststart"]

# If frames change their size, ffmpeg starts all filters again, so that a sprite begins anew. The
# filter `scale` accepts such frames.
_ONE_GRAPH = "-reinit_filter:v 0".split()

_TIME = re.compile(r"out_time_us=([0-9]+)|frame:.* pts_time:([0-9]+(?:\.[0-9]+)?)")

_AUDIO_CONTAINERS = {"mp3": ["-f", "mp3"], "opus": ["-f", "ogg"]}

# On ffmpeg's scale for JPEG, where 2 is best and 31 is worst.
_SPRITE_QUALITY, _POSTER_QUALITY = 5, 3


Marks = Mapping[tuple[int, int], Mark]
"""Watermarks by the size of the video."""


def encode_command(
    options: FFmpegOptions, source: str, plan: TranscodePlan, marks: Marks | None = None
) -> list[str]:
    """Return the command that makes everything that comes from the source, which it decodes once.

    That is all but the playlists, and but a poster if nothing else decodes all frames: see
    `poster_commands`.
    """
    command = [options.program, *QUIET, *_PROGRESS, *_ONE_GRAPH]
    command += [*_thread_arguments(options), *options.encoders.device_arguments()]
    command += input_arguments(options, source, part=plan.part)
    graphs, sounds = filters.split_sounds(plan.facts, list(_list_sounds(plan)))
    mapped = iter(sounds)
    branches: list[str] = []
    outputs: list[list[str]] = []
    for video in plan.videos:
        filter, output = _video_output(options, video, plan, mapped)
        if mark := (marks or {}).get((video.width, video.height)):
            command += _mark_input(mark)
            filter += filters.mark_filters(len(branches) + 1, mark)
        outputs.append(["-map", f"[v{len(branches)}]", *output])
        branches.append(f"{filter},{options.encoders.last_filters(video)}")
    for branch, output in _picture_outputs(plan):
        outputs.append(["-map", f"[v{len(branches)}]", *output])
        branches.append(branch)
    outputs += [["-map", next(mapped), *_audio_output(audio)] for audio in plan.audio_files]
    for sound in plan.sounds:
        encoding = AudioEncoding(kbps=sound.kbps)
        outputs.append(["-map", next(mapped), *_sound_output(encoding, sound.file)])
    if branches:
        steps = filters.source_filters(plan.facts, tone_map=options.tone_map)
        graphs.insert(0, filters.split_graph(plan.facts.video_stream, steps, branches))
    command += ["-filter_complex", ";".join(graphs)] if graphs else []
    return [*command, *(word for output in outputs for word in output)]


def _list_sounds(plan: TranscodePlan) -> Iterator[tuple[int, float]]:
    """Yield the audio stream and the gain of each output that has sound."""
    chosen = plan.facts.audio_stream
    for video in plan.videos:
        if video.has_audio(plan.facts):
            yield chosen, 0.0
    for audio in plan.audio_files:
        yield chosen, filters.choose_gain(audio, plan.facts)
    for sound in plan.sounds:
        yield sound.stream, 0.0


def _mark_input(mark: Mark) -> list[str]:
    allowed = ["-protocol_whitelist", probing.PROTOCOLS, "-format_whitelist", "png_pipe"]
    return [*allowed, "-f", "png_pipe", "-i", mark.file]


def _thread_arguments(options: FFmpegOptions) -> list[str]:
    """Return the threads of the filters and of the decoder, to stand before the input."""
    if not options.threads:
        return []
    return ["-filter_complex_threads", str(options.threads), "-threads", str(options.threads)]


def _video_output(
    options: FFmpegOptions, video: PlannedVideo, plan: TranscodePlan, sounds: Iterator[str]
) -> tuple[str, list[str]]:
    """Return the filters and the options of a video; ``sounds`` are what outputs map."""
    output = _video_options(options, video, plan.segment_seconds)
    has_audio = video.has_audio(plan.facts)
    sound = encoders.audio_encoder(video.sound)
    output += ["-map", next(sounds), *sound] if has_audio else ["-an"]
    container = ["-f", "webm"] if video.kind == "webm" else [*_FAST_START, "-f", "mp4"]
    filter = filters.video_filter(video, plan.facts)
    return filter, [*output, *WITHOUT_EXTRAS, *container, video.file]


def _picture_outputs(plan: TranscodePlan) -> Iterator[tuple[str, list[str]]]:
    """Yield the filters and the options of sprites, posters and stills."""
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
    words = encoders.video_encoder(video, options.encoders, options.threads)
    words += [] if options.encoders.is_hardware(video) else ["-pix_fmt", pixel_format(video)]
    words += ["-fpsmax", str(MAX_FPS)]
    words += ["-threads", str(options.threads)] if options.threads else []
    if segment_seconds:
        words += ["-force_key_frames", f"expr:gte(t,n_forced*{segment_seconds})"]
    return words


def _audio_output(audio: Audio) -> list[str]:
    return _sound_output(audio.choose_encoding(), audio.file)


def _sound_output(encoding: AudioEncoding, file: str) -> list[str]:
    container = _AUDIO_CONTAINERS.get(encoding.codec, [*_FAST_START, "-f", "mp4"])
    return ["-vn", *encoders.audio_encoder(encoding), *WITHOUT_EXTRAS, *container, file]


def _jpeg_output(quality: int, file: str, *, frames: int = 1) -> list[str]:
    return ["-an", *WITHOUT_EXTRAS, *encoders.jpeg_encoder(quality, file, frames=frames)]


def playlist_command(
    options: FFmpegOptions, playlist: PlannedPlaylist, plan: TranscodePlan
) -> list[str]:
    """Return the command that cuts encoded files into segments, without encoding them again."""
    command = [options.program, *QUIET]
    streams, maps = [], list[str]()
    has_audio = playlist.has_audio(plan.facts)
    is_apart = playlist.has_sound_apart(plan.facts)
    for file in [*(rung.file for rung in playlist.rungs), *(one.file for one in playlist.sounds)]:
        command += input_arguments(options, file)
    for number, rung in enumerate(playlist.rungs):
        maps += ["-map", f"{number}:v:0"]
        maps += [f"-tag:v:{number}", "hvc1"] if rung.codec == "hevc" else []
        audio = ""
        if has_audio and not is_apart:
            maps += ["-map", f"{number}:a:0"]
            audio = f"a:{number},"
        streams.append(f"v:{number},{audio}name:{playlist.folder(rung)}")
    if is_apart:
        maps += ["-map", "0:a:0"]
        streams.append(f"a:0,name:{playlist.sound_folder}")
    for number, sound in enumerate(playlist.sounds, 1):
        maps += ["-map", f"{len(playlist.rungs) + number - 1}:a:0"]
        streams.append(f"a:{number},name:{playlist.folder_of(sound)}")
    rendition = playlist.rendition
    command += [*maps, "-c", "copy", *WITHOUT_EXTRAS, "-f", "hls"]
    command += ["-output_ts_offset", str(SEGMENTS_BEGIN_AT)]
    command += ["-hls_time", str(rendition.segment_seconds), "-hls_playlist_type", "vod"]
    command += ["-hls_flags", "independent_segments", "-hls_list_size", "0"]
    command += _SEGMENTS[rendition.segments]
    return [*command, "-var_stream_map", " ".join(streams), "%v/index.m3u8"]


_SEGMENTS = {
    "fmp4": [
        *["-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4"],
        *["-hls_segment_filename", "%v/s%05d.m4s"],
        # The decode times of fragments begin at the offset. Otherwise it would be in the edit list
        # alone, which players of segments ignore, so that DASH and subtitles would be late.
        *["-hls_segment_options", "movflags=+frag_discont"],
    ],
    "ts": ["-hls_segment_type", "mpegts", "-hls_segment_filename", "%v/s%05d.ts"],
}


def captions_command(
    options: FFmpegOptions, source: str, tracks: Sequence[CaptionTrack]
) -> list[str]:
    """Return the command that writes text tracks as WebVTT; it decodes neither picture nor sound.

    They are whole, because ffmpeg moves what begins before a part. The command is not part of the
    one that does, because ffmpeg waits for tracks with long pauses.
    """
    command = [options.program, *QUIET, *input_arguments(options, source)]
    for track in tracks:
        command += ["-map", f"0:s:{track.stream}", "-map_metadata", "-1", "-c:s", "webvtt"]
        command += ["-f", "webvtt", track.file]
    return command


def poster_commands(
    options: FFmpegOptions, source: str, poster: PosterSpec, plan: TranscodePlan
) -> Iterator[list[str]]:
    """Yield commands that make a still picture alone; each is for the case that the last failed.

    A source without pictures has a drawing of its sound instead.
    The first takes the frame that was asked for, the second one of the second before it, the last
    the first frame. A position past the last frame writes no file, and is no error either.
    """
    facts, start = plan.facts, [options.program, *QUIET]
    drawn = _jpeg_output(_POSTER_QUALITY, poster.file)
    if not facts.video:
        graph = ["-filter_complex", filters.waveform_graph(facts.audio_stream), "-map", "[v0]"]
        yield [*start, *input_arguments(options, source, part=plan.part), *graph, *drawn]
        return
    # The sought picture is there, so none has to be shown again.
    source_filters = filters.source_filters(replace(facts, last_end=0), tone_map=options.tone_map)
    near = [] if poster.is_exact else ["fps=4,thumbnail=12"]
    draw = ",".join([*source_filters, filters.poster_filter(poster, facts), *near])
    output = ["-vf", draw, "-map", f"0:v:{facts.video_stream}", *drawn]
    at = poster.moment(facts.duration)
    for moment in dict.fromkeys((at, max(0.0, at - 1), 0.0)):
        yield [*start, *input_arguments(options, source, part=plan.part, start=moment), *output]


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
