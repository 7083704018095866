"""Folders of renditions: one for each attempt, below the directory of its original."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from shift_media.core.keys import NEW_POSTER
from shift_media.deletion.references import databases, tenants
from shift_media.transcoding.models import Rendition, TranscodeJob

_ORIGINALS_PER_QUERY = 500
"""SQLite allows 999 parameters in old versions."""


def used_folders(folders: Collection[str]) -> set[str]:
    """Return the folders that a rendition is in, or that a live job is filling.

    Every database and tenant that may have jobs is asked.
    """
    used: set[str] = set()
    originals = sorted({_original(folder) for folder in folders})
    for tenant in tenants():
        with tenant:
            for alias in databases(TranscodeJob):
                for start in range(0, len(originals), _ORIGINALS_PER_QUERY):
                    part = originals[start : start + _ORIGINALS_PER_QUERY]
                    used.update(_used_by_rows(part, alias))
    return used & set(folders)


def _original(folder: str) -> str:
    directory = folder.rsplit("/", 3)[0]
    return f"{directory}/{directory.rpartition('/')[2]}"


def _used_by_rows(originals: Sequence[str], alias: str) -> Iterator[str]:
    # Jobs first: one that completes meanwhile is found as live, or its renditions are.
    live = TranscodeJob.objects.using(alias).live().filter(original__in=originals)
    for original, profile, token in live.values_list("original", "profile", "token"):
        for folder in (profile, NEW_POSTER):
            yield f"{original.rpartition('/')[0]}/_{folder}/{token}/"
    made = Rendition.objects.using(alias).filter(original__in=originals)
    for original, key in made.values_list("original", "key"):
        directory = original.rpartition("/")[0]
        profile, token, *_ = [*key.removeprefix(f"{directory}/").split("/"), ""]
        yield f"{directory}/{profile}/{token}/"
