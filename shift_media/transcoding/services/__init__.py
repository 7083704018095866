"""Jobs: submitted with the row that has the video, claimed by one worker, moved forward only.

``submit``, ``refresh`` and ``cancel`` are what the field, the admin and the commands use; ``work``
is what a worker does.
"""

from __future__ import annotations

from shift_media.transcoding.services.attempts import transcoder
from shift_media.transcoding.services.jobs import cancel, forget, latest, live, retry, submit
from shift_media.transcoding.services.leases import claim, recover
from shift_media.transcoding.services.polling import Poller, look, refresh
from shift_media.transcoding.services.worker import Worker

__all__ = [
    "Poller",
    "Worker",
    "cancel",
    "claim",
    "forget",
    "latest",
    "live",
    "look",
    "recover",
    "refresh",
    "retry",
    "submit",
    "transcoder",
]
