"""Print the raw facts of videos as lines of JSON: a script that runs within limits.

The arguments are ``PROTOCOLS FORMATS MAX_PIXELS``. Each line of the standard input is the name of
a file, and has one line of output. The script imports nothing of this package, so that it starts
fast and can reach neither settings nor secrets.
"""

import json
import sys
from typing import Any

HDR_TRANSFERS = {16, 18}  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG), ISO/IEC 23001-8


def read_facts(path: str, protocols: str, formats: str, max_pixels: int) -> dict[str, Any]:
    """Read the header and one frame, because a file without a frame cannot be played."""
    import av

    options = {"protocol_whitelist": protocols, "format_whitelist": formats}
    options = {name: value for name, value in options.items() if value}
    with av.open(path, options=options) as media:
        duration = (media.duration or 0) / 1_000_000
        facts: dict[str, Any] = {"format": media.format.name, "duration": duration}
        if media.streams.audio:
            sound = media.streams.audio[0].codec_context
            facts |= {"audio": name_of(sound), "channels": sound.channels}
        pictures = [s for s in media.streams.video if s.codec_context.width]
        if not pictures:
            return facts
        picture = pictures[0]
        context = picture.codec_context
        ratio = picture.sample_aspect_ratio or 1
        facts |= {
            "video": name_of(context),
            "width": context.width,
            "height": context.height,
            "fps": float(picture.average_rate or 0),
            "pixel_ratio": [ratio.numerator, ratio.denominator],
            "hdr": int(getattr(context, "color_trc", 0) or 0) in HDR_TRANSFERS,
            "rotation": 0,
            "frames": 0,
        }
        if context.width * context.height <= max_pixels:
            context.thread_count = 1
            frame = next(media.decode(picture), None)
            if frame is not None:
                facts |= {
                    "frames": 1,
                    "rotation": frame.rotation,
                    "width": frame.width,
                    "height": frame.height,
                }
        return facts


def name_of(context: Any) -> str:
    """Return the name of the codec, not of its decoder: ``av1``, not ``libdav1d``."""
    return str(getattr(context.codec, "canonical_name", None) or context.name)


def main() -> None:
    """Print one line for each file: its facts, or why it cannot be read."""
    import av  # noqa: F401 (loaded before the first name arrives)

    protocols, formats, max_pixels = sys.argv[1:]
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            facts = read_facts(path, protocols, formats, int(max_pixels))
        except Exception as error:  # The library may raise anything for hostile bytes.
            facts = {"refused": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(facts) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
