"""The encoder options of ffmpeg: codecs, bit rates and keyframes."""

from __future__ import annotations

from shift_media.transcoding.backends.ffmpeg.codecs import Encoders
from shift_media.video.encoding import AudioEncoding, VideoEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import PlannedVideo
from shift_media.video.specs import StillsSpec

_AUDIO_ENCODERS = {"aac": "aac", "mp3": "libmp3lame", "vorbis": "libvorbis", "opus": "libopus"}

# With cpu-used 4 libvpx is several times faster than by default, at little loss of quality.
_VPX = {
    "vp8": "-c:v libvpx -deadline good -cpu-used 4".split(),
    "vp9": "-c:v libvpx-vp9 -deadline good -cpu-used 4 -row-mt 1".split(),
}
_VPX_CONSTANT_QUALITY = {"vp8": "-crf 10 -b:v 4000k".split(), "vp9": "-crf 32 -b:v 0".split()}


def video_encoder(video: PlannedVideo, encoders: Encoders, threads: int) -> list[str]:
    """Return the video encoder and its options; ``threads`` is 0 to leave them to ffmpeg."""
    encoding = video.encoding
    if encoding is None:
        return encoders.arguments(video, threads)
    rates = _rates(encoding)
    if video.codec in _VPX:
        return [
            *_VPX[video.codec],
            *(rates if encoding.kbps else _VPX_CONSTANT_QUALITY[video.codec]),
        ]
    options = ["-c:v", "libx264", "-preset", video.preset]
    options += [] if encoding.kbps else ["-crf", str(video.crf)]
    options += ["-profile:v", encoding.profile]
    options += ["-level:v", encoding.level] if encoding.level else []
    options += ["-refs", str(encoding.reference_frames)] if encoding.reference_frames else []
    # A fixed distance of keyframes must not be broken by one more at a change of scene.
    fixed = ["-sc_threshold", "0"] if encoding.gop and encoding.fixed_gop else []
    return [*options, *rates, *fixed]


def _rates(encoding: VideoEncoding) -> list[str]:
    options = ["-b:v", f"{encoding.kbps}k"] if encoding.kbps else []
    if encoding.peak_kbps:
        options += ["-maxrate", f"{encoding.peak_kbps}k"]
        options += ["-bufsize", f"{encoding.decoder_buffer_kbit}k"]
    if encoding.gop:
        options += ["-g", str(encoding.gop)]
        options += ["-keyint_min", str(encoding.gop)] if encoding.fixed_gop else []
    return options


def audio_encoder(encoding: AudioEncoding) -> list[str]:
    """Return the audio encoder and its options."""
    options = ["-c:a", _AUDIO_ENCODERS[encoding.codec], "-b:a", f"{encoding.kbps}k"]
    options += ["-ac", str(encoding.channels)]
    return [*options, "-ar", str(encoding.sample_rate)] if encoding.sample_rate else options


def jpeg_encoder(quality: int, file: str, *, frames: int = 1) -> list[str]:
    """Return the options that write one JPEG; of several frames the last one remains.

    ``quality`` is ffmpeg's scale, from 2 (best) to 31.
    """
    options = ["-frames:v", str(frames), "-fps_mode", "passthrough"]
    options += ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", str(quality)]
    return [*options, "-f", "image2", "-update", "1", file]


def stills_encoder(stills: StillsSpec, facts: VideoFacts) -> list[str]:
    """Return the options that write numbered pictures, from 1 on."""
    is_png = stills.file.endswith(".png")
    codec = ["-c:v", "png"] if is_png else ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4"]
    pattern = stills.file.replace("00001.", "%05d.")
    numbered = ["-f", "image2", "-start_number", "1", pattern]
    return ["-fps_mode", "vfr", "-frames:v", str(stills.count(facts.duration)), *codec, *numbered]
