"""One row of the format table."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal

Kind = Literal["image", "video", "audio", "document"]

SAFE_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes:
        name: as it is written in messages.
        extension: lower case, without the dot. Keys end in it, so it never changes.
        content_type: what the bytes are, and what `accept` lists match; see `served_type`.
        kind: what it is for a browser.
        magic: the bytes that it begins with, if these alone decide. The functions of
            `core.detection` tell all other formats.
        original: whether an upload may be stored as it.
        in_wildcard: whether ``image/*`` in an `accept` list admits it: False for images that
            browsers do not display, which only their type or ``image/any`` admits.
        resize: whether a resize can be made in it.
        resized_as: the extension of a resize for which no format is given; None: an original of
            this format has no resizes.
        transparent_as: the same for an original that is known to be transparent; None: the same.
        quality: the default quality of a resize, 1 to 99; None: it is lossless.
        pillow: Pillow's name of a format that resizes are made in.
        alpha: whether it can be transparent.
        animation: whether a resize of an animation in it can be one too.
        pixel_share: the share of ``SHIFT_MEDIA["MAX_PIXELS"]`` that an original may have; less
            than 1 if its decoder needs more memory for a pixel.
        scalable: whether its pictures are drawn in a sandbox, at any size: it has no pixels.
        named_only: whether only its own type in an `accept` list admits it, and not ``*/*``.
        active: whether a browser would execute it.
        base: the extension of the format that has the same bytes; the name of a file chooses
            between the two, see `documents.choose_by_name`.
        member: a file that an archive of this format holds, or the ``mimetype`` that it begins
            with.
        extra: the extra of this package without which it is not decoded; None: it needs none.
    """

    name: str
    extension: str
    content_type: str
    kind: Kind
    _: KW_ONLY
    magic: tuple[bytes, ...] = ()
    original: bool = True
    in_wildcard: bool = True
    resize: bool = False
    resized_as: str | None = None
    transparent_as: str | None = None
    quality: int | None = None
    pillow: str = ""
    alpha: bool = False
    animation: bool = False
    pixel_share: float = 1
    scalable: bool = False
    named_only: bool = False
    active: bool = False
    base: str | None = None
    member: str = ""
    extra: str | None = None

    @property
    def served_type(self) -> str:
        """The content type that it is stored and served as: never one that a browser executes."""
        return SAFE_TYPE if self.active else self.content_type

    @property
    def transcoded(self) -> bool:
        """True if an original can have renditions: of videos, sounds, and moving GIFs."""
        return self.kind in ("video", "audio") or self.extension == "gif"

    @property
    def inline(self) -> bool:
        """True if a browser may show it in place; other formats are attachments.

        The policy in `http.HEADERS` keeps what a drawing contains from running and loading.
        """
        return self.kind != "document" or (self.scalable and not self.active)
