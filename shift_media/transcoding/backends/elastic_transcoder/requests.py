"""The parameters of ``create_job``: a project's own outputs, in the folder of the original.

The keys differ from the project's, which would not lie beside the original. The key that the
service would have written is kept as `Rendition.legacy_key`.
"""

from __future__ import annotations

from typing import Any

from shift_media.core.errors import TranscodeError
from shift_media.transcoding.backends.aws_transcoder import bucket_key, user_metadata
from shift_media.transcoding.base import Job
from shift_media.video.elastic.job import ElasticJob, ElasticOutput
from shift_media.video.elastic.naming import COUNT, rendition_file

Request = dict[str, Any]

_DETECTED = ("FrameRate", "Resolution", "AspectRatio", "Interlaced", "Container")


def build_request(job: Job, pipeline_id: str) -> Request:
    """Return the parameters of ``create_job``.

    Raises `TranscodeError` for a profile that is not written in preset ids.
    """
    elastic = elastic_job(job)
    request: Request = {
        "PipelineId": pipeline_id,
        "Input": {"Key": bucket_key(job, str(job.original)), **dict.fromkeys(_DETECTED, "auto")},
        "OutputKeyPrefix": bucket_key(job, job.prefix),
        "Outputs": [_output(elastic, output) for output in elastic.outputs],
        "UserMetadata": user_metadata(job),
    }
    if elastic.playlists:
        request["Playlists"] = [
            {
                "Name": strip_extension(elastic.playlist_files[playlist.name]),
                "Format": playlist.format,
                "OutputKeys": [
                    output_key(elastic, elastic.output(key)) for key in playlist.output_keys
                ],
            }
            for playlist in elastic.playlists
        ]
    return request


def elastic_job(job: Job) -> ElasticJob:
    """Return the job of a profile. Raises `TranscodeError` if it is not written in preset ids."""
    if job.profile.elastic is None:
        raise TranscodeError(
            f'The profile "{job.profile.name}" has no "outputs", which Elastic Transcoder needs.',
            code="no_outputs",
        )
    return job.profile.elastic


def output_key(elastic: ElasticJob, output: ElasticOutput) -> str:
    """Return the key of an output in the request.

    A segmented output has no extension there, because the service adds its own.
    """
    file = elastic.files[output.key]
    return strip_extension(file) if elastic.is_segmented(output) else file


def strip_extension(file: str) -> str:
    """Return the file name without its extension."""
    return file.rpartition(".")[0]


def thumbnail_prefix(elastic: ElasticJob, output: ElasticOutput) -> str:
    """Return the beginning of the names of an output's thumbnails, which no other output has."""
    plain = output.thumbnail_pattern.replace(COUNT, "")
    stem = strip_extension(rendition_file(plain, "x", "thumbnails"))
    return f"{strip_extension(elastic.files[output.key])}-{stem}-"


def _output(elastic: ElasticJob, output: ElasticOutput) -> Request:
    request: Request = {
        "Key": output_key(elastic, output),
        "PresetId": output.preset_id,
        **output.extra,
    }
    if output.segment_seconds:
        request["SegmentDuration"] = f"{output.segment_seconds:g}"
    if output.thumbnail_pattern:
        request["ThumbnailPattern"] = f"{thumbnail_prefix(elastic, output)}{COUNT}"
    return request
