"""The error for a file that is not accepted, in the words of its uploader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, cast

from django.core.exceptions import ValidationError
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext_lazy, pgettext
from django.utils.translation import gettext_lazy as _

from shift_media.core.errors import (
    Busy,
    Encrypted,
    MediaError,
    OutOfResources,
    SourceError,
    TooComplex,
    TooManyFrames,
    TooManyPixels,
    UnsupportedType,
)
from shift_media.core.formats import Format
from shift_media.imaging.probe import SourceLimits

_LARGEST_SHOWN: Final = 10**15

MESSAGES: Final[Mapping[str, str | Promise]] = {
    "empty": _("The file is empty. Choose another one."),
    "too_large": _("The file is %(size)s; at most %(limit)s are allowed."),
    "too_small": _("The file is %(size)s; at least %(limit)s are needed."),
    "unsupported_type": _("The content of this file is %(seen)s. Choose %(expected)s."),
    "unknown_type": _("The type of this file is not known. Choose %(expected)s."),
    "undecodable": _("The file is damaged or incomplete. Choose another one."),
    "encrypted": _("The document is protected by a password. Save it without one."),
    "too_complex": _("The drawing is too complex. Simplify it, or save it as a PNG."),
    "not_strippable": _(
        "The metadata of this file, such as the place where it was taken, cannot be removed. "
        "Save it in another format."
    ),
    "too_many_pixels": _(
        "The image has too many pixels: at most %(limit)s are allowed, over all its frames."
    ),
    "too_many_frames": _("The animation has too many frames: at most %(limit)s are allowed."),
    "picture_too_small": _("The picture is %(seen)s. Choose one of at least %(limit)s."),
    "picture_too_large": _("The picture is %(seen)s. Choose one of at most %(limit)s."),
    "wrong_ratio": _("The picture is %(seen)s. Choose one with the ratio %(ratio)s."),
    "too_short": _("The file lasts %(seen)s; at least %(limit)s are needed."),
    "too_long": _("The file lasts %(seen)s; at most %(limit)s are allowed."),
    "no_audio": _("The video has no sound. Choose one with sound."),
    "has_audio": _("The video has sound. Choose one without."),
    "too_few_pages": _("The document has %(seen)s pages; at least %(limit)s are needed."),
    "too_many_pages": _("The document has %(seen)s pages; at most %(limit)s are allowed."),
    "unknown_fact": _("The %(fact)s of this file cannot be read. Choose another file."),
    "upload_refused": _("This upload is not valid any more. Choose the file again."),
    "upload_unsupported": _(
        "The file was uploaded, but this page cannot receive it. Tell the site's administrators."
    ),
    "upload_missing": _("The uploaded file is missing, or was used already. Choose it again."),
    "upload_unread": _("The uploaded file cannot be read at the moment. Send the form again."),
    "invalid_data_uri": _("The file must be sent as a data URI: data:image/png;base64,…"),
    "remote_refused": _(
        "No file can be fetched from this address. Choose a public one with http:// or https://."
    ),
    "remote_failed": _("The file could not be fetched. Check the address, or try again later."),
    "upload_differs": _("The uploaded file is not the one that was chosen. Choose it again."),
}
"""The sentences that people read, by the ``code`` of the error."""


class InvalidMedia(MediaError, ValidationError):
    """An upload that is not accepted: both a `MediaError` and Django's ``ValidationError``.

    Args:
        code: a key of `MESSAGES`, which gives the sentence for people.
        detail: for the log; by default the same sentence.
        params: the values in the sentence.
    """

    code = "invalid_media"
    public = "The file was not accepted."

    def __init__(self, code: str, detail: str = "", **params: str) -> None:
        # Not by super(), because each of the two would overwrite attributes of the other.
        ValidationError.__init__(self, cast("str", MESSAGES[code]), code=code, params=params)
        MediaError.__init__(self, detail or self.sentence, code=code)

    @classmethod
    def of(cls, error: ValidationError) -> InvalidMedia:
        """Return the error of a project's rule as one of this class, with its code and sentence.

        Of several errors it is the first.
        """
        first = error.error_list[0]
        if isinstance(first, cls):
            return first
        wrapped = cls.__new__(cls)
        code = first.code or cls.code
        ValidationError.__init__(wrapped, first.message, code=code, params=first.params)
        MediaError.__init__(wrapped, wrapped.sentence, code=code)
        return wrapped

    @property
    def sentence(self) -> str:
        """The sentence for people, in the active language."""
        return str(self.messages[0])


def too_large(size: int, limit: int) -> InvalidMedia:
    """Return the error for a file of ``size`` bytes where at most ``limit`` are allowed.

    Clients and other servers announce sizes of any length, which would fill the sentence.
    """
    return _wrong_size("too_large", min(size, max(limit, _LARGEST_SHOWN)), limit)


def too_many_files(count: int, limit: int) -> ValidationError:
    """Return the error for ``count`` files where at most ``limit`` are allowed."""
    message = ngettext_lazy(
        "At most %(limit)d file is allowed; these are %(count)d.",
        "At most %(limit)d files are allowed; these are %(count)d.",
        "limit",
    )
    return ValidationError(message, code="too_many_files", params={"count": count, "limit": limit})


def too_small(size: int, limit: int) -> InvalidMedia:
    """Return the error for a file of ``size`` bytes where at least ``limit`` are needed."""
    return _wrong_size("too_small", size, limit)


def _wrong_size(code: str, size: int, limit: int) -> InvalidMedia:
    sizes = size_text(size), size_text(limit)
    if sizes[0] == sizes[1]:  # "The file is 25 MB; at most 25 MB are allowed."
        sizes = _exact(size), _exact(limit)
    return InvalidMedia(code, size=sizes[0], limit=sizes[1])


def refused_source(error: SourceError, format: Format, limits: SourceLimits) -> InvalidMedia:
    """Return the error for an image that could not be read, or exceeds a limit."""
    if isinstance(error, TooManyPixels):
        return InvalidMedia(
            "too_many_pixels",
            str(error),
            limit=_grouped(error.limit or limits.max_pixels(format)),
        )
    if isinstance(error, TooManyFrames):
        return InvalidMedia("too_many_frames", str(error), limit=_grouped(limits.frames))
    if isinstance(error, Encrypted | TooComplex):
        return InvalidMedia(error.code, str(error))
    if isinstance(error, UnsupportedType):
        seen = gettext("a kind of %s that cannot be resized") % format.name
        return InvalidMedia(
            "unsupported_type", str(error), seen=seen, expected=gettext("another file")
        )
    return InvalidMedia("undecodable", str(error))


def alternatives(names: Sequence[str]) -> str:
    """Return names in a row, the last two joined by "or" in the active language.

    The word has a context of its own, because Django translates "or" also into languages for which
    there is no catalogue here, into which it does not translate the sentence around it.
    """
    return get_text_list(list(names), pgettext("between the last two names", "or"))


@contextmanager
def refused_if_busy() -> Iterator[None]:
    """Raise `InvalidMedia` in place of an error that may pass, for a form that is sent again."""
    try:
        yield
    except (Busy, OutOfResources) as error:
        raise InvalidMedia("upload_unread", str(error)) from error


def size_text(size: int) -> str:
    """Return a size in decimal units, with at most one decimal: ``"25 MB"``, ``"1.5 GB"``."""
    for unit, factor in ((_("GB"), 10**9), (_("MB"), 10**6), (_("kB"), 10**3)):
        if size >= factor:
            value = size / factor
            places = 0 if value >= 10 or round(value, 1).is_integer() else 1
            return f"{number_format(value, places)} {unit}"
    return gettext("%s bytes") % size


def _exact(size: int) -> str:
    return gettext("%s bytes") % _grouped(size)


def _grouped(number: int) -> str:
    return number_format(number, force_grouping=True)
