"""Copies of large videos of which only the parts that a probe reads are there.

A file in a bucket is read by ranges, and its copy has holes. The copy has the beginning of the
file, with its first frame, and the headers, wherever they are. Of a file of many pieces it has the
first and the last ones, and one piece between them that demuxers skip.
"""

from __future__ import annotations

from typing import BinaryIO

from shift_media.transcoding.probing.boxes import copy_boxes
from shift_media.transcoding.probing.elements import copy_elements
from shift_media.transcoding.probing.sparse_copy import ProbedBytes, SparseCopy

LIMITS = ProbedBytes()


def copy_sparsely(file: BinaryIO, target: BinaryIO, size: int) -> bool:
    """Copy the beginning and the headers of a video; return False if it has to be read whole.

    ``target`` must be empty, readable, and on a disk.
    """
    copy = SparseCopy(file, target, size, LIMITS)
    if copy_boxes(copy) or copy_elements(copy):
        target.truncate(size)
        return True
    target.seek(0)
    target.truncate()
    return False
