"""An S3 server that lacks what many have: no conditions, no checksums, no websites.

No server that runs here lacks all of that, so this one keeps objects in memory and answers the
few requests that a storage sends. It does not verify signatures.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.plain_parts import PlainUpload

BUCKET = "plain"


@dataclass
class Lacks:
    """What the server does not do.

    Args:
        conditions: ``"ignored"`` or ``"refused"`` with 501, as Backblaze B2 does.
        checksums: refused with 400, as Backblaze B2 does.
        bulk_delete: refused with 400 without a Content-MD5, as servers of before 2025 do.
    """

    conditions: str = "ignored"
    checksums: bool = False
    bulk_delete: bool = False


@dataclass
class PlainS3:
    """The server, which runs in threads of this process."""

    lacks: Lacks
    objects: dict[str, tuple[bytes, dict[str, str], datetime]] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, PlainUpload] = field(default_factory=dict)

    access_key = secret_key = "plain"
    region = "us-east-1"

    def start(self) -> PlainS3:
        handler = type("Handler", (_Handler,), {"plain": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    plain: PlainS3

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}").removeprefix("/")

    @property
    def query(self) -> dict[str, str]:
        return {
            name: values[0]
            for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()
        }

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.plain.requests[self.command] += 1
        if not self.key:
            if "list-type" in self.query:
                self._list()
                return
            if self.command == "HEAD":
                self._send(200)
                return
            if "uploads" in self.query:
                self._list_uploads()
                return
            self._refuse(501, "NotImplemented", "It has no such subresource.")
            return
        if "uploadId" in self.query:
            upload = self._upload()
            if upload is not None:
                self._send(200, upload.list_parts())
            return
        stored = self.plain.objects.get(self.key)
        if stored is None:
            self._refuse(404, "NoSuchKey", "Nothing is there.")
            return
        content, headers, modified = stored
        sent = {**headers, "Last-Modified": modified.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        sent["ETag"] = f'"{md5(content, usedforsecurity=False).hexdigest()}"'
        self._send(200, content, sent)

    def do_PUT(self) -> None:
        self.plain.requests["PUT"] += 1
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self._is_refused():
            return
        if "x-amz-copy-source" in self.headers:
            self._refuse(501, "NotImplemented", "It copies nothing.")
            return
        if "uploadId" in self.query:
            self._put_part(content)
            return
        self.plain.objects[self.key] = content, self._kept, datetime.now(UTC)
        self._send(200)

    @property
    def _kept(self) -> dict[str, str]:
        return {
            name: value
            for name, value in self.headers.items()
            if name.lower().startswith(("x-amz-meta-", "content-type", "content-disp", "cache-"))
        }

    def _upload(self) -> PlainUpload | None:
        """Return the upload of the query, or answer that there is none."""
        upload = self.plain.uploads.get(self.query["uploadId"])
        if upload is not None and upload.key == self.key:
            return upload
        self._refuse(404, "NoSuchUpload", "There is no such upload.")
        return None

    def _put_part(self, content: bytes) -> None:
        upload, number = self._upload(), int(self.query["partNumber"])
        if upload is None:
            return
        if upload.put(number, content, self.headers["Content-MD5"]):
            self._send(200)
        else:
            self._refuse(400, "BadDigest", "The part has another MD5.")

    def _complete(self, body: bytes) -> None:
        upload = self._upload()
        if upload is None or self._is_refused():
            return
        self.plain.objects[self.key] = upload.join(body), upload.headers, datetime.now(UTC)
        del self.plain.uploads[upload.id]
        self._send(200, b"<CompleteMultipartUploadResult/>")

    def _list_uploads(self) -> None:
        items = "".join(upload.entry for upload in self.plain.uploads.values())
        name = "ListMultipartUploadsResult"
        result = f"<{name}><IsTruncated>false</IsTruncated>{items}</{name}>"
        self._send(200, result.encode())

    def do_DELETE(self) -> None:
        self.plain.requests["DELETE"] += 1
        if "uploadId" in self.query:
            if self._upload() is not None:
                del self.plain.uploads[self.query["uploadId"]]
                self._send(204)
            return
        self.plain.objects.pop(self.key, None)
        self._send(204)

    def do_POST(self) -> None:
        self.plain.requests["POST"] += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "uploads" in self.query:
            upload = PlainUpload(self.key, self._kept)
            self.plain.uploads[upload.id] = upload
            id = f"<UploadId>{upload.id}</UploadId>"
            name = "InitiateMultipartUploadResult"
            self._send(200, f"<{name}>{id}</{name}>".encode())
            return
        if "uploadId" in self.query:
            self._complete(body)
            return
        if self.plain.lacks.bulk_delete and "Content-MD5" not in self.headers:
            self._refuse(400, "MissingContentMD5", "Content-MD5 is required.")
            return
        for found in ElementTree.fromstring(body).iter():
            if found.tag.endswith("Key"):
                self.plain.objects.pop(found.text or "", None)
        self._send(200, b"<DeleteResult/>")

    def _is_refused(self) -> bool:
        lacks = self.plain.lacks
        if lacks.conditions == "refused" and "If-None-Match" in self.headers:
            self._refuse(501, "NotImplemented", "A header implies what is not implemented.")
            return True
        checksums = [name for name in self.headers if "checksum" in name.lower()]
        if lacks.checksums and checksums:
            self._refuse(400, "InvalidArgument", f"Unsupported header {checksums[0]!r}.")
            return True
        return False

    def _list(self) -> None:
        prefix, after = self.query.get("prefix", ""), self.query.get("continuation-token", "")
        keys = sorted(k for k in self.plain.objects if k.startswith(prefix) and k > after)
        page, more = keys[:1000], len(keys) > 1000
        items = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.plain.objects[key][0])}</Size>"
            f"<LastModified>{self.plain.objects[key][2]:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            "</Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        body = f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}"
        self._send(200, f"{body}</ListBucketResult>".encode())

    def _refuse(self, status: int, code: str, message: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        self._send(status, text.encode())

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
