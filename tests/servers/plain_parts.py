"""Uploads in parts of a plain S3 server: the requests of `BucketMultipart`."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from xml.etree import ElementTree

_numbers = itertools.count(1)


@dataclass
class PlainUpload:
    """An upload in parts: its key, the headers of the object, and the parts by number."""

    key: str
    headers: dict[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)
    begun: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: f"upload-{next(_numbers)}")

    def put(self, number: int, content: bytes, expected: str) -> bool:
        """Store a part, unless it has another MD5 than expected."""
        digest = base64.b64encode(md5(content, usedforsecurity=False).digest()).decode()
        if digest != expected:
            return False
        self.parts[number] = content
        return True

    def join(self, body: bytes) -> bytes:
        """Return the object of the parts that a completion names."""
        numbers = [
            int(found.text or "")
            for found in ElementTree.fromstring(body).iter()
            if found.tag.endswith("PartNumber")
        ]
        return b"".join(self.parts[number] for number in numbers)

    def list_parts(self) -> bytes:
        """Return the answer to ListParts."""
        items = "".join(
            f"<Part><PartNumber>{number}</PartNumber><Size>{len(content)}</Size>"
            f"<ETag>{md5(content, usedforsecurity=False).hexdigest()}</ETag></Part>"
            for number, content in sorted(self.parts.items())
        )
        result = f"<ListPartsResult><IsTruncated>false</IsTruncated>{items}</ListPartsResult>"
        return result.encode()

    @property
    def entry(self) -> str:
        """The entry in the answer to ListMultipartUploads."""
        return (
            f"<Upload><Key>{self.key}</Key><UploadId>{self.id}</UploadId>"
            f"<Initiated>{self.begun:%Y-%m-%dT%H:%M:%S.000Z}</Initiated></Upload>"
        )
