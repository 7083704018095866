"""The filter graphs of ffmpeg: how frames are chosen, scaled, cropped, padded and tiled."""

from __future__ import annotations

from collections.abc import Sequence

from shift_media.transcoding.backends.ffmpeg.codecs import pixel_format
from shift_media.transcoding.backends.marks import Mark
from shift_media.video.facts import MAX_GAP_SECONDS, VideoFacts, fit_short_side
from shift_media.video.planned import PlannedVideo
from shift_media.video.sizing import FrameSize
from shift_media.video.specs import Audio, PosterSpec, StillsSpec
from shift_media.video.sprites import SpriteLayout

# The time of each frame on standard output. What -progress prints begins only once each output has
# a frame, and a sprite has its only one at the end. Frames without metadata are not printed.
PRINT_TIMES = ("metadata=add:key=time:value=0", "metadata=print:file=pipe\\\\:1:direct=1")

WAVEFORM = (1280, 320)
"""The sides of the drawing of a sound, in pixels."""

POSTER_SECONDS = 3.0
"""The time after the moment of a poster within which its frame is chosen."""

_POSTER_FRAMES = 12

_JPEG_COLORS = ":out_color_matrix=bt601:out_range=pc"
"""Options of ``scale``: a JPEG has the matrix of BT.601 (JFIF 1.02), whatever the video has."""

MAX_TRUE_PEAK = -1.5
"""In dBTP. Encoders with losses add peaks of their own (AES TD1004)."""


_TURNS = {
    90: ("transpose=clock", "transpose=cclock"),
    180: ("hflip,vflip", "hflip,vflip"),
    270: ("transpose=cclock", "transpose=clock"),
}
"""Filters that turn an upright frame to what is stored, and back, by the rotation."""


def source_filters(facts: VideoFacts, *, tone_map: bool) -> list[str]:
    """Return the filters between the decoder and all outputs.

    They make whole frames of fields, show the last picture until the sound has ended, map a high
    dynamic range to an ordinary one if ``tone_map`` is true, and name colours that have no name.
    """
    steps = []
    # One frame for two fields. Frames that are marked as progressive stay as they are.
    if facts.interlaced:
        steps += _as_stored(facts, "bwdif=mode=send_frame:deint=interlaced")
    elif facts.field_order:
        steps += _as_stored(facts, f"bwdif=mode=send_frame:deint=all:parity={facts.field_order}")
    if facts.still_end:
        steps.append(f"tpad=stop_mode=clone:stop=-1,trim=end={facts.still_end:.3f}")
    if tone_map and facts.transfer:
        steps.append(tone_map_filters(facts.transfer))
    if colors := facts.assumed_colors:
        # Otherwise each player guesses, by the size of a rendition, or by how it reads it.
        primaries, transfer, matrix = colors
        tags = f"color_primaries={primaries}:color_trc={transfer}:colorspace={matrix}"
        steps.append(f"setparams={tags}")
    return steps


def _as_stored(facts: VideoFacts, filter: str) -> list[str]:
    """Return a filter that needs the rows of fields, between two turns of what is upright.

    ffmpeg turns frames before all filters, so that rows are columns, or are in reverse order.
    """
    back, forth = _TURNS.get(facts.rotation, ("", ""))
    return [step for step in (back, filter, forth) if step]


def fields_filters(facts: VideoFacts) -> str:
    """Return the filters that count frames of two fields in the messages."""
    return ",".join(_as_stored(facts, "idet")[:2] if facts.rotation in _TURNS else ["idet"])


def tone_map_filters(transfer: str) -> str:
    """Return the filters that map PQ or HLG to BT.709, because ordinary screens show them grey.

    A source often names its transfer function only. Primaries and matrix are those of BT.2020,
    because ITU-R BT.2100 defines both functions with these.
    """
    known = "setparams=color_primaries=bt2020:colorspace=bt2020nc"
    linear = f"zscale=tin={transfer}:t=linear:npl=100:pin=2020:min=2020_ncl"
    return (
        f"{known},{linear},format=gbrpf32le,zscale=p=bt709,tonemap=hable:desat=0,"
        "zscale=t=bt709:m=bt709:r=tv"
    )


def split_graph(stream: int, source: Sequence[str], branches: Sequence[str]) -> str:
    """Return a graph that decodes once and feeds all branches; [v0] is the output of the first."""
    outputs = "".join(f"[s{number}]" for number in range(len(branches)))
    filters = [f"[s{number}]{branch}[v{number}]" for number, branch in enumerate(branches)]
    shared = ",".join([*source, *PRINT_TIMES, f"split={len(branches)}"])
    return ";".join([f"[0:v:{stream}]{shared}{outputs}", *filters])


def silence_filters(facts: VideoFacts) -> list[str]:
    """Return the filters that add silence before and after a sound that is shorter.

    A player that reads segments waits at a time for which it has no sound. Of several sounds only
    the longest was measured.
    """
    is_one_of_many = len(facts.sounds) > 1 and bool(facts.last_end)
    is_late = facts.sound_start > MAX_GAP_SECONDS or is_one_of_many
    end = facts.last_end if is_one_of_many else facts.silence_end
    before = ["aresample=async=1:first_pts=0"] if is_late else []
    after = [f"apad=whole_dur={end:.3f}"] if end else []
    return before + after


def choose_gain(audio: Audio, facts: VideoFacts) -> float:
    """Return by how many dB a sound is made louder, so that it has the loudness of its profile.

    It is the gain that loudnorm applies in its linear mode, which keeps the dynamics. A sound
    whose peaks would exceed the limit then stays below the loudness.
    """
    if not audio.loudness or not facts.loudness:
        return 0.0
    return min(audio.loudness - facts.loudness, MAX_TRUE_PEAK - facts.true_peak)


