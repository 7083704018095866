"""Small PDFs, written by hand, so that each field of them can be wrong."""

from __future__ import annotations

BLUE_AND_RED = b"0 0 1 rg 0 0 300 842 re f 1 0 0 rg 300 0 300 842 re f"
"""A left half in blue and a right half in red."""


def pdf(
    pages: int = 1,
    box: tuple[float, ...] = (0, 0, 600, 842),
    *,
    catalog: bytes = b"",
    page: bytes = b"",
    trailer: bytes = b"",
    content: bytes = BLUE_AND_RED,
    more: tuple[bytes, ...] = (),
) -> bytes:
    """Return a PDF of equal pages, with further entries in its dictionaries.

    ``more`` are further objects, numbered from ``4 + pages``.
    """
    kids = b" ".join(b"%d 0 R" % (4 + number) for number in range(pages))
    sides = b" ".join(str(side).encode() for side in box)
    leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[%s]/Contents 3 0 R%s>>" % (sides, page)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        *[leaf] * pages,
        *more,
    ]
    written, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, text in enumerate(objects, 1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(written) + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R%s>>\n"
        b"startxref\n%d\n%%%%EOF"
        % (len(objects) + 1, table, len(objects) + 1, trailer, len(written))
    )


ENCRYPTED = pdf(
    trailer=b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<"
    + b"11" * 32
    + b">/U<"
    + b"22" * 32
    + b">>>"
)
"""A PDF whose password is not known."""
