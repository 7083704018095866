"""An Elastic Transcoder for tests: its REST-JSON, its messages, and real ffmpeg on S3.

It follows the developer guide and shares no code with the app: presets and names are written
anew. A job changes only when a test calls `progress`, `finish` or `fail`.
"""

from __future__ import annotations

import itertools
import math
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.rest_json import Answer, Query, RestJsonServer, refuse

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

PIPELINE = "1111111111111-abcde1"

_TYPES = {"mp4": "video/mp4", "mp3": "audio/mpeg", "png": "image/png", "ts": "video/mp2t"}
_TYPES |= {"m3u8": "application/x-mpegURL", "mpd": "application/dash+xml", "fmp4": "video/mp4"}
_TYPES |= {"ism": "application/vnd.ms-sstr+xml", "ismc": "application/vnd.ms-sstr+xml"}
_MASTERS = {"HLSv3": ["m3u8"], "HLSv4": ["m3u8"], "MPEG-DASH": ["mpd"], "Smooth": ["ism", "ismc"]}
_VIDEO = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -map_metadata -1".split()
_SOUND = "-c:a aac -b:a 128k -ac 2".split()
_SIZED = "scale={0}:{1}:force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1"


class _Preset:
    """A preset, as far as the tests use it."""

    def __init__(self, container: str, *box: int) -> None:
        self.container, self.box = container, box

    @property
    def options(self) -> list[str]:
        if not self.box:
            return ["-vn", "-c:a", "libmp3lame", "-b:a", "128k"]
        most = f"min({self.box[0]}\\,iw)", f"min({self.box[1]}\\,ih)"
        return ["-vf", _SIZED.format(*most), *_VIDEO, *_SOUND]


PRESETS = {
    "1351620000001-000010": _Preset("mp4", 1280, 720),
    "1351620000001-100070": _Preset("mp4", 1280, 720),
    "1351620000001-200030": _Preset("ts", 640, 432),
    "1351620000001-200050": _Preset("ts", 400, 288),
    "1351620000001-300040": _Preset("mp3"),
    "1351620000001-400030": _Preset("fmp4", 768, 432),
    "1351620000001-500040": _Preset("fmp4", 640, 360),
    "1441234567890-abc123": _Preset("mp4", 320, 240),  # one of a project
}