def split_sounds(
    facts: VideoFacts, outputs: Sequence[tuple[int, float]]
) -> tuple[list[str], list[str]]:
    """Return the graphs of the sounds, and what each output maps.

    ``outputs`` are the number of an audio stream, and a gain in dB. A stream without filters has
    no graph, and its outputs map it. The graphs must be those of the pictures. With filters of
    each output alone, ffmpeg 9 waits for ever if one of them yields much silence at once.
    """
    graphs, maps = [], [f"0:a:{stream}" for stream, _ in outputs]
    steps = silence_filters(facts)
    for stream in dict.fromkeys(stream for stream, _ in outputs):
        gains = {place: gain for place, (own, gain) in enumerate(outputs) if own == stream}
        if not (steps or any(gains.values())):
            continue
        inner = "".join(f"[b{place}]" for place in gains)
        graphs.append(f"[0:a:{stream}]{','.join([*steps, f'asplit={len(gains)}'])}{inner}")
        for place, gain in gains.items():
            graphs.append(f"[b{place}]{f'volume={gain:.2f}dB' if gain else 'anull'}[a{place}]")
            maps[place] = f"[a{place}]"
    return graphs, maps


def waveform_graph(stream: int) -> str:
    """Return a graph that draws a sound; [v0] is its output."""
    size = f"{WAVEFORM[0]}x{WAVEFORM[1]}"
    waves = f"aformat=channel_layouts=mono,showwavespic=s={size}:colors=0x30609f"
    return f"color=0xf4f6f8:s={size}:d=1[p];[0:a:{stream}]{waves}[w];[p][w]overlay[v0]"


def video_filter(video: PlannedVideo, facts: VideoFacts) -> str:
    """Return the filters that bring a source to the size and frame rate of a video."""
    colours = color_filters(facts, pixel_format(video))
    if video.encoding is None or video.frame is None:
        return f"scale={video.width}:{video.height}{colours},setsar=1"
    rate = video.encoding.choose_frame_rate(facts.fps)
    drop_frames = f"fps={rate.numerator}/{rate.denominator}," if rate else ""
    return f"{drop_frames}{frame_filter(video.frame, colours)}"


def mark_filters(number: int, mark: Mark) -> str:
    """Return the filters that lay a watermark over a picture; ``number`` is that of its input."""
    known = "scale=out_color_matrix=bt709:out_range=tv,format=yuva420p"
    x, y = mark.place
    return f"[p{number}];[{number}:v]{known}[m{number}];[p{number}][m{number}]overlay={x}:{y}"


def color_filters(facts: VideoFacts, pixels: str = "yuv420p") -> str:
    """Return options of ``scale``, and filters after it, that make colours as players expect.

    They expect black at 16 and white at 235, and BT.709 for a source that has no matrix.
    ``pixels`` is the pixel format.
    """
    if facts.is_rgb:
        tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
        return f":out_range=tv:out_color_matrix=bt709,format={pixels},{tags}"
    return f":out_range=tv,format={pixels}" if facts.full_range and not facts.transfer else ""


def frame_filter(frame: FrameSize, colours: str = "") -> str:
    """Return the filters that scale a picture, crop it around its centre and pad it with black.

    ``colours`` are those of `color_filters`.
    """
    steps = [f"scale={_colons(frame.scaled)}{colours}"]
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
    colours = "" if stills.file.endswith(".png") else _JPEG_COLORS
    return f"{is_due},{frame_filter(stills.compute_frame(facts.width, facts.height), colours)}"


def sprite_filter(layout: SpriteLayout) -> str:
    """Return the filters that tile small pictures; the last one stands for missing ones."""
    return (
        f"fps=1/{layout.interval:.3f}:start_time=0:round=up,"
        f"scale={layout.width}:{layout.height}{_JPEG_COLORS},setsar=1,"
        f"tpad=stop_mode=clone:stop={layout.count},tile={layout.columns}x{layout.rows}"
    )


def poster_filter(poster: PosterSpec, facts: VideoFacts) -> str:
    """Return the filter that scales a frame to the size of a poster."""
    width, height = poster_size(poster, facts)
    return f"scale={width}:{height}{_JPEG_COLORS},setsar=1"


def poster_size(poster: PosterSpec, facts: VideoFacts) -> tuple[int, int]:
    """Return a poster's sides: those of the video, even if odd, unless it is larger than asked."""
    if not facts.video:
        return WAVEFORM
    if min(facts.width, facts.height) <= poster.height:
        return facts.width, facts.height
    return fit_short_side(facts.width, facts.height, poster.height)


def poster_frames_filter(poster: PosterSpec, facts: VideoFacts) -> str:
    """Return the filters that select the frame of a poster, or frames of which the last remains.

    Near the moment that the profile names, the frame is taken that resembles the others most, so
    that it is neither black nor within a cut. The first frame is one of them, because a header may
    claim a longer duration than there are frames, and an encoder that never gets one fails.
    """
    at = poster.moment(facts.duration)
    scale = poster_filter(poster, facts)
    if poster.is_exact:
        return f"select=eq(n\\,0)+gte(t\\,{at:.3f})*lt(prev_selected_t\\,{at:.3f}),{scale}"
    until, apart = at + POSTER_SECONDS, POSTER_SECONDS / _POSTER_FRAMES
    near = f"gte(t\\,{at:.3f})*lt(t\\,{until:.3f})*gte(t-prev_selected_t\\,{apart:.3f})"
    # Scaled first, because the filter reads all frames as if they had the size of the first one.
    return f"select=eq(n\\,0)+{near},{scale},thumbnail={_POSTER_FRAMES + 3}"
