"""The outputs of a job: made by real ffmpeg, and named as MediaConvert names them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

Settings = dict[str, Any]

_TYPES = {
    "vtt": "text/vtt",
    "m3u8": "application/vnd.apple.mpegurl",
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "webm": "video/webm",
    "jpg": "image/jpeg",
    "cmfv": "video/mp4",
    "cmfa": "audio/mp4",
}
_VPX = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def _frames(timecode: str, fps: float) -> int:
    hours, minutes, seconds, frames = map(int, timecode.split(":"))
    return (3600 * hours + 60 * minutes + seconds) * round(fps) + frames


class JobRun:
    """The work on one job, in a folder of its own."""

    def __init__(self, s3: S3Client, ffmpeg: Path, folder: Path, settings: Settings) -> None:
        self._s3, self._ffmpeg, self._folder = s3, ffmpeg, folder
        self._settings = settings
        self._source = folder / "source"
        self._out = folder / "out"

    def make_outputs(self) -> list[Settings]:
        """Make and upload all outputs, and return the job's ``outputGroupDetails``."""
        (one,) = self._settings["inputs"]
        assert one["videoSelector"]["rotate"] == "AUTO"  # ffmpeg rotates by itself
        self._captions = {
            name: self._read(selector["sourceSettings"]["fileSourceSettings"]["sourceFile"])
            for name, selector in one.get("captionSelectors", {}).items()
        }
        self._source.write_bytes(self._read(one["fileInput"]))
        for clip in one.get("inputClippings", []):
            self._cut(clip)
        return [self._group(group) for group in self._settings["outputGroups"]]

    def _cut(self, clip: Settings) -> None:
        """Cut a part out of the source; its last frame belongs to it."""
        with av.open(str(self._source)) as media:
            fps = float(media.streams.video[0].average_rate or 0)
        part = self._folder / "part.mkv"
        times = ["-ss", str(_frames(clip.get("startTimecode", "00:00:00:00"), fps) / fps)]
        if end := clip.get("endTimecode"):
            times += ["-to", str((_frames(end, fps) + 1) / fps)]
        command = [self._ffmpeg, "-nostdin", "-loglevel", "error", *times, "-i", self._source]
        subprocess.run([*command, part], check=True)
        part.replace(self._source)

    def _read(self, url: str) -> bytes:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        return self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _group(self, group: Settings) -> Settings:
        settings = group["outputGroupSettings"]
        is_file = settings["type"] == "FILE_GROUP_SETTINGS"
        own = settings["fileGroupSettings" if is_file else "cmafGroupSettings"]
        bucket, _, destination = own["destination"].removeprefix("s3://").partition("/")
        folder, _, base = destination.rpartition("/")
        self._out.mkdir()
        outputs = group["outputs"]
        assert len(outputs) == 1 or all(output.get("nameModifier") for output in outputs)
        if is_file:
            for output in outputs:
                self._file(output, base + output.get("nameModifier", ""))
        else:
            self._cmaf(outputs, base, own)
        for path in sorted(self._out.iterdir()):
            self._s3.put_object(
                Bucket=bucket,
                Key=f"{folder}/{path.name}",
                Body=path.read_bytes(),
                ContentType=_TYPES[path.suffix[1:]],
            )
            path.unlink()
        self._out.rmdir()
        return {"outputDetails": [_detail(output, self._seconds) for output in outputs]}

    def _run(self, *arguments: str | Path) -> None:
        command: list[str | Path] = [self._ffmpeg, "-nostdin", "-loglevel", "error", "-y"]
        subprocess.run([*command, "-i", self._source, *arguments], check=True, cwd=self._out)

    @property
    def _seconds(self) -> float:
        import av

        with av.open(str(self._source)) as media:
            return (media.duration or 0) / 1_000_000

    def _file(self, output: Settings, name: str) -> None:
        container = output["containerSettings"]["container"]
        if container == "RAW" and "videoDescription" in output:
            self._captures(output["videoDescription"], name)
            return
        if container == "RAW":
            self._run("-vn", *_audio(output), "-f", "mp3", f"{name}.{output['extension']}")
            return
        assert container in ("MP4", "WEBM")
        tracks = [*_video(output), *_audio(output)]
        self._run(*tracks, "-f", container.lower(), f"{name}.{output['extension']}")

    def _captures(self, video: Settings, name: str) -> None:
        own = video["codecSettings"]["frameCaptureSettings"]
        every = own["framerateDenominator"] / own["framerateNumerator"]
        due = f"isnan(prev_selected_t)+gte(t-prev_selected_t,{every:.3f})"
        draw = f"select='{due}',{_scale(video)}"
        most = ["-frames:v", str(own["maxCaptures"])]
        picture = ["-an", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-f", "image2"]
        picture += ["-fps_mode", "vfr"]
        self._run("-vf", draw, *most, *picture, "-start_number", "0", f"{name}.%07d.jpg")

    def _cmaf(self, outputs: list[Settings], base: str, own: Settings) -> None:
        assert own["writeHlsManifest"] == "ENABLED"
        master = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
        for output in outputs:
            name = f"{base}{output['nameModifier']}"
            for mark in _marks(output):
                assert self._read(mark["imageInserterInput"]).startswith(b"\x89PNG")
            if captions := output.get("captionDescriptions"):
                master.append(self._subtitles(captions[0], name))
                continue
            extension = "cmfv" if "videoDescription" in output else "cmfa"
            segments = ["-f", "hls", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod"]
            segments += ["-hls_time", str(own["segmentLength"])]
            segments += ["-hls_fmp4_init_filename", f"{name}init.{extension}"]
            segments += ["-hls_segment_filename", f"{name}_%09d.{extension}"]
            self._run(*_video(output), *_audio(output), *segments, f"{name}.m3u8")
            master += _stream(output, name)
        (self._out / f"{base}.m3u8").write_text("\n".join(master) + "\n")

    def _subtitles(self, captions: Settings, name: str) -> str:
        """Write the captions in one segment; return their line in the master playlist."""
        text = self._captions[captions["captionSelectorName"]]
        (self._out / f"{name}_000000001.vtt").write_bytes(text)
        head = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{round(self._seconds)}"]
        segment = [f"#EXTINF:{self._seconds},", f"{name}_000000001.vtt", "#EXT-X-ENDLIST"]
        (self._out / f"{name}.m3u8").write_text("\n".join([*head, *segment]) + "\n")
        language = captions["customLanguageCode"]
        group = f'GROUP-ID="text",NAME="{language}",LANGUAGE="{language}"'
        return f'#EXT-X-MEDIA:TYPE=SUBTITLES,{group},URI="{name}.m3u8"'


def _marks(output: Settings) -> list[Settings]:
    own = output.get("videoDescription", {}).get("videoPreprocessors", {})
    marks: list[Settings] = own.get("imageInserter", {}).get("insertableImages", [])
    return marks


def _scale(video: Settings) -> str:
    """Return the filters for ``crop``, in pixels of the source, and ``position`` in the frame."""
    size = {"width": video["width"], "height": video["height"]}
    own = video["codecSettings"].get("h264Settings", {})
    cut, place = video.get("crop"), video.get("position", {"x": 0, "y": 0, **size})
    steps = ["crop={width}:{height}:{x}:{y}".format(**cut)] if cut else []
    steps += ["scale={width}:{height}".format(**place)]
    if "position" in video:
        steps += [f"pad={video['width']}:{video['height']}:{place['x']}:{place['y']}"]
    return ",".join(
        [*steps, f"setsar={own.get('parNumerator', 1)}/{own.get('parDenominator', 1)}"]
    )


def _video(output: Settings) -> Iterator[str]:
    video = output.get("videoDescription")
    if video is None:
        yield "-vn"
        return
    assert video["scalingBehavior"] == "STRETCH_TO_OUTPUT"
    codec = video["codecSettings"]["codec"].lower()
    if codec in ("vp8", "vp9"):
        own = video["codecSettings"][f"{codec}Settings"]
        yield from ["-vf", _scale(video), "-c:v", _VPX[codec], "-b:v", str(own["bitrate"])]
        yield from ["-deadline", "realtime", "-cpu-used", "8", "-g", str(own["gopSize"])]
        return
    h264 = video["codecSettings"]["h264Settings"]
    yield from ["-vf", _scale(video), "-c:v", "libx264", "-preset", "ultrafast"]
    yield from ["-pix_fmt", "yuv420p", "-map_metadata", "-1"]
    yield from ["-profile:v", h264["codecProfile"].lower()]
    if h264["gopSizeUnits"] == "FRAMES":
        yield from ["-g", str(h264["gopSize"])]
    else:
        yield from ["-force_key_frames", f"expr:gte(t,n_forced*{h264['gopSize']})"]
    if h264["framerateControl"] == "SPECIFIED":
        yield from ["-r", f"{h264['framerateNumerator']}/{h264['framerateDenominator']}"]
    if "bitrate" in h264:
        assert h264["rateControlMode"] in ("CBR", "VBR")
        yield from ["-b:v", str(h264["bitrate"])]
    assert ("qvbrSettings" in h264) == (h264["rateControlMode"] == "QVBR")


def _audio(output: Settings) -> Iterator[str]:
    if not output.get("audioDescriptions"):
        yield "-an"
        return
    (one,) = output["audioDescriptions"]
    codec = one["codecSettings"]["codec"].lower()
    own = one["codecSettings"][f"{codec}Settings"]
    mono = own.get("codingMode") == "CODING_MODE_1_0"
    yield from ["-c:a", {"mp3": "libmp3lame", "vorbis": "libvorbis"}.get(codec, codec)]
    yield from ["-b:a", str(own["bitrate"])] if "bitrate" in own else []
    yield from ["-ac", str(own.get("channels", 1 if mono else 2)), "-ar", str(own["sampleRate"])]


def _stream(output: Settings, name: str) -> list[str]:
    cmfc = output["containerSettings"]["cmfcSettings"]
    video = output.get("videoDescription")
    if video is None:
        group = f'GROUP-ID="{cmfc["audioGroupId"]}",NAME="sound",DEFAULT=YES,AUTOSELECT=YES'
        return [f'#EXT-X-MEDIA:TYPE=AUDIO,{group},URI="{name}.m3u8"']
    sound = f',AUDIO="{cmfc["audioRenditionSets"]}"' if "audioRenditionSets" in cmfc else ""
    size = f"RESOLUTION={video['width']}x{video['height']}"
    return [
        f'#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.64001f",{size}{sound}',
        f"{name}.m3u8",
    ]


def _detail(output: Settings, seconds: float) -> Settings:
    detail: Settings = {"durationInMs": round(seconds * 1000)}
    if video := output.get("videoDescription"):
        detail["videoDetails"] = {"widthInPx": video["width"], "heightInPx": video["height"]}
    return detail
