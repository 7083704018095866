"""The output of ``media_bucket``: a document, or its difference from the bucket's."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from django.core.management.base import CommandError

from shift_media.aws.changes import normalize
from shift_media.aws.documents import MULTIPLE, XML, Document
from shift_media.aws.xml import to_xml


def find_part(document: Document, what: str, part: str) -> Document:
    """Return one of several documents; raises `CommandError` if there is none of this name."""
    if what not in MULTIPLE or part not in document:
        known = ", ".join(document) if what in MULTIPLE else "none, because it is one document"
        raise CommandError(f"{what} has no part {part!r}. Its parts: {known}.")
    found: Document = document[part]
    return found


def as_xml(document: Document, what: str, part: str, bucket: str) -> str:
    """Return a document as XML; raises `CommandError` for one that AWS takes only as JSON."""
    name = part or what
    if name not in XML:
        choices = ", ".join(XML)
        raise CommandError(
            f"AWS takes {name} only as JSON. Documents in XML: {choices}. Choose one of several "
            "parts with --part."
        )
    service, operation, member = XML[name]
    parameters = {"Bucket": bucket, member: document} if member else document
    return to_xml(service, operation, parameters)


def diff(before: Document | None, after: Document, *, whole: bool) -> Iterator[str]:
    """Yield a unified diff of the whole documents, or with three lines of context; no headings."""
    old, new = (_lines(document) for document in (before, after))
    for line in difflib.unified_diff(old, new, lineterm="", n=len(old) if whole else 3):
        if not line.startswith(("---", "+++", "@@")):
            yield line


def _lines(document: Document | None) -> list[str]:
    return [] if document is None else json.dumps(normalize(document), indent=2).splitlines()
