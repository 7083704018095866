"""Old addresses: ``path("media/", include("shift_media.legacy_urls"))``, after all other patterns.

An ``ImageField`` has names such as ``photos/2019/lake.jpg``, and pages, search engines and mails
have their URLs. Below the include

- a name whose file was imported is answered with a redirect to the file that its row has now, if
  that is public. It is a 302 for five minutes, and never a 301, which browsers would keep after an
  undo;
- a file that a row still has under its old name is answered with, as ``FileSystemStorage`` did in
  development, but only if a media field, or the field that it is imported from, has the name;
- all other names are a 404. Serving the whole folder would publish the files of other apps, and a
  signed URL of a private file is for those whom a view of the site has let in.

With several old storages on local disk, one include for each:
``path("archive/", include("shift_media.legacy_urls"), {"storage": "archive"})``.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import Storage, storages
from django.db import models, router
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import re_path
from django.views.decorators.csrf import csrf_exempt

from shift_media import http
from shift_media.core.documents import build_disposition
from shift_media.core.errors import NotStored
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.deletion.lookups import IsSameText
from shift_media.fields.legacy import DEFAULT_ALIAS, storage_of
from shift_media.importing.addresses import current_file
from shift_media.importing.models import NAME_LENGTH
from shift_media.models import ImportedFile
from shift_media.registry import all_media_fields
from shift_media.resizes.legacy import is_legacy_name
from shift_media.resizes.responses import error_response
from shift_media.storages import MediaStorage, unwrap
from shift_media.storages.naming import is_same_storage

app_name = "shift_media_legacy"

_METHODS = ("GET", "HEAD")
_CACHING = "public, max-age=300"
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Not longer, because an import moves the file."""


@login_not_required
@csrf_exempt  # It changes nothing that a client names, so that a POST is a 405 as any other.
@http.without_transactions
@http.unaltered_by_middleware
def old_file(request: HttpRequest, name: str, storage: str = DEFAULT_ALIAS) -> HttpResponseBase:
    """Answer a request for an old name: 200, 206, 302, 304, 404, 405, 412 or 416.

    ``storage`` is the alias of the old storage, given by the include.
    """
    if request.method not in _METHODS:
        return HttpResponse(status=405, headers={"Allow": ", ".join(_METHODS)})
    old = storages[storage]
    try:
        if not _is_plain(name):
            raise NotStored("A storage makes no such names.")
        redirect = _redirect_to_imported(name, storage)
        if redirect is not None:
            return redirect
        if not _is_named_by_a_row(name, old):
            raise NotStored("No row of a media field has a file of this name.")
        return _respond(request, name, old)
    except NotStored as error:
        return error_response(error)


urlpatterns = [re_path(r"^(?P<name>[\s\S]+)\Z", old_file, name="old_file")]


def _is_plain(name: str) -> bool:
    """Return True for a name as a storage makes it, which leads nowhere but to one file."""
    is_normal = posixpath.normpath(name) == name and not name.startswith(("/", "../"))
    return is_normal and "\\" not in name and "\0" not in name and is_legacy_name(name)


def _redirect_to_imported(name: str, alias: str) -> HttpResponse | None:
    """Return a redirect to the public file of a row whose file was imported; None without one."""
    if len(name) > NAME_LENGTH:
        return None
    for imported in ImportedFile.objects.for_name(name).filter(old_storage=alias):
        file = current_file(imported)
        if file is not None and not _is_private(file.storage):
            headers = {**http.HEADERS, "Location": file.url, "Cache-Control": _CACHING}
            return HttpResponse(status=302, headers=headers)
    return None


def _is_named_by_a_row(name: str, old: Storage) -> bool:
    """Return True if a row has the name, in a field whose files are public."""
    for model, column, max_length in _columns(old):
        if len(name) <= max_length:
            rows: models.QuerySet[Any]
            rows = models.QuerySet(model=model, using=router.db_for_read(model))
            if rows.filter(IsSameText(models.F(column), name)).exists():
                return True
    return False


def _columns(old: Storage) -> Iterator[tuple[type[models.Model], str, int]]:
    """Yield the columns that have names of a storage: model, field and the longest name."""
    if _is_private(old):
        return
    for field in all_media_fields():
        media_field: Any = field
        if _is_private(media_field.storage):
            continue
        if is_same_storage(storage_of(media_field), old):
            yield field.model, field.name, media_field.max_length
        source: Any = media_field.imported_from
        if source and source in {each.name for each in field.model._meta.local_concrete_fields}:
            source = field.model._meta.get_field(source)
            if is_same_storage(getattr(source, "storage", storages[DEFAULT_ALIAS]), old):
                yield field.model, source.name, source.max_length


def _is_private(storage: Storage) -> bool:
    found = unwrap(storage)
    return isinstance(found, MediaStorage) and found.originals == "private"


def _respond(request: HttpRequest, name: str, old: Storage) -> HttpResponseBase:
    """Answer with a file of a storage on local disk; URLs of all others lead to the storage."""
    try:
        # By its descriptor, so that the response does not tell the name on disk.
        file = os.fdopen(os.open(old.path(name), _READ), "rb")
    except (NotImplementedError, SuspiciousOperation, OSError, ValueError) as error:
        raise NotStored("The storage has no such file on local disk.") from error
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        file.close()
        raise NotStored("The name is that of a folder.")
    format = detect(file.read(HEAD_BYTES))
    file.seek(0)
    headers = {"Cache-Control": _CACHING}
    # An SVG of the old field was never cleaned. An <img> shows it as an attachment too.
    if not format.inline or format.extension == "svg":
        leaf = name.rpartition("/")[2]
        headers["Content-Disposition"] = build_disposition(leaf, f"file.{format.extension}")
    body = http.ResponseBody(
        file=file,
        size=found.st_size,
        content_type=format.served_type,
        etag=f'"{found.st_mtime_ns:x}-{found.st_size:x}"',
        modified=datetime.fromtimestamp(found.st_mtime, UTC),
        headers=headers,
    )
    return http.respond(request, body)
