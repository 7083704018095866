"""Print the raw facts of videos as lines of JSON: a script that runs within limits.

The arguments are ``PROTOCOLS FORMATS MAX_PIXELS``. Each line of the standard input is the name of
a file, after a ``+`` if all of its packets are read, and has one line of output. The script
imports nothing of this package, so that it starts fast and can reach neither settings nor secrets.
"""

import json
import re
import sys
from typing import Any

TRANSFERS = {16: "smpte2084", 18: "arib-std-b67"}  # PQ and HLG, ISO/IEC 23001-8
MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc"}
UNSPECIFIED = 2  # in ISO/IEC 23001-8, of primaries, transfer and matrix
FULL_RANGE = 2  # AVCOL_RANGE_JPEG of libavutil
ATTACHED_PICTURE = 1 << 10  # AV_DISPOSITION_ATTACHED_PIC of libavformat
TEXT_CODECS = {"subrip", "srt", "webvtt", "mov_text", "ass", "ssa", "text"}
INTERLACED = {2, 3, 4, 5}  # AVFieldOrder of libavcodec: TT, BB, TB, BT


def read_facts(
    path: str, protocols: str, formats: str, max_pixels: int, reads_packets: bool
) -> dict[str, Any]:
    """Read the header and one frame, because a file without a frame cannot be played."""
    import av

    options = {"protocol_whitelist": protocols, "format_whitelist": formats}
    options = {name: value for name, value in options.items() if value}
    with av.open(path, options=options) as media:
        ends = end_times(media)
        facts: dict[str, Any] = {
            "format": media.format.name,
            "duration": max(0, media.duration or 0) / 1_000_000,
            "start": (media.start_time or 0) / 1_000_000,
            "ends": ends,
            "packets": {},
        }
        sounds = list(enumerate(media.streams.audio))
        known = [(n, s.codec_context) for n, s in sounds if has_decoder(s)]
        facts["sounds"] = [[n, sounds[n][1].metadata.get("language", "")] for n, _ in known]
        if known:
            number, sound = known[0]
            channels = sound.channels
            facts |= {"audio": name_of(sound), "audio_stream": number, "channels": channels}
        facts["captions"] = [
            [number, stream.metadata.get("language", "")]
            for number, stream in enumerate(media.streams.subtitles)
            if has_decoder(stream) and name_of(stream.codec_context) in TEXT_CODECS
        ]
        facts["unknown_audio"] = len(sounds) - len(known)
        pictures = [(n, s) for n, s in enumerate(media.streams.video) if is_moving(s)]
        if pictures:
            facts |= picture_facts(media, *pictures[0], max_pixels)
    needed = [kind for kind in ("video", "audio") if kind in facts]
    if reads_packets or any(ends.get(kind) is None for kind in needed):
        with av.open(path, options=options) as media:
            facts["packets"] = packet_times(media)
    return facts


def has_decoder(stream: Any) -> bool:
    """Return True if this library can decode the stream."""
    return stream.codec_context is not None


def is_moving(stream: Any) -> bool:
    """Return True for a video that is not the cover of a song."""
    if not has_decoder(stream) or not stream.codec_context.width:
        return False
    disposition: Any = stream.disposition
    return not getattr(disposition, "value", disposition) & ATTACHED_PICTURE  # no int before 18


def picture_facts(media: Any, number: int, stream: Any, max_pixels: int) -> dict[str, Any]:
    """Return the facts of a video stream, of which one frame is decoded."""
    context = stream.codec_context
    ratio = stream.sample_aspect_ratio or 1
    order = int(getattr(context, "field_order", 0) or 0)
    facts: dict[str, Any] = {
        "video": name_of(context),
        "video_stream": number,
        "width": context.width,
        "height": context.height,
        "fps": float(stream.average_rate or 0),
        "pixel_ratio": [ratio.numerator, ratio.denominator],
        "transfer": TRANSFERS.get(int(getattr(context, "color_trc", 0) or 0), ""),
        "pixel_format": context.pix_fmt or "",
        "full_range": int(getattr(context, "color_range", 0) or 0) == FULL_RANGE,
        "claims_fields": order in INTERLACED,
        "rotation": 0,
        "frames": 0,
    }
    if context.width * context.height <= max_pixels:
        context.thread_count = 1
        frame = next(media.decode(stream), None)
        if frame is not None:
            facts |= {
                "frames": 1,
                "rotation": frame.rotation,
                "width": frame.width,
                "height": frame.height,
                "interlaced": bool(frame.interlaced_frame),
                "matrix": MATRICES.get(int(context.colorspace), ""),
                "has_colors": UNSPECIFIED not in colors_of(context),
            }
    return facts


def colors_of(context: Any) -> tuple[int, int, int]:
    """Return primaries, transfer and matrix, as numbers of ISO/IEC 23001-8."""
    return int(context.color_primaries), int(context.color_trc), int(context.colorspace)


def kinds_of(media: Any) -> dict[int, str]:
    """Return the kind of each stream: ``"video"`` for the one to play; covers have none."""
    chosen = next((s.index for s in media.streams.video if is_moving(s)), None)
    return {
        stream.index: stream.type if stream.type == "audio" or stream.index == chosen else "other"
        for stream in media.streams
        if stream.type != "video" or is_moving(stream)
    }


def end_times(media: Any) -> dict[str, Any]:
    """Return the end of the longest stream of each kind, or None if one has no duration."""
    ends: dict[str, Any] = {}
    for index, kind in kinds_of(media).items():
        end = stream_end(media.streams[index])
        known = ends.get(kind, 0.0)
        ends[kind] = None if end is None or known is None else max(known, end)
    return ends


def stream_end(stream: Any) -> Any:
    """Return the end by the stream's duration, or by the tag that Matroska has instead."""
    if stream.duration and stream.time_base:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    return parse_duration(stream.metadata.get("DURATION", ""))


def parse_duration(text: str) -> Any:
    """Return the seconds of a tag of Matroska, ``"00:01:02.500000000"``; None for other texts."""
    tag = re.fullmatch(r"(\d{1,6}):(\d{1,6}):(\d{1,6}\.\d{1,20})", text)
    return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) if tag else None


def packet_times(media: Any) -> dict[str, Any]:
    """Return the times of the first and the last packet of each kind, and the end of the last."""
    times: dict[str, Any] = {}
    kinds = kinds_of(media)
    for packet in media.demux():
        stamp = packet.dts if packet.pts is None else packet.pts
        kind = kinds.get(packet.stream.index)
        if stamp is None or not kind:
            continue
        start = float(stamp * packet.time_base)
        end = start + float((packet.duration or 0) * packet.time_base)
        known = times.setdefault(kind, [start, start, end])
        known[:] = min(known[0], start), max(known[1], start), max(known[2], end)
    return times


def name_of(context: Any) -> str:
    """Return the name of the codec, not of its decoder: ``av1``, not ``libdav1d``."""
    return str(getattr(context.codec, "canonical_name", None) or context.name)


def main() -> None:
    """Print one line for each file: its facts, or why it cannot be read."""
    import av  # noqa: F401 (loaded before the first name arrives)

    protocols, formats, max_pixels = sys.argv[1:]
    for line in sys.stdin:
        path = line.rstrip("\n").removeprefix("+")
        reads_packets = line.startswith("+")
        try:
            facts = read_facts(path, protocols, formats, int(max_pixels), reads_packets)
        except Exception as error:  # The library may raise anything for hostile bytes.
            facts = {"refused": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
