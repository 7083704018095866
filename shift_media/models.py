"""The models of the app, as Django looks for them; they live in the rooms that use them."""

from __future__ import annotations

from shift_media.deletion.models import PendingDeletion, PendingInvalidation
from shift_media.importing.models import ImportedFile
from shift_media.quotas.models import UploadReservation
from shift_media.staging import PendingUpload, UsedTicket
from shift_media.transcoding.models import RENDITION_KEY_LENGTH, Rendition, TranscodeJob, new_token

__all__ = [
    "RENDITION_KEY_LENGTH",
    "ImportedFile",
    "PendingDeletion",
    "PendingInvalidation",
    "PendingUpload",
    "Rendition",
    "TranscodeJob",
    "UploadReservation",
    "UsedTicket",
    "new_token",
]
