"""The settings of uploads in parts."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from shift_media.conf.reader import SettingsReader, wrong_value

_LEAST_PART: Final = 5 << 20
_MOST_PART: Final = 5 << 30


class UploadPartSettings(SettingsReader):
    """The part of `Settings` that uploads in parts read."""

    @cached_property
    def UPLOAD_PARTS_ABOVE(self) -> int:
        """Bytes above which the script of a form uploads a file in parts. Default: 100,000,000.

        Such an upload goes on where it was after a loss of the network, and after a reload of the
        page once the user has chosen the file again.
        """
        return self._positive("UPLOAD_PARTS_ABOVE", 100_000_000)

    @cached_property
    def UPLOAD_PART_BYTES(self) -> int:
        """Bytes of a part of an upload, 5 MiB to 5 GiB. Default: 16 MiB.

        A file above 160 GB has larger parts, because there are at most 10,000.
        """
        size = self._positive("UPLOAD_PART_BYTES", 16 << 20)
        if not _LEAST_PART <= size <= _MOST_PART:
            expected = f"a whole number from {_LEAST_PART} to {_MOST_PART}, such as {16 << 20}"
            raise wrong_value("UPLOAD_PART_BYTES", size, expected)
        return size

    @cached_property
    def UPLOAD_TASK_ABOVE(self) -> int:
        """Bytes above which a task stores direct uploads, with ``TASKS``. Default: 50,000,000.

        Pictures are never left to it, nor files of a field with ``rules``, ``validators``,
        ``strip`` or ``convert``, or without a metadata field. Until it has stored a file,
        ``row.file.is_pending`` is true.
        """
        return self._positive("UPLOAD_TASK_ABOVE", 50_000_000)
