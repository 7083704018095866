"""The choices of a transfer between storages, and what was done with each file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CopyState(StrEnum):
    """The state of a file after a run."""

    COPIED = "copied"
    PRESENT = "present"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileCopy:
    """The outcome of one file.

    Attributes:
        key: its key.
        state: what was done.
        size: in bytes.
        code: of the error; ``""`` without one.
        detail: the error in words.
    """

    key: str
    state: CopyState
    size: int
    code: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryCopy:
    """The outcomes of all files of one original.

    Attributes:
        files: one for each file that was looked at.
        is_removed: True if the directory was deleted from the source.
        kept: why it was not, although that was asked for; ``""`` otherwise.
    """

    files: tuple[FileCopy, ...]
    is_removed: bool = False
    kept: str = ""


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """The choices of a transfer.

    Attributes:
        workers: originals that are copied at once.
        resizes: copy stored resizes too, which are made again otherwise.
        verify: read both sides of files that are there already.
        delete_source: delete what was copied from the source, after both sides were read.
        dry_run: only say what would be copied.
    """

    workers: int = 8
    resizes: bool = False
    verify: bool = False
    delete_source: bool = False
    dry_run: bool = False
