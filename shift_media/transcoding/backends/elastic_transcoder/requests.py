"""What is sent to ``create_job``: a project's own outputs, under the original's directory.

The keys are ours, since those of the project would not lie beside the original; what the service
would have called them stays with the renditions.
"""

from __future__ import annotations

from typing import Any

from shift_media.aws.events import JOB_KEY
from shift_media.core.errors import TranscodeError
from shift_media.transcoding.base import Job
from shift_media.video.elastic.job import ElasticJob, ElasticOutput
from shift_media.video.elastic.naming import COUNT, own_file

ATTEMPT_KEY = "shift_media_token"
"""Name of the user metadata that tells one attempt from another; `JOB_KEY` is told in messages."""

Request = dict[str, Any]

_DETECTED = ("FrameRate", "Resolution", "AspectRatio", "Interlaced", "Container")


def request_of(job: Job, pipeline_id: str) -> Request:
    """Write the parameters of ``create_job``; raises `TranscodeError` for another vocabulary."""
    elastic = elastic_of(job)
    request: Request = {
        "PipelineId": pipeline_id,
        "Input": {"Key": str(job.original), **dict.fromkeys(_DETECTED, "auto")},
        "OutputKeyPrefix": job.prefix,
        "Outputs": [_output(elastic, output) for output in elastic.outputs],
        "UserMetadata": {**elastic.user_metadata, JOB_KEY: str(job.id), ATTEMPT_KEY: job.token},
    }
    if elastic.playlists:
        request["Playlists"] = [
            {
                "Name": stem_of(elastic.playlist_files[playlist.name]),
                "Format": playlist.format,
                "OutputKeys": [key_of(elastic, elastic.output(key)) for key in playlist.keys],
            }
            for playlist in elastic.playlists
        ]
    return request


def elastic_of(job: Job) -> ElasticJob:
    """Give a profile's job; raises `TranscodeError` where it is not written in preset ids."""
    if job.profile.elastic is None:
        raise TranscodeError(
            f'The profile {job.profile.name!r} has no "outputs", which Elastic Transcoder needs.',
            code="no_outputs",
        )
    return job.profile.elastic


def key_of(elastic: ElasticJob, output: ElasticOutput) -> str:
    """Name an output as it is sent: the service adds an extension to what it segments."""
    file = elastic.files[output.key]
    return stem_of(file) if elastic.is_segmented(output) else file


def stem_of(file: str) -> str:
    """Leave out the extension."""
    return file.rpartition(".")[0]


def stills_of(elastic: ElasticJob, output: ElasticOutput) -> str:
    """Name what an output's thumbnails begin with; no two outputs have the same."""
    plain = output.thumbnail_pattern.replace(COUNT, "")
    stem = stem_of(own_file(plain, "x", "thumbnails"))
    return f"{stem_of(elastic.files[output.key])}-{stem}-"


def _output(elastic: ElasticJob, output: ElasticOutput) -> Request:
    made: Request = {"Key": key_of(elastic, output), "PresetId": output.preset_id, **output.extra}
    if output.segment_seconds:
        made["SegmentDuration"] = f"{output.segment_seconds:g}"
    if output.thumbnail_pattern:
        made["ThumbnailPattern"] = f"{stills_of(elastic, output)}{COUNT}"
    return made
