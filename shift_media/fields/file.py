"""The file of a row, ``photo.image``: its key, its metadata and its resizes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.files.base import File
from django.db import models, router

from shift_media.core.errors import AlreadyStored, InvalidKey
from shift_media.core.keys import OriginalKey, new_original_key
from shift_media.core.metadata import Metadata
from shift_media.deletion import service as deletion
from shift_media.fields import legacy, posters
from shift_media.fields.database_key import database_key
from shift_media.fields.described_file import DescribedFile
from shift_media.fields.pending import as_pending, may_wait, with_digest
from shift_media.fields.stored_upload import StoredUpload
from shift_media.fields.types import AnyMediaField
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.resizes.srcset import build_by_width, format_srcset, scale
from shift_media.storages.naming import is_same_storage
from shift_media.storages.server_copy import CopyUnsupported, ServerCopy
from shift_media.transcoding.files import Video
from shift_media.validators import Inspection, seekable

_ATTEMPTS: Final = 5  # to find a free id; only a broken source of randomness needs two


class MediaFile(Video, DescribedFile):
    """A file of a `MediaField`: the original and everything derived from it."""

    _upload: object = None  # the uploaded file, until a committed row refers to its copy
    pending_upload: Any = None
    """The direct upload that a task is to store, until a committed row refers to it."""
    is_new: bool = False
    """True from the upload by this object until a row that refers to it is committed."""

    # Saving and deleting.

    def save(self, name: str | None, content: File[Any], save: bool = True) -> None:
        """Check a file, store it under a new key and save the row.

        Raises `InvalidMedia` for a file that the field does not accept; then nothing is stored.
        """
        upload = self.store(name, content)
        if not save:
            return
        try:
            self.instance.save()
        except BaseException:
            upload.rollback(self._database)
            raise

    save.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    def store(
        self, name: str | None, content: File[Any], *, may_wait: bool = False
    ) -> StoredUpload:
        """Check a file and store it under a new key, without saving the row.

        Returns the stored upload, whose `rollback` undoes it. Raises `InvalidMedia`. With
        ``may_wait`` a large direct upload is left to a task: see `shift_media.fields.pending`.
        """
        was_closed = getattr(content, "closed", False)
        framing = self._pending_framing(content)
        file = seekable(content, self.field.max_bytes)
        try:
            prepared, inspection = self.field.prepare_upload(file, name)
            self.field.run_rules(prepared, inspection, self.instance)
            waits = may_wait and self._may_wait(prepared, inspection)
            inspection = as_pending(inspection) if waits else with_digest(inspection, prepared)
            key = self._put(prepared, inspection, waits=waits)
        finally:
            if was_closed:  # seekable() has opened it: it is the file of another row, say.
                file.close()
        if not self._committed:
            # After a rollback the upload is saved again from here: a stream can be read only once.
            self._file = file
        if content is self and self._file is not None:
            self._file.close()  # The file that was opened is not this one's any more.
        upload = StoredUpload(self, key)
        self.name, self._committed, self._file = str(key), True, None
        self._renditions = None
        self._metadata_cache = replace(inspection.metadata, **framing)
        setattr(self.instance, self.field.attname, self)
        self.field.write_metadata_columns(self.instance, self._metadata_cache)
        self._upload, self.is_new = file, True
        self.pending_upload = file if waits else None
        return upload

    @property
    def is_used_once(self) -> bool:
        """True if the uploaded file has a ticket, which can be used for one row."""
        return self._ticketed is not None

    def use_ticket(self, using: str) -> None:
        """Use the ticket of the uploaded file, if it has one, in the transaction of the row."""
        if self._ticketed is not None:
            self._ticketed.use_ticket(using)

    @property
    def _ticketed(self) -> Any:
        """The uploaded file, if it has a ticket; the file of a row, perhaps this one, has none."""
        is_of_row = isinstance(self._upload, MediaFile)
        return self._upload if not is_of_row and hasattr(self._upload, "use_ticket") else None

    def on_committed(self) -> None:
        """Call ``on_stored()`` of the uploaded file, if it has that, once its copy has a row."""
        upload, self._upload, self.is_new = self._upload, None, False
        if self.pending_upload is not None:
            self.pending_upload = None
            return
        on_stored = getattr(upload, "on_stored", None)
        if callable(on_stored):
            on_stored()

    def _pending_framing(self, content: object) -> dict[str, Any]:
        """Return the focal point and crops that were set for an upload before it was stored."""
        known = self.known_metadata
        if content is not self or not known:  # Otherwise the same picture is stored again.
            if self._committed or self._metadata_cache is None or content is not self._file:
                return {}
            known = self._metadata_cache
            return {"crops": known.crops, **({"focal": known.focal} if known.focal else {})}
        return {"focal": known.focal, "crops": known.crops}

    def _put(self, file: File[Any], inspection: Inspection, *, waits: bool) -> OriginalKey:
        """Store a file under a new key, unless a task does, and return the key."""
        metadata = inspection.metadata
        for _ in range(_ATTEMPTS):
            key = new_original_key(metadata.original_name, inspection.format.extension)
            if waits or self._write(str(key), file, metadata):
                file.seek(0)
                return key
        raise AlreadyStored(
            f"{_ATTEMPTS} new random ids in a row were taken in the storage already. Check the "
            "source of randomness of this machine."
        )

    def _write(self, key: str, file: File[Any], metadata: Metadata) -> bool:
        """Write a file to a key, as a copy on the server if it is there already."""
        facts = {
            "content_type": metadata.content_type,
            "sha256": metadata.sha256,
            "download_name": metadata.original_name,
        }
        copy = self._server_copy(file)
        if copy is not None:
            with contextlib.suppress(CopyUnsupported):
                return copy.write(key, **facts)
        file.seek(0)
        return self._own_storage.put_original(key, file, size=metadata.size, **facts)

    def _server_copy(self, file: File[Any]) -> ServerCopy | None:
        server_copy = getattr(file, "server_copy", None)
        return server_copy(self._own_storage) if server_copy else None

    def _may_wait(self, file: File[Any], inspection: Inspection) -> bool:
        is_own = self._given_storage is None
        return is_own and may_wait(self.field, inspection, self._server_copy(file))

    def delete(self, save: bool = True) -> None:
        """Empty the field, and delete the original and everything derived from it.

        The deletion runs after the commit, and only if no row refers to the original by then.
        With ``save=False`` the file therefore stays until the caller saves the row.
        """
        if not self.name:
            return
        instance, key = self.instance, self.name if self._committed else ""
        is_replaced_by_save = save and database_key(instance, self.field) == key
        if getattr(self, "_file", None) is not None:
            self.close()
        self.name, self._committed, self._file, self._metadata_cache = None, False, None, None
        self._renditions = None
        setattr(instance, self.field.attname, None)
        self.field.write_metadata_columns(instance, None)
        if save:
            instance.save()
        if key and not is_replaced_by_save:  # Otherwise saving has scheduled the deletion.
            deletion.schedule(self.field, key, self._database)

    delete.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    async def asave(self, name: str | None, content: File[Any], save: bool = True) -> None:
        """Store a file, as `save` does, in a thread: an async view goes on meanwhile."""
        await sync_to_async(self.save)(name, content, save)

    asave.alters_data = True  # type: ignore[attr-defined]

    async def adelete(self, save: bool = True) -> None:
        """Delete the file, as `delete` does, in a thread."""
        await sync_to_async(self.delete)(save)

    adelete.alters_data = True  # type: ignore[attr-defined]

    @property
    def _database(self) -> str:
        return router.db_for_write(type(self.instance), instance=self.instance)

    def copy_for(
        self, instance: models.Model, field: AnyMediaField, *, is_same_row: bool = False
    ) -> MediaFile:
        """Return this file for another row: the same key, or an upload if the storage differs.

        An old file that is shown in place of this one is an upload for another row, too. A copy of
        the same row, for which ``is_same_row`` is true, shows it as this one does.
        """
        copy: MediaFile = field.attr_class(instance, field, self.name)
        copy._metadata_cache = self.known_metadata
        if (old := self.old_file) is not None:
            copy._described = self._described
            if not is_same_row:
                copy.name = str(old.name).rpartition("/")[2]
                copy._file, copy._committed = self, False
        elif not self._committed:
            copy._file, copy._committed = self._file, False
        elif self.name and not is_same_storage(self.storage, copy.storage):
            copy._file, copy._committed = self, False
            known = copy._metadata_cache
            copy.name = known.original_name if known else self.name
        return copy

    # Posters of videos; `transcoding.files` has how one is chosen.

    def reset_poster(self) -> bool:
        """Use the poster of the profile again; return False if no other one was chosen."""
        # On use, because the models that it imports need the settings of a site.
        from shift_media.transcoding.services.posters import reset_poster

        was_chosen = reset_poster(self)
        posters.write_facts(self.field, self.key)
        self._renditions = None
        if self.field.metadata_field:
            self.instance.refresh_from_db(fields=[self.field.metadata_field])
        return was_chosen

    reset_poster.alters_data = True  # type: ignore[attr-defined]

    # Resizes.

    def resize(
        self,
        size: str,
        mode: str | None = None,
        quality: int | None = None,
        upscale: bool | None = None,
        format: str | None = None,
        focal: tuple[float, float] | str | None = None,
        crop: tuple[int, int, int, int] | None = None,
        background: str | None = None,
        rotate: int | None = None,
        flip: str | None = None,
        gray: bool | None = None,
        blur: int | None = None,
        sharpen: int | None = None,
        lossless: bool | None = None,
        animated: bool | None = None,
        page: int | None = None,
    ) -> Resize:
        """Build a resize, ``"400x300"`` or the name of a preset, without any I/O.

        Raises `InvalidSpec` and `LimitExceeded`.
        """
        # fmt: off
        asked = (
            size, mode, quality, upscale, format, focal, crop, background, rotate, flip, gray,
            blur, sharpen, lossless, animated, page,
        )
        # fmt: on
        if self.old_file is None:
            key = str(self.name or self.key)  # The property raises if the field is empty.
            try:
                return builder.build_from_arguments(key, asked, self._own_storage, self._facts())
            except InvalidKey:
                if not self._has_no_key:
                    raise
        return legacy.build_resize(self, asked, self._facts())

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of several widths, never wider than the original, without any I/O."""
        if self._has_no_key:
            width = max(widths)  # The file has only one, and no others can be made of it.
            return {width: self.resize(scale(spec.pop("size", None), width), **spec)}
        return build_by_width(self.key, widths, storage=self.storage, facts=self._facts(), **spec)

    def srcset(self, widths: Sequence[int], **spec: Any) -> str:
        """Return a ``srcset`` of the resizes of several widths, without any I/O."""
        return format_srcset(self.ladder(widths, **spec))
