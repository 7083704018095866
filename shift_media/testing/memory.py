"""A media storage in memory, for tests."""

from __future__ import annotations

import io
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any, BinaryIO, ClassVar, cast

from django.conf import settings as django_settings
from django.core.files.base import File
from django.core.files.storage import InMemoryStorage
from django.utils.timezone import make_naive

from shift_media.core.errors import SourceTruncated
from shift_media.core.streams import SeekableReader
from shift_media.storages.base import DeliveryMode, Entry, Stat, missing
from shift_media.storages.interface import READ_MODES, Name
from shift_media.storages.signed_originals import SignedOriginals
from shift_media.storages.streams import CHUNK, Readable, SeekableSource, StoredFile, in_mode
from shift_media.storages.validation import (
    check_base_url,
    check_key,
    check_prefix,
    has_key_shape,
    require_name,
    tidy_name,
)

_MEMORY_BYTES = 4_000_000
"""The largest file that is in memory. A larger one is in a temporary file without a name."""


class InMemoryMediaStorage(SignedOriginals, InMemoryStorage):
    """A media storage for tests, whose files are gone with the object.

    It takes the options of Django's `InMemoryStorage` and those of a media storage. Files above
    4 MB are in temporary files without a name, which the system removes with the process.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = True
    import_path: ClassVar[str] = "shift_media.testing.InMemoryMediaStorage"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._files: dict[str, _MemoryFile] = {}
        self._lock = threading.Lock()

    def _is_harmless(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        return True

    def _default_public_url(self) -> str:
        return check_base_url(str(self.base_url))

    def _clear_cached_properties(self, setting: Any, **kwargs: Any) -> None:
        # Django's own hook for changed settings. The public URL is derived from MEDIA_URL.
        super()._clear_cached_properties(setting, **kwargs)
        if setting == "MEDIA_URL":
            self.__dict__.pop("public_url", None)

    def snapshot(self) -> Mapping[str, object]:
        """Return what is stored now, for `restore`; no bytes are copied."""
        with self._lock:
            return dict(self._files)

    def restore(self, snapshot: Mapping[str, object]) -> None:
        """Go back to a snapshot: later files are gone, deleted ones are there again."""
        with self._lock:
            self._files = dict(cast("Mapping[str, _MemoryFile]", snapshot))

    # The interface of a media storage

    def stat(self, key: str) -> Stat | None:
        """Return the size, time and SHA-256 of a stored file; None if there is none."""
        file = self._files.get(check_key(key))
        return None if file is None else Stat(file.size, file.modified, file.sha256)

    def fetch(self, key: str) -> SeekableSource:
        """Open a stored file, which can be read from any position. Raises `NotStored`."""
        file = self._find(key)
        file.accessed = datetime.now(UTC)
        return SeekableSource(cast("BinaryIO", _Reader(file)), file.size, key)

    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Read the whole content, then add it if the key is free. The extension is its type."""
        check_key(key)
        file = _MemoryFile.read(content, sha256)
        if size is not None and file.size != size:
            raise SourceTruncated(
                f"The content of {key!r} has {file.size} bytes instead of the promised {size}."
            )
        with self._lock:
            return self._files.setdefault(key, file) is file

    def delete(self, name: str) -> None:
        """Delete one file; a missing file is no error."""
        key = check_key(require_name(name))
        with self._lock:
            self._files.pop(key, None)

    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with a prefix, which ends in a slash, and return how many."""
        check_prefix(prefix)
        with self._lock:
            keys = [key for key in self._files if key.startswith(prefix)]
            for key in keys:
                del self._files[key]
        return len(keys)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield all keys that begin with a prefix, as they are when the iteration begins."""
        with self._lock:
            found = [item for item in self._files.items() if item[0].startswith(prefix)]
        for key, file in found:
            yield Entry(key, file.size, file.modified)

    # Django's interface

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return the names of the folders and files in a folder; ``""`` is the root."""
        name = str(path).strip("/")
        prefix = "" if name in ("", ".") else f"{check_key(name)}/"
        names = [entry.key.removeprefix(prefix) for entry in self.entries(prefix)]
        if prefix and not names:
            raise missing(name)
        folders = dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)
        return list(folders), [name for name in names if "/" not in name]

    def get_accessed_time(self, name: str) -> datetime:
        """Return when the file was last read; aware if ``USE_TZ``. Raises `MissingFile`."""
        return _as_configured(self._find(tidy_name(name)).accessed)

    def get_created_time(self, name: str) -> datetime:
        """Return when the file was stored; aware if ``USE_TZ``. Raises `MissingFile`."""
        return _as_configured(self._find(tidy_name(name)).modified)

    def _open(self, name: Name, mode: str = "rb") -> File[Any]:
        key = check_key(tidy_name(name))
        if mode not in READ_MODES:
            return self._open_for_writing(key, mode)
        return StoredFile(
            in_mode(self.fetch(key), mode), key, lambda: in_mode(self.fetch(key), mode), mode
        )

    def _open_for_writing(self, name: str, mode: str) -> File[Any]:
        if has_key_shape(name):
            return super()._open_for_writing(name, mode)
        stored = self._files.get(check_key(name))
        if stored is None and "r" in mode:
            raise missing(name)
        content = stored.read_at(0, stored.size) if stored and not set("wx") & set(mode) else b""
        if stored is not None and "x" in mode:
            raise FileExistsError(f"Something is stored under {name!r}.")
        return _WrittenFile(content, name, mode, self._replace)

    def _replace(self, name: str, content: bytes) -> None:
        """Store bytes under a name that is not a key, in place of what was there."""
        file = _MemoryFile.read(io.BytesIO(content), "")
        with self._lock:
            self._files[name] = file

    def _find(self, name: str) -> _MemoryFile:
        file = self._files.get(check_key(name))
        if file is None:
            raise missing(name)
        return file


@dataclass(eq=False)
class _MemoryFile:
    """One stored file. Its bytes are there as long as a storage or a reader refers to it."""

    content: IO[bytes]
    size: int
    sha256: str
    modified: datetime
    accessed: datetime

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        weakref.finalize(self, self.content.close)

    @classmethod
    def read(cls, content: Readable, sha256: str) -> _MemoryFile:
        spool = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)
        try:
            while chunk := content.read(CHUNK):
                spool.write(chunk)
        except BaseException:
            spool.close()
            raise
        now = datetime.now(UTC)
        return cls(cast("IO[bytes]", spool), spool.tell(), sha256, now, now)

    def read_at(self, position: int, length: int) -> bytes:
        with self._lock:
            self.content.seek(position)
            return self.content.read(length)


class _WrittenFile(File):  # type: ignore[type-arg]  # no generic at run time
    """A file that is open for writing; what was written is stored by ``flush`` and ``close``."""

    def __init__(
        self, content: bytes, name: str, mode: str, store: Callable[[str, bytes], None]
    ) -> None:
        self._buffer = io.BytesIO(content)
        self._buffer.seek(0, io.SEEK_END if "a" in mode else io.SEEK_SET)
        self._store = store
        is_text = "b" not in mode
        wrapped = io.TextIOWrapper(self._buffer, "utf-8") if is_text else self._buffer
        super().__init__(wrapped, name)
        self.mode = mode
        self.flush()

    def flush(self) -> None:
        """Store what was written so far."""
        if self.file is not None:
            self.file.flush()
        self._store(str(self.name), self._buffer.getvalue())

    def close(self) -> None:
        """Store what was written, and close the file."""
        if not self.closed:
            self.flush()
        super().close()


class _Reader(SeekableReader):
    """Reads a stored file, also after the storage has deleted it."""

    def __init__(self, file: _MemoryFile) -> None:
        super().__init__(file.size)
        self._file = file

    def _read_at(self, position: int, length: int) -> bytes:
        return self._file.read_at(position, length)


def _as_configured(moment: datetime) -> datetime:
    return moment if django_settings.USE_TZ else make_naive(moment)
