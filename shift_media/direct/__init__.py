"""Direct uploads: a browser sends a file to the bucket, and the app never waits for its bytes.

In three steps, each of which believes nothing of what the client says::

    browser → app      POST shift_media:upload      {"field", "name", "type", "size", "sha256"}
    app → browser      a ticket, and a presigned PUT
    browser → bucket   PUT the bytes
    browser → app      the form: the ticket in "image-upload" instead of a file in "image"

#. **Ticket.** ``SHIFT_MEDIA["UPLOADS"]`` names the fields that take direct uploads, and for each
   the function that says who may. Type and size must be what the field accepts. The ticket holds
   the field, a new key, name, type, size, SHA-256, the user and when it expires; it is signed for
   this purpose alone.
#. **Bytes.** The presigned URL writes that one key, once (``If-None-Match: *``), with exactly this
   length, type and SHA-256, for `SECONDS`: all of it is signed, and the bucket refuses the rest.
   Where a storage presigns nothing the app takes the bytes: the same URL, by PUT, with the ticket
   in the header ``X-Upload-Ticket``; what differs from it is never stored.
#. **Completion.** `files` gives a form what was uploaded as if it had come with the request. When
   the form looks at it the server reads the bytes itself: size, SHA-256 and type must be the
   ticket's, the user and the time too. Then the field's own rules hold, as for any upload. Saving
   the row stores what was read under a key of its own: what was inspected is what is kept,
   whatever happens to the staged object meanwhile.

A staged object has the key of an original that no row refers to, and is as public as those, under
a URL that its uploader alone knows. When the transaction that stored the file commits, an empty
object takes its place: until then a form with an error elsewhere can be sent again, and from then
on the ticket is of no use, since nothing can be written over it and nothing read. That, and what
is never completed, is an orphan, which ``media_cleanup`` removes after its grace time. There is
no table of tickets.

What it costs: the app reads each file from the bucket once and writes it once, in the request that
completes it. A user who may upload may stage as many files as they like until they are swept.
"""

from __future__ import annotations

from shift_media.direct.staged import StagedFile, files
from shift_media.direct.tickets import SECONDS, Ticket, may_add

__all__ = ["SECONDS", "StagedFile", "Ticket", "files", "may_add"]
