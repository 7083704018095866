"""The rules of a collection: how many files, how many bytes, and which of them stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from shift_media.validators import size_text, too_many_files

MESSAGES: Final[dict[str, Any]] = {
    "too_few_files": ngettext_lazy(
        "At least %(limit)d file is needed; there would be %(count)d.",
        "At least %(limit)d files are needed; there would be %(count)d.",
        "limit",
    ),
    "too_many_bytes": _("All files together are %(size)s; at most %(limit)s are allowed."),
    "alt_missing": _("Describe the picture, for those who cannot see it."),
    "other_items": _(
        "The list of files has changed meanwhile. Reload the page and order it again."
    ),
}
"""The sentences that people read, by the ``code`` of the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The rules of the files that belong to one object.

    Attributes:
        owner: the name of the foreign key to the object.
        single: whether there is one file at most, which a new one replaces.
        keep_latest: how many files stay when new ones are added; the first ones go.
        min: the fewest files after a change by a form. A new object may have none until its form
            is saved.
        max: the most files. One more is refused.
        max_bytes: the most bytes of all files together.
        require_alt: whether each file needs a description.
    """

    owner: str
    single: bool = False
    keep_latest: int | None = None
    min: int = 0
    max: int | None = None
    max_bytes: int | None = None
    require_alt: bool = False

    @property
    def kept(self) -> int | None:
        """The most files that stay when new ones are added; None for all."""
        return 1 if self.single else self.keep_latest

    def check_count(self, count: int) -> None:
        """Raise ``ValidationError`` if there would be too many or too few files."""
        if self.max is not None and count > self.max:
            raise too_many_files(count, self.max)
        if count < self.min:
            raise collection_error("too_few_files", count=count, limit=self.min)

    def check_bytes(self, size: int) -> None:
        """Raise ``ValidationError`` if the files would be too large together."""
        if self.max_bytes is not None and size > self.max_bytes:
            raise collection_error(
                "too_many_bytes", size=size_text(size), limit=size_text(self.max_bytes)
            )

    def check_alt(self, alt: str) -> None:
        """Raise ``ValidationError`` if a description is needed and is blank."""
        if self.require_alt and not alt.strip():
            raise collection_error("alt_missing")

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the rules, for the system check."""
        for name in ("keep_latest", "max", "max_bytes"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                yield f"{name} must be None or a whole number from 1, got {value!r}."
                return
        if type(self.min) is not int or self.min < 0:
            yield f"min must be a whole number from 0, got {self.min!r}."
            return
        if self.single and self.keep_latest not in (None, 1):
            yield f"single keeps one file and keep_latest {self.keep_latest}: write one of them."
        most = min(limit for limit in (self.kept, self.max, self.min) if limit is not None)
        if most < self.min:
            yield f"min is {self.min}, more than the {most} files that are allowed."


def collection_error(code: str, **params: Any) -> ValidationError:
    """Return the error of a code of `MESSAGES`."""
    return ValidationError(MESSAGES[code], code=code, params=params)
