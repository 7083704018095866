"""The marker of a storage: an object that names the site whose media are in it.

Sites that share a bucket, such as staging beside production, see each other's originals and none
of the rows, so the sweep of one would remove the files of the other. The name is set by hand in
``SHIFT_MEDIA["SITE"]``, because whatever can be derived, a copy of the site has too. The marker is
written by ``media_bucket create`` and ``media_bucket claim``, and never by an upload.
"""

from __future__ import annotations

import io
import logging
from contextlib import suppress
from typing import Any, Final

from django.core.files.storage import InvalidStorageError
from django.db.models import Q

from shift_media.conf import settings
from shift_media.core.errors import MediaError, NotStored, StorageError
from shift_media.storages import MediaStorage
from shift_media.storages.interface import MARKER_KEY

__all__ = ["MARKER_KEY", "ForeignStorage", "check_site", "claim", "foreign_rows", "read_marker"]

logger = logging.getLogger("shift_media")

_MOST_BYTES: Final = 1000  # of a marker


class ForeignStorage(MediaError):
    """The storage belongs to another site, or this site does not say which one it is."""

    code = "foreign_storage"


def read_marker(storage: MediaStorage) -> str:
    """Return the name of the site that has claimed a storage; ``""`` if none has.

    The key is listed first, because a bucket may answer 403 for a key that is missing and for one
    that this site may not read. Raises `StorageError` for a marker that cannot be read.
    """
    if all(entry.key != MARKER_KEY for entry in storage.entries(MARKER_KEY)):
        return ""
    try:
        with storage.fetch(MARKER_KEY) as source:
            name = source.read(_MOST_BYTES).decode(errors="replace").strip()
    except NotStored as error:
        raise StorageError(
            f"The storage has a marker of its site, {MARKER_KEY}, that cannot be read. Let this "
            "site's user read it (s3:GetObject)."
        ) from error
    return name or "?"


def claim(storage: MediaStorage, site: str) -> bool:
    """Write the marker unless there is one; return whether this call wrote it.

    Raises `ForeignStorage` if another site has claimed the storage, and `StorageError` if the name
    of the marker is taken by something that is not a file.
    """
    content = f"{site}\n".encode()
    written = storage.put(
        MARKER_KEY, io.BytesIO(content), content_type="text/plain", size=len(content)
    )
    found = site if written else read_marker(storage)
    if not found:
        raise StorageError(
            f"The storage has no marker of a site, but something else is named {MARKER_KEY}: a "
            "folder, or a link without a target. Move it away, and run this again."
        )
    if found != site:
        raise ForeignStorage(
            f"The storage belongs to the site {found!r}, and this site is {site!r}. Give each "
            "site a bucket or a location of its own. If that site does not exist any more, delete "
            f"the object {MARKER_KEY} by hand and run this again."
        )
    return written


def check_site(storage: MediaStorage) -> str:
    """Return a warning if no site has claimed a storage; ``""`` if this one has.

    Raises `ForeignStorage` if another site has, or if this site has no name.
    """
    found, site = read_marker(storage), settings.SITE
    if not found:
        name = "" if site else 'set SHIFT_MEDIA["SITE"] to a name of this site alone, and '
        return (
            "No site has claimed this storage, so a copy of this site that uses it too, such as "
            f"staging, could remove its files: {name}run media_bucket claim."
        )
    if not site:
        raise ForeignStorage(
            f"The storage belongs to the site {found!r}, and this site has no name. If this is "
            f'that site, set SHIFT_MEDIA["SITE"] to {found!r}. If it is a copy, such as staging, '
            "give it a storage of its own."
        )
    if found != site:
        raise ForeignStorage(
            f'The storage belongs to the site {found!r}, and SHIFT_MEDIA["SITE"] is {site!r}. '
            "Give this site a storage of its own."
        )
    return ""


def foreign_rows(due: Any) -> Q:
    """Return the condition for rows of pending work in storages of another site; log each storage.

    A staging site that was made from a dump has the pending deletions of production.

    Args:
        due: the query set of the rows that would be run.
    """
    foreign = Q(pk__in=())
    for alias, source in due.order_by().values_list("storage", "source").distinct():
        same = Q(storage=alias) if alias else Q(storage="", source=source)
        row = due.filter(same & ~foreign).first()
        if row is None:
            continue
        # A storage that is not in the settings any more is reported by the work itself.
        with suppress(StorageError, InvalidStorageError):
            try:
                check_site(row.media_storage)
            except ForeignStorage as error:
                logger.warning("Pending work in the storage %r stays: %s", alias or source, error)
                foreign |= same
    return foreign
