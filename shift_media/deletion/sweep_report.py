"""The report of a sweep, and the refusal of one that would remove too much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from shift_media.core.errors import MediaError
from shift_media.storages import Entry

MOST_ORPHANS = 10
"""Orphans that a sweep removes in any case, if other originals of the storage have rows. Also
folders of renditions."""

MOST_SHARE = 0.05
"""Share of the originals, or folders, that a sweep removes without being forced to."""


@dataclass(slots=True)
class ObjectCount:
    """The number and the bytes of objects of one kind."""

    objects: int = 0
    bytes: int = 0

    def add(self, entries: Iterable[Entry]) -> None:
        """Count some entries more."""
        for entry in entries:
            self.objects += 1
            self.bytes += entry.size


@dataclass(slots=True)
class SweepReport:
    """The objects of a sweep, counted by what was done with them.

    Attributes:
        listed: all objects of the storage.
        foreign: those whose key is not one of shift_media; left alone.
        young: those without a row that are too young to be removed.
        orphaned: originals without a row, with everything in their directories; removed.
        retired: resizes that none of the signing keys signed; removed.
        resigned: resizes that an older signing key signed; copied to their new names.
        mezzanines: mezzanines of a storage that uses none any more; removed.
        renditions: files of attempts that no rendition and no live job refers to; removed.
        originals: the number of originals, or of directories of one.
        referenced: the number of those that a row refers to.
        orphans: the number of those that no row refers to, and that are old enough to be removed.
        folders: the number of folders of renditions that are old enough to be removed.
        unused_folders: the number of those that no rendition and no live job refers to.
    """

    listed: ObjectCount = field(default_factory=ObjectCount)
    foreign: ObjectCount = field(default_factory=ObjectCount)
    young: ObjectCount = field(default_factory=ObjectCount)
    orphaned: ObjectCount = field(default_factory=ObjectCount)
    retired: ObjectCount = field(default_factory=ObjectCount)
    resigned: ObjectCount = field(default_factory=ObjectCount)
    mezzanines: ObjectCount = field(default_factory=ObjectCount)
    renditions: ObjectCount = field(default_factory=ObjectCount)
    originals: int = 0
    referenced: int = 0
    orphans: int = 0
    folders: int = 0
    unused_folders: int = 0

    def check(self) -> None:
        """Raise `SuspiciousSweep` if the sweep would remove more than orphans explain."""
        if self.orphans and not (self.referenced and _is_few(self.orphans, self.originals)):
            share = self.orphans / self.originals
            raise SuspiciousSweep(
                f"{self.orphans} of {self.originals} originals ({share:.0%}) have no row that "
                "this site can see, so nothing was removed. Another site, such as staging beside "
                "production, may use the same storage, or their rows are in a database or a "
                'tenant that this site does not know (see SHIFT_MEDIA["TENANTS"]). If they are '
                "orphans, run the command again with --force."
            )
        if not _is_few(self.unused_folders, self.folders):
            share = self.unused_folders / self.folders
            raise SuspiciousSweep(
                f"{self.unused_folders} of {self.folders} folders of renditions ({share:.0%}) "
                "belong to no job that this site can see, so nothing was removed. Another site "
                "may use the same storage, or the rows of jobs and renditions were deleted. If "
                "the files are not needed, run the command again with --force."
            )


def _is_few(removed: int, all_of_them: int) -> bool:
    return removed <= MOST_ORPHANS or removed / all_of_them <= MOST_SHARE


class SuspiciousSweep(MediaError):
    """A sweep that would remove so much that a mistake is likelier than orphans."""

    code = "suspicious_sweep"
