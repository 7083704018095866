"""The web profile against plain ffmpeg commands with the same settings: whole jobs, clock and CPU.

``shift_media`` is all the work of a worker on a job: fetch the original, encode, probe the files,
store them. The plain commands fetch, limit, probe and store nothing. They run once as the same
commands one after the other, and once as one command for each file, as guides write them.
"""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.report import Report
from shift_media.core.keys import OriginalKey, new_original_key
from shift_media.sandbox.ffmpeg import find_program, has_filter
from shift_media.storages.local import LocalMediaStorage
from shift_media.transcoding.backends.ffmpeg import FFmpeg, commands
from shift_media.transcoding.backends.ffmpeg.inputs import FFmpegOptions
from shift_media.transcoding.backends.ffmpeg.memory import default_threads
from shift_media.transcoding.base import LIVE, Job, State
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import TranscodePlan
from shift_media.video.profiles import BUILT_IN, Profile, parse_profile
from tests import parts

MAX_RATIO = 1.1
"""Most wall and CPU time, as a multiple of one command for each file.

The same commands run without probing and without the program that sets limits, which take some
0.3 seconds of CPU time. The table shows the difference. It is a target for a clip of half a
minute, as `MAX_SAME`, because it does not grow with the duration.
"""

MAX_SAME = 1.05
"""Most CPU time as a multiple of the same commands, for the longest clip."""

CLIPS = {"bigbuckbunny.mp4": 1, "bikes.mp4": 1, "bigbuckbunny.mp4 six times": 6}
"""The clips, and how often each is repeated."""
SAME, EACH = "ffmpeg, the same commands", "ffmpeg, one for each file"
_SOURCE = "source.mp4"

Times = dict[str, dict[str, float]]


def measure(report: Report, rounds: int) -> None:
    """Measure the clips of the test corpus."""
    corpus = parts.locate("corpus")
    if corpus is None:
        print(f"Videos are left out: {parts.missing('corpus')}")
        return
    for name, repeats in CLIPS.items():
        with temporary_folder() as folder:
            clip = corpus / "video" / name.partition(" ")[0]
            times = in_turns(all_calls(clip, repeats, Path(folder)), rounds)
        ours = times["shift_media"]
        for row in times.values():
            row["wall, x"] = ours["wall s"] / row["wall s"]
            row["CPU, x"] = ours["CPU s"] / row["CPU s"]
        report.table(f"{name}: the web profile", times)
        for what in ("wall", "CPU"):
            ratio = times[EACH][f"{what}, x"]
            report.target(f"{name}: {what} against {EACH}", ratio, MAX_RATIO, at_least=False)
        if repeats > 1:
            ratio = times[SAME]["CPU, x"]
            report.target(f"{name}: CPU against {SAME}", ratio, MAX_SAME, at_least=False)


def temporary_folder() -> AbstractContextManager[str]:
    """Return a context manager for a temporary folder."""
    return tempfile.TemporaryDirectory(prefix="shift_media-bench-")


def all_calls(clip: Path, repeats: int, folder: Path) -> dict[str, Callable[[], None]]:
    """Return the three calls by name; each of them makes all files again."""
    source = folder / "source" / _SOURCE
    source.parent.mkdir()
    repeat = ["-stream_loop", str(repeats - 1), "-i", str(clip), "-c", "copy"]
    command = [find_program(), "-nostdin", "-loglevel", "error", *repeat, str(source)]
    subprocess.run(command, check=True)
    profile = parse_profile("web", BUILT_IN["web"])
    plan = planning.build_plan(profile, probe_video(source, VideoLimits()))
    program = find_program()
    options = FFmpegOptions(
        program, VideoLimits(), default_threads(), tone_map=has_filter(program, "zscale")
    )
    same, each = same_commands(options, plan), commands_for_each_file(options, plan)
    return {
        "shift_media": worker_call(profile, source, folder / "media", plan.facts),
        SAME: lambda: run_commands(same, plan, source),
        EACH: lambda: run_commands(each, plan, source),
    }


def worker_call(
    profile: Profile, source: Path, media: Path, facts: VideoFacts
) -> Callable[[], None]:
    """Return a function that runs a job as a worker does, with facts known from the row."""
    storage = LocalMediaStorage(location=str(media), base_url="/media/")
    transcoder, numbers = FFmpeg(), count(1)

    def transcode() -> None:
        original = new_original_key("clip", "mp4")
        store_original(storage, original, source)
        token = f"{next(numbers):08x}"
        job = Job(1, token, original, profile, storage, facts=lambda: facts)
        transcoder.submit(job)
        while (report := transcoder.read(job)).state in LIVE:
            pass
        if report.state != State.COMPLETE:
            raise RuntimeError(report.error)

    return transcode


def store_original(storage: LocalMediaStorage, original: OriginalKey, source: Path) -> None:
    """Store an original under its key."""
    with source.open("rb") as content:
        size = source.stat().st_size
        storage.put(str(original), content, content_type="video/mp4", size=size)


def same_commands(options: FFmpegOptions, plan: TranscodePlan) -> list[list[str]]:
    """Return the commands that the backend runs."""
    return [commands.encode_command(options, _SOURCE, plan), *playlists(options, plan)]


def commands_for_each_file(options: FFmpegOptions, plan: TranscodePlan) -> list[list[str]]:
    """Return a command for each file, with the same settings."""
    nothing = replace(plan, videos=(), audio_files=(), sprites=(), posters=())
    alone = [replace(nothing, videos=(one,)) for one in plan.videos]
    alone += [replace(nothing, sprites=(one,)) for one in plan.sprites]
    lines = [commands.encode_command(options, _SOURCE, one) for one in alone]
    lines += [next(commands.poster_commands(options, _SOURCE, one, plan)) for one in plan.posters]
    return [*lines, *playlists(options, plan)]


def playlists(options: FFmpegOptions, plan: TranscodePlan) -> list[list[str]]:
    """Return the commands that cut the encoded files into segments."""
    return [commands.playlist_command(options, one, plan) for one in plan.playlists]


def run_commands(lines: list[list[str]], plan: TranscodePlan, source: Path) -> None:
    """Run commands one after the other, as a shell does."""
    with temporary_folder() as name:
        folder = Path(name)
        os.link(source, folder / _SOURCE)
        for playlist in plan.playlists:
            folders = [playlist.folder(rung) for rung in playlist.rungs]
            for each in [*folders, playlist.sound_folder]:
                (folder / each).mkdir()
        for line in lines:
            subprocess.run(line, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def in_turns(calls: Mapping[str, Callable[[], None]], rounds: int) -> Times:
    """Run all calls in turns; return median wall seconds, and CPU seconds with all children."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began, used = time.perf_counter(), cpu_seconds()
            call()
            if turn:  # The first turn fills the disk cache, and is not counted.
                samples[name].append((time.perf_counter() - began, cpu_seconds() - used))
    return {
        name: {"wall s": median(w for w, _ in times), "CPU s": median(c for _, c in times)}
        for name, times in samples.items()
    }


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
