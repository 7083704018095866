"""Direct uploads: a browser sends a file to the bucket, and the app never receives its bytes.

An upload has three steps. None of them relies on what the client says::

    browser → app      POST shift_media:upload      {"field", "name", "head", "size", "sha256"}
    app → browser      a ticket, and a presigned PUT
    browser → bucket   PUT the bytes
    browser → app      the form: the ticket in "image-upload" instead of a file in "image"

#. **Ticket.** ``SHIFT_MEDIA["UPLOADS"]`` names the fields that take direct uploads, and for each
   the function that decides who may upload. The field must accept the size, and the type of the
   first bytes, which are announced as base64 (``head``), or else the announced ``type``.
   The ticket contains the field, a new key, name, type, size, SHA-256, the user and the time at
   which it expires. It is signed for this purpose alone.
#. **Bytes.** The presigned URL writes that one key, once (``If-None-Match: *``), with exactly this
   length, type and SHA-256, for `SECONDS`. All of these are signed, and the bucket refuses a
   request that differs. If the storage cannot presign, the app takes the bytes: at the same URL,
   by PUT, with the ticket in the header ``X-Upload-Ticket``. It stores only the bytes that the
   ticket describes.
#. **Completion.** The input of the form, or a serializer field, passes the uploaded file on as if
   the request had contained it. `DirectUploadMiddleware` keeps the request for the input, which
   could not compare its user with the ticket's otherwise. When the file is read, the server reads
   the bytes and compares size, SHA-256 and type with the ticket, whose user and time are checked
   too. Then the rules of the field apply, as to any upload. Saving the row copies the object to
   another key inside the bucket, with the headers of an original, and compares the ETag
   afterwards, because some servers ignore the condition of a copy. What was inspected is therefore
   what is stored, even if the staged object changes meanwhile. On a local disk the file gets a
   second name.

A file above ``UPLOAD_PARTS_ABOVE`` is sent in parts, several at once, and goes on where it was
after a loss of the network or a reload. Its ticket names the upload that the app has begun. Each
part is hashed in the browser and signed with its length and MD5 (``Content-MD5``), which every S3
server compares. SHA-256 is not used for it, because some servers accept a wrong one. Which parts
are stored the app asks the bucket, with ``ListParts``. On a local disk the same requests go to the
app.

A staged object has the key of an original that no row refers to. It is as public as an original,
under a URL that only its uploader knows. Until the transaction that stores the file commits, a
form with another error can be sent again with the same ticket. After the commit an empty object
replaces the staged one, so that the ticket can neither be written nor read again. That object,
and every upload that is not completed, is an orphan, which ``media_cleanup`` removes after its
grace time. Tickets have no table until they are used: the transaction that writes a row notes its
ticket in `UsedTicket`, so that a second row is refused, also one that is written at the same
moment. Only a site with a quota has a table of reservations, so that tickets that are not used yet
count in it.

The cost: the app reads each file from the bucket once, in the request that completes the upload. A
picture is held in a temporary file meanwhile, and so is each file up to 16 MB. A larger one is
hashed as it arrives, and its header is read by ranges. A user who may upload can stage any number
of files until they are removed.

With ``TASKS`` a large file is not read in that request. Its row is written as pending, and a task
hashes and copies it: see `shift_media.fields.pending`.
"""

from __future__ import annotations

from shift_media.direct.access import NotAuthenticated
from shift_media.direct.middleware import DirectUploadMiddleware
from shift_media.direct.staged_file import StagedFile, file_of_ticket, files
from shift_media.direct.tickets import SECONDS, Ticket, may_add
from shift_media.quotas import QuotaExceeded

__all__ = [
    "SECONDS",
    "DirectUploadMiddleware",
    "NotAuthenticated",
    "QuotaExceeded",
    "StagedFile",
    "Ticket",
    "file_of_ticket",
    "files",
    "may_add",
]
