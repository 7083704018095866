"""The filter graphs of ffmpeg: how frames are chosen, scaled, cropped, padded and tiled."""

from __future__ import annotations

from collections.abc import Sequence

from shift_media.video.facts import VideoFacts, fit_short_side
from shift_media.video.planning import PlannedVideo
from shift_media.video.profiles import PosterSpec, StillsSpec
from shift_media.video.sizing import FrameSize
from shift_media.video.sprites import SpriteLayout

# PQ and HLG are mapped to BT.709, because they look washed out on ordinary screens.
TONE_MAP = (
    "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,"
)


def split_graph(prefix: str, branches: Sequence[str]) -> str:
    """Return a graph that decodes once and feeds all branches; [v0] is the output of the first."""
    outputs = "".join(f"[s{number}]" for number in range(len(branches)))
    filters = [f"[s{number}]{branch}[v{number}]" for number, branch in enumerate(branches)]
    return ";".join([f"[0:v:0]{prefix}split={len(branches)}{outputs}", *filters])


def video_filter(video: PlannedVideo, facts: VideoFacts) -> str:
    """Return the filters that bring a source to the size and frame rate of a video."""
    if video.encoding is None or video.frame is None:
        return f"scale={video.width}:{video.height},setsar=1"
    rate = video.encoding.choose_frame_rate(facts.fps)
    drop_frames = f"fps={rate.numerator}/{rate.denominator}," if rate else ""
    return f"{drop_frames}{frame_filter(video.frame)}"


def frame_filter(frame: FrameSize) -> str:
    """Return the filters that scale a picture, crop it around its centre and pad it with black."""
    steps = [f"scale={_colons(frame.scaled)}"]
    if frame.cropped != frame.scaled:
        steps.append(f"crop={_colons(frame.cropped)}:{_colons(frame.crop_offset)}")
    if frame.sides != frame.cropped:
        steps.append(f"pad={_colons(frame.sides)}:{_colons(frame.pad_offset)}")
    ratio = frame.pixel_ratio
    return ",".join([*steps, f"setsar={ratio.numerator}/{ratio.denominator}"])


def _colons(sides: tuple[int, int]) -> str:
    return f"{sides[0]}:{sides[1]}"


def stills_filter(stills: StillsSpec, facts: VideoFacts) -> str:
    """Return the filters that select one frame for each interval."""
    is_due = f"select=gte(t-start_t\\,selected_n*{stills.seconds})"
    return f"{is_due},{frame_filter(stills.compute_frame(facts.width, facts.height))}"


def sprite_filter(layout: SpriteLayout) -> str:
    """Return the filters that tile small pictures; the last one stands for missing ones."""
    return (
        f"fps=1/{layout.interval:.3f}:round=up,scale={layout.width}:{layout.height},setsar=1,"
        f"tpad=stop_mode=clone:stop={layout.count},tile={layout.columns}x{layout.rows}"
    )


def poster_filter(poster: PosterSpec, facts: VideoFacts) -> str:
    """Return the filter that scales a frame to the size of a poster."""
    width, height = poster_size(poster, facts)
    return f"scale={width}:{height},setsar=1"


def poster_size(poster: PosterSpec, facts: VideoFacts) -> tuple[int, int]:
    """Return a poster's sides: those of the video, even if odd, unless it is larger than asked."""
    if min(facts.width, facts.height) <= poster.height:
        return facts.width, facts.height
    return fit_short_side(facts.width, facts.height, poster.height)


def select_poster_frames(poster: PosterSpec, facts: VideoFacts) -> str:
    """Return the filter that selects the first frame, and the frame of the poster.

    A header may claim a longer duration than there are frames. Then only the first frame is
    selected, because an encoder that never gets a frame fails.
    """
    at = f"{facts.duration * poster.at / 100:.3f}"
    return f"select=eq(n\\,0)+gte(t\\,{at})*lt(prev_selected_t\\,{at})"
