"""Services for jobs: submit, refresh and cancel, and what workers and webhooks call.

The field, the admin and the commands call ``submit``, ``refresh``, ``retry`` and ``cancel``.
Workers run jobs with `Worker`, and `Poller` reads those that a service runs.
"""

from __future__ import annotations

from shift_media.transcoding.services.attempts import transcoder
from shift_media.transcoding.services.folders import used_folders
from shift_media.transcoding.services.idle import WORKER_PAUSE, unread_jobs, waiting_job
from shift_media.transcoding.services.jobs import (
    cancel,
    cancel_deleted,
    delete_jobs,
    retry,
    submit,
)
from shift_media.transcoding.services.leases import claim, recover
from shift_media.transcoding.services.polling import Poller, poll, refresh
from shift_media.transcoding.services.posters import choose_poster, reset_poster
from shift_media.transcoding.services.worker import Worker

__all__ = [
    "WORKER_PAUSE",
    "Poller",
    "Worker",
    "cancel",
    "cancel_deleted",
    "choose_poster",
    "claim",
    "delete_jobs",
    "poll",
    "recover",
    "refresh",
    "reset_poster",
    "retry",
    "submit",
    "transcoder",
    "unread_jobs",
    "used_folders",
    "waiting_job",
]
