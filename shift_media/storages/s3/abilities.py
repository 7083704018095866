"""Abilities of an S3 server: AWS has all of them, others fewer.

Backblaze B2 answers 501 to ``If-None-Match`` and 400 to checksum headers; servers of before 2025
want a Content-MD5 with DeleteObjects, which botocore does not send any more. A header that is
refused is left out, and that is remembered for the life of the process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from shift_media.storages.s3.client import is_aws
from shift_media.storages.s3.errors import Response, get_error_code, get_status

logger = logging.getLogger("shift_media.storages")

_REFUSALS = frozenset(
    "InvalidArgument InvalidDigest InvalidRequest MethodNotAllowed MissingContentMD5"
    " NotImplemented 501".split()
)


@dataclass(slots=True)
class Abilities:
    """Parts of the API that are used with a server.

    Attributes:
        conditional_put: the server knows ``If-None-Match: *``; otherwise the key is looked for
            before each write, and two writers at one moment may both write.
        checksum_header: the server knows ``x-amz-checksum-sha256``.
        bulk_delete: the server knows DeleteObjects as botocore sends it.
    """

    conditional_put: bool = True
    checksum_header: bool = True
    bulk_delete: bool = True

    def fewer(self) -> Iterator[Abilities]:
        """Yield what to try for a write that was refused, the most capable first."""
        if self.checksum_header:
            yield replace(self, checksum_header=False)
        if self.conditional_put:
            yield replace(self, conditional_put=False)
        if self.checksum_header and self.conditional_put:
            yield replace(self, checksum_header=False, conditional_put=False)

    def learn(self, found: Abilities) -> None:
        """Take over what was found, and log it."""
        self.conditional_put = found.conditional_put
        self.checksum_header = found.checksum_header
        logger.warning(
            "The S3 server refuses headers, which are left out from now on: If-None-Match is %s, "
            "x-amz-checksum-sha256 is %s.",
            "sent" if found.conditional_put else "replaced by a HEAD before each write",
            "sent" if found.checksum_header else "left out",
        )


def is_refusal(client: Any, response: Response) -> bool:
    """Return True if a server other than Amazon's may not know a part of the request."""
    if is_aws(client.meta.endpoint_url):
        return False
    return get_status(response) == 501 or get_error_code(response) in _REFUSALS