class ElasticTranscoderServer(RestJsonServer):
    """A service with one pipeline, which reads and writes one bucket.

    Attributes:
        publish: called with each message to the pipeline's topics.
    """

    version = "/2012-09-25"

    def __init__(self, s3: S3Client, ffmpeg: Path, bucket: str) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.publish: Callable[[dict[str, Any]], object] = lambda message: None
        self._numbers = itertools.count(1)
        self._s3, self._ffmpeg, self._bucket = s3, ffmpeg, bucket
        super().__init__()

    # What tests call.

    def progress(self, id: str) -> None:
        """Begin with the first output."""
        job = self.jobs[id]
        job["Status"] = job["Outputs"][0]["Status"] = "Progressing"
        self.publish(self.message(id, "PROGRESSING"))

    def fail(self, id: str, detail: str) -> None:
        """End a job with an error."""
        job = self.jobs[id]
        job["Status"] = "Error"
        job["Outputs"][0] |= {"Status": "Error", "StatusDetail": detail}
        self.publish(self.message(id, "ERROR", errorCode=int(detail[:4]), messageDetails=detail))

    def finish(self, id: str) -> None:
        """Make all outputs of a job that was not cancelled."""
        job = self.jobs[id]
        if job["Status"] in ("Canceled", "Error"):
            return
        with tempfile.TemporaryDirectory(prefix="elastic-transcoder-") as folder:
            _JobRun(self, job, Path(folder)).run()
        wrong = [output for output in job["Outputs"] if output["Status"] == "Error"]
        job["Status"] = "Error" if wrong else "Complete"
        self.publish(self.message(id, "ERROR" if wrong else "COMPLETED"))

    def message(self, id: str, state: str, **more: Any) -> dict[str, Any]:
        """Return the message to the topic: keys in lower camel case, states in capitals."""
        job = self.jobs[id]
        values = _lower({name: job[name] for name in ("Input", "OutputKeyPrefix", "Outputs")})
        return {
            "state": state,
            "version": "2012-09-25",
            "jobId": id,
            "pipelineId": job["PipelineId"],
            **values,
            "playlists": _lower(job["Playlists"]),
            "userMetadata": job["UserMetadata"],
            **more,
        }

    # The API.

    def answer(self, method: str, path: str, query: Query, body: dict[str, Any]) -> Answer:
        """Answer one request."""
        collection, _, id = path.strip("/").partition("/")
        with self.lock:
            if (method, collection) == ("POST", "jobs"):
                return self._create(body)
            if (method, collection) == ("GET", "jobsByPipeline"):
                return 200, self._page(query)
            if (method, path) == ("GET", f"/pipelines/{PIPELINE}"):
                buckets = {"InputBucket": self._bucket, "OutputBucket": self._bucket}
                return 200, {"Pipeline": {"Id": PIPELINE, "Status": "Active", **buckets}}
            if collection != "jobs" or id not in self.jobs:
                return refuse(404, "ResourceNotFoundException", f"There is no {id}.")
            if method == "GET":
                return 200, {"Job": self.jobs[id]}
            return self._cancel(self.jobs[id])

    def _create(self, body: dict[str, Any]) -> Answer:
        if body["PipelineId"] != PIPELINE:
            return refuse(404, "ResourceNotFoundException", "There is no such pipeline.")
        if wrong := _fault(body):
            return refuse(400, "ValidationException", wrong)
        id = f"{int(time.time() * 1000)}-{next(self._numbers):06}"
        self.jobs[id] = {
            "Id": id,
            "Arn": f"arn:aws:elastictranscoder:eu-west-1:123456789012:job/{id}",
            "PipelineId": PIPELINE,
            "Input": body["Input"],
            "OutputKeyPrefix": body.get("OutputKeyPrefix", ""),
            "Outputs": [
                {**output, "Id": str(number), "Status": "Submitted"}
                for number, output in enumerate(body["Outputs"], 1)
            ],
            "Playlists": [{**one, "Status": "Submitted"} for one in body.get("Playlists", ())],
            "UserMetadata": body.get("UserMetadata", {}),
            "Status": "Submitted",
            "Timing": {"SubmitTimeMillis": int(time.time() * 1000)},
        }
        return 201, {"Job": self.jobs[id]}

    def _page(self, query: Query) -> dict[str, Any]:
        """Return jobs, two at a time, so that clients must request more pages."""
        assert query["Ascending"] == ["false"]
        found = list(reversed(self.jobs.values()))
        start = int(query.get("PageToken", ["0"])[0])
        page: dict[str, Any] = {"Jobs": found[start : start + 2]}
        if found[start + 2 :]:
            page["NextPageToken"] = str(start + 2)
        return page

    def _cancel(self, job: dict[str, Any]) -> Answer:
        if job["Status"] != "Submitted":
            return refuse(409, "ResourceInUseException", f"It is {job['Status']}.")
        job["Status"] = "Canceled"
        return 202, {}


def _fault(body: dict[str, Any]) -> str:
    """Return what the guide forbids in a request; empty if it is valid."""
    prefix, keys = body.get("OutputKeyPrefix", ""), [one["Key"] for one in body["Outputs"]]
    if prefix and "/" not in prefix[1:]:
        return "OutputKeyPrefix has no slash."
    if len(body.get("UserMetadata", {})) > 10 or len(set(keys)) < len(keys):
        return "Too much metadata, or a key twice."
    for output in body["Outputs"]:
        if output["PresetId"] not in PRESETS:
            return f"There is no preset {output['PresetId']}."
        if "{count}" not in output.get("ThumbnailPattern", "{count}"):
            return "ThumbnailPattern has no {count}."
    for playlist in body.get("Playlists", ()):
        begin = playlist["Name"].rpartition("/")[0]
        for key in playlist["OutputKeys"]:
            if key not in keys or key.rpartition("/")[0] != begin:
                return f"{key} does not go with {playlist['Name']}."
    return ""


def _lower(values: Any) -> Any:
    """Return a value with names in lower camel case."""
    if isinstance(values, dict):
        return {name[0].lower() + name[1:]: _lower(value) for name, value in values.items()}
    return [_lower(one) for one in values] if isinstance(values, list) else values


