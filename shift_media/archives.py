"""ZIP archives of many files, made while they are sent: neither in memory nor on disk.

In a view: ``return zip_response(request, (photo.image for photo in photos), "lakes.zip")``.
"""

from __future__ import annotations

import asyncio
import logging
import posixpath
import re
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Final, cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.timezone import localtime, now
from django.utils.translation import gettext

from shift_media.core.documents import extension_of
from shift_media.core.errors import NotStored

logger = logging.getLogger("shift_media")

_BLOCK: Final = 1 << 18
_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
"""Characters that some systems take for a part of a path, and that no name in an archive has."""

_LONGEST_STEM: Final = 120


def zip_response(request: HttpRequest, files: Iterable[Any], name: str) -> StreamingHttpResponse:
    """Return a response that sends the originals of files of media fields as a ZIP archive.

    The files are read from their storages one after another, as fast as the client takes them, so
    the archive needs little memory whatever its size. They are stored as they are, because
    pictures and videos are compressed already. Empty fields are left out. A file that is missing
    in the storage is left out too, and named in ``missing.txt`` at the end of the archive. Files
    with names from before the media field are read from their old storage.

    Args:
        request: the request of the view, which has checked who may read the files.
        files: of media fields. They are collected at once, so that no query runs later.
        name: of the archive, as browsers save it.
    """
    blocks = zip_blocks(file for file in files if file)
    # Django would collect a plain iterator before it sends the first byte under ASGI.
    content: Any = _in_threads(blocks) if isinstance(request, ASGIRequest) else blocks
    response = StreamingHttpResponse(content, content_type="application/zip")
    disposition = content_disposition_header(as_attachment=True, filename=name)
    response["Content-Disposition"] = disposition
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def zip_blocks(files: Iterable[Any]) -> Iterator[bytes]:
    """Return the blocks of a ZIP archive with the originals of files of media fields.

    Raises a `MediaError` while it is iterated over if a storage fails, so that the client sees
    that the download broke off.
    """
    return _zip_blocks(list(files))


def _zip_blocks(files: list[Any]) -> Iterator[bytes]:
    output, taken = _Output(), {"missing.txt"}
    missing: list[str] = []
    with zipfile.ZipFile(cast("Any", output), "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            name = _free_name(_name_of(file), taken)
            try:
                source = _open(file)
            except NotStored as error:
                logger.warning("A file is left out of a ZIP archive: %s", error)
                missing.append(name)
                continue
            with source, archive.open(_entry(name), "w", force_zip64=True) as entry:
                while block := source.read(_BLOCK):
                    entry.write(block)
                    yield output.take()
            yield output.take()
        if missing:
            text = gettext("These files are missing:")
            archive.writestr(_entry("missing.txt"), "\n".join([text, *missing, ""]))
    yield output.take()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, localtime(now()).timetuple()[:6])
    entry.external_attr = 0o644 << 16
    return entry


def _open(file: Any) -> Any:
    """Open a file to be read once; one without a key where it was before the media field."""
    if not file.is_legacy:
        return file.storage.fetch(file.key)
    name = file.stored_name
    try:
        return file.storage.open(name, "rb")
    except FileNotFoundError as error:
        raise NotStored(f"{file.field}: the file {name!r} is missing.") from error


def _name_of(file: Any) -> str:
    """Return the name of an upload, with the extension of its key and without parts of paths."""
    leaf = _UNSAFE.sub("_", file.stored_name.rpartition("/")[2])
    known = file.known_metadata
    given = _UNSAFE.sub("_", (known.original_name if known else "") or leaf).strip(". ")
    extension = extension_of(leaf)  # An old name may have none.
    stem = given.rpartition(".")[0] if extension and extension_of(given) == extension else given
    stem = stem[:_LONGEST_STEM].rstrip(". ") or "file"
    return f"{stem}.{extension}" if extension else stem


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that differs from all others, also where case does not count; and take it."""
    stem, extension = posixpath.splitext(name)
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{stem} ({number}){extension}"
    taken.add(free.casefold())
    return free


class _Output:
    """A file that `ZipFile` can only write to, and from which the written bytes are taken."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._blocks.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data, self._blocks = b"".join(self._blocks), []
        return data


async def _in_threads(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield blocks that threads make, because the event loop must not wait for a storage."""
    try:
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield block
    finally:
        close = getattr(blocks, "close", None)
        if close is not None:
            await asyncio.to_thread(close)
