"""Tell in a line of JSON each what videos are: run as a script, within limits, never imported.

Its arguments are ``PROTOCOLS FORMATS MAX_PIXELS``; the names of files come by standard input, a
line each.
"""

import json
import sys
from typing import Any

HDR_TRANSFERS = {16, 18}  # SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG), ISO/IEC 23001-8


def facts(path: str, protocols: str, formats: str, max_pixels: int) -> dict[str, Any]:
    """Read the header, and one frame: what has none cannot be played."""
    import av

    options = {"protocol_whitelist": protocols, "format_whitelist": formats}
    options = {name: value for name, value in options.items() if value}
    with av.open(path, options=options) as media:
        duration = (media.duration or 0) / 1_000_000
        found: dict[str, Any] = {"format": media.format.name, "duration": duration}
        if media.streams.audio:
            sound = media.streams.audio[0].codec_context
            found |= {"audio": name_of(sound), "channels": sound.channels}
        pictures = [s for s in media.streams.video if s.codec_context.width]
        if not pictures:
            return found
        picture = pictures[0]
        context = picture.codec_context
        ratio = picture.sample_aspect_ratio or 1
        found |= {
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
                found |= {
                    "frames": 1,
                    "rotation": frame.rotation,
                    "width": frame.width,
                    "height": frame.height,
                }
        return found


def name_of(context: Any) -> str:
    """Name the codec itself: a decoder may be called otherwise, ``libdav1d`` for ``av1``."""
    return str(getattr(context.codec, "canonical_name", None) or context.name)


def main() -> None:
    """Print the facts, or why there are none, in one line for each file."""
    import av  # noqa: F401 (loaded while nobody asks yet)

    protocols, formats, max_pixels = sys.argv[1:]
    for line in sys.stdin:
        path = line.rstrip("\n")
        try:
            found = facts(path, protocols, formats, int(max_pixels))
        except Exception as error:  # Whatever the library raises for hostile bytes.
            found = {"refused": f"{type(error).__name__}: {error}"[:500]}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