class _JobRun:
    """The work on one job, in a folder of its own."""

    def __init__(self, server: ElasticTranscoderServer, job: dict[str, Any], folder: Path) -> None:
        self._server, self._job, self._folder = server, job, folder
        self._source, self._out = folder / "source", folder / "out"
        self._out.mkdir()

    def run(self) -> None:
        """Make all outputs, then their playlists."""
        server = self._server
        key = self._job["Input"]["Key"]
        fetched = server._s3.get_object(Bucket=server._bucket, Key=key)
        self._source.write_bytes(fetched["Body"].read())
        seconds = self._probe(self._source)[2]
        self._job["Input"]["DetectedProperties"] = {"DurationMillis": round(seconds * 1000)}
        formats = {
            key: one["Format"] for one in self._job["Playlists"] for key in one["OutputKeys"]
        }
        streams: dict[str, str] = {}
        for output in self._job["Outputs"]:
            self._make(output, formats.get(output["Key"], "HLSv3"), streams)
        for playlist in self._job["Playlists"]:
            lines = ["#EXTM3U", *(streams[key] for key in playlist["OutputKeys"])]
            for ending in _MASTERS[playlist["Format"]]:
                (self._out / f"{playlist['Name']}.{ending}").write_text("\n".join(lines) + "\n")
            playlist["Status"] = "Complete"
        self._upload()

    def _make(self, output: dict[str, Any], format: str, streams: dict[str, str]) -> None:
        preset, name = PRESETS[output["PresetId"]], output["Key"]
        key = f"{self._job['OutputKeyPrefix']}{name}"
        there = self._server._s3.list_objects_v2(Bucket=self._server._bucket, Prefix=key)
        if any(item["Key"] == key for item in there.get("Contents", ())):
            detail = f"3002 {output['Id']}: an object by that name already exists"
            output |= {"Status": "Error", "StatusDetail": detail}
            return
        (self._out / name).parent.mkdir(parents=True, exist_ok=True)
        if preset.container == "ts" and "SegmentDuration" in output:
            index = self._segments(output, format)
        else:
            muxer = {"ts": "mpegts", "fmp4": "mp4"}.get(preset.container, preset.container)
            parts = ["-movflags", "frag_keyframe"] if preset.container == "fmp4" else []
            self._run(*preset.options, *parts, "-f", muxer, name)
            index = name
        width, height, seconds = self._probe(self._out / index)
        output |= {"Status": "Complete", "Duration": math.ceil(seconds)}
        output |= {"DurationMillis": round(seconds * 1000)}
        if width:
            output |= {"Width": width, "Height": height}
        said = f"#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=900000,RESOLUTION={width}x{height}"
        streams[name] = f"{said}\n{index}"
        if pattern := output.get("ThumbnailPattern"):
            named = pattern.replace("{count}", "%05d") + ".png"
            draw = "fps=1/60:round=up,scale=192:108:force_original_aspect_ratio=decrease"
            self._run("-vf", draw, "-an", "-f", "image2", "-start_number", "1", named)

    def _segments(self, output: dict[str, Any], format: str) -> str:
        """Make the segments of a stream: files, or byte ranges of one file for HLSv4."""
        name, one_file = output["Key"], format == "HLSv4"
        index = f"{name}_v4.m3u8" if one_file else f"{name}.m3u8"
        seconds = str(output["SegmentDuration"])
        keys = ["-force_key_frames", f"expr:gte(t,n_forced*{seconds})"]
        cut = ["-f", "hls", "-hls_time", seconds, "-hls_playlist_type", "vod"]
        cut += ["-hls_flags", "single_file"] if one_file else []
        cut += ["-hls_segment_filename", f"{name}.ts" if one_file else f"{name}%05d.ts"]
        self._run(*PRESETS[output["PresetId"]].options, *keys, *cut, index)
        return index

    def _run(self, *arguments: str) -> None:
        command: list[str | Path] = [self._server._ffmpeg, "-nostdin", "-loglevel", "error", "-y"]
        subprocess.run([*command, "-i", self._source, *arguments], check=True, cwd=self._out)

    def _probe(self, path: Path) -> tuple[int, int, float]:
        import av

        with av.open(str(path)) as media:
            video = media.streams.video[0].codec_context if media.streams.video else None
            seconds = (media.duration or 0) / 1_000_000
            return (video.width, video.height, seconds) if video else (0, 0, seconds)

    def _upload(self) -> None:
        server, prefix = self._server, self._job["OutputKeyPrefix"]
        for path in sorted(path for path in self._out.rglob("*") if path.is_file()):
            server._s3.put_object(
                Bucket=server._bucket,
                Key=f"{prefix}{path.relative_to(self._out)}",
                Body=path.read_bytes(),
                ContentType=_TYPES[path.suffix[1:]],
            )
