"""The web profile against ffmpeg by hand with the same settings: whole jobs, clock and CPU.

``shift_media`` is all that a worker does with a job: fetch the original, encode, look at what was
made, put it into the storage. By hand, nothing is fetched, limited, looked at or stored:
once with our very lines one after the other, once with a line for each file, as guides write them.
"""

from __future__ import annotations

import os
import resource
import shutil
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
from shift_media.storages.local import LocalMediaStorage
from shift_media.transcoding.backends.ffmpeg import FFmpeg, commands, find_program, has_filter
from shift_media.transcoding.backends.ffmpeg.commands import Tools
from shift_media.transcoding.base import LIVE, Job, State
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import TranscodePlan
from shift_media.video.profiles import BUILT_IN, Profile, parse_profile
from tests import parts

MOST = 1.1
"""How much longer ours may take than a line for each file, and how much more of the CPU.

Our own lines by hand bear no probing and no program that sets limits, some 0.2 seconds of
the CPU: the table shows what that is, and it is no target.
"""

CLIPS = ("bigbuckbunny.mp4", "bikes.mp4")
LINES, EACH = "ffmpeg, the same lines", "ffmpeg, a line for each file"
_SOURCE = "source.mp4"

Times = dict[str, dict[str, float]]


def measure(report: Report, rounds: int) -> None:
    """Measure the clips of the corpus."""
    corpus = parts.locate("corpus")
    if corpus is None:
        print(f"Videos are left out: {parts.missing('corpus')}")
        return
    for name in CLIPS:
        with scratch() as folder:
            times = in_turns(ways(corpus / "video" / name, Path(folder)), rounds)
        ours = times["shift_media"]
        for row in times.values():
            row["wall, x"] = ours["wall s"] / row["wall s"]
            row["CPU, x"] = ours["CPU s"] / row["CPU s"]
        report.table(f"{name}: the web profile", times)
        for what in ("wall", "CPU"):
            seen = times[EACH][f"{what}, x"]
            report.target(f"{name}: {what} against {EACH}", seen, MOST, at_least=False)


def scratch() -> AbstractContextManager[str]:
    """Make a folder that goes when it is left."""
    return tempfile.TemporaryDirectory(prefix="shift_media-bench-")


def ways(clip: Path, folder: Path) -> dict[str, Callable[[], None]]:
    """Give the three ways, each of which makes everything anew."""
    source = folder / "source" / _SOURCE
    source.parent.mkdir()
    shutil.copyfile(clip, source)
    profile = parse_profile("web", BUILT_IN["web"])
    plan = planning.plan(profile, probe_video(source, VideoLimits()))
    program = find_program()
    tools = Tools(program, VideoLimits(), tone_map=has_filter(program, "zscale"))
    lines, each = same_lines(tools, plan), a_line_each(tools, plan)
    return {
        "shift_media": ours(profile, source, folder / "media", plan.facts),
        LINES: lambda: by_hand(lines, plan, source),
        EACH: lambda: by_hand(each, plan, source),
    }


def ours(profile: Profile, source: Path, media: Path, facts: VideoFacts) -> Callable[[], None]:
    """Make a function that has the worker's part done; the row knows the facts, as a rule."""
    storage = LocalMediaStorage(location=str(media), base_url="/media/")
    transcoder, numbers = FFmpeg(), count(1)

    def transcode() -> None:
        original = new_original_key("clip", "mp4")
        stored(storage, original, source)
        token = f"{next(numbers):08x}"
        job = Job(1, token, original, profile, storage, facts=lambda: facts)
        transcoder.submit(job)
        while (report := transcoder.read(job)).state in LIVE:
            pass
        if report.state != State.COMPLETE:
            raise RuntimeError(report.error)

    return transcode


def stored(storage: LocalMediaStorage, original: OriginalKey, source: Path) -> None:
    """Put an original where the job finds it."""
    with source.open("rb") as content:
        size = source.stat().st_size
        storage.put(str(original), content, content_type="video/mp4", size=size)


def same_lines(tools: Tools, plan: TranscodePlan) -> list[list[str]]:
    """Give the lines that ours runs."""
    return [commands.encode(tools, _SOURCE, plan), *playlists(tools, plan)]


def a_line_each(tools: Tools, plan: TranscodePlan) -> list[list[str]]:
    """Give a line for each file, with the same settings."""
    nothing = replace(plan, encodes=(), sounds=(), sprites=(), posters=())
    alone = [replace(nothing, encodes=(one,)) for one in plan.encodes]
    alone += [replace(nothing, sprites=(one,)) for one in plan.sprites]
    lines = [commands.encode(tools, _SOURCE, one) for one in alone]
    lines += [next(commands.posters(tools, _SOURCE, one, plan.facts)) for one in plan.posters]
    return [*lines, *playlists(tools, plan)]


def playlists(tools: Tools, plan: TranscodePlan) -> list[list[str]]:
    """Give the lines that cut what has been encoded."""
    return [commands.playlist(tools, one, bool(plan.facts.audio)) for one in plan.playlists]


def by_hand(lines: list[list[str]], plan: TranscodePlan, source: Path) -> None:
    """Run lines one after the other, as a shell does."""
    with scratch() as name:
        folder = Path(name)
        os.link(source, folder / _SOURCE)
        for playlist in plan.playlists:
            for rung in playlist.rungs:
                (folder / playlist.folder(rung)).mkdir()
        for line in lines:
            subprocess.run(line, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def in_turns(calls: Mapping[str, Callable[[], None]], rounds: int) -> Times:
    """Run all in turns; give the median seconds by the clock, and of the CPU with all children."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            began, used = time.perf_counter(), cpu_seconds()
            call()
            if turn:  # The first warms the disk up.
                seen[name].append((time.perf_counter() - began, cpu_seconds() - used))
    return {
        name: {"wall s": median(w for w, _ in times), "CPU s": median(c for _, c in times)}
        for name, times in seen.items()
    }


def cpu_seconds() -> float:
    """Add up the CPU time of this process and of its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)
