"""The one family of errors.

Each class has a stable ``code``, a ``public`` sentence that is safe to show to any user (no key,
path or secret in it) and, as ``str(error)``, a detail for developers and logs: what happened,
what was expected, how to fix it.
"""

from __future__ import annotations

import traceback
from typing import ClassVar


class MediaError(Exception):
    """The root of all errors that shift_media raises."""

    code: str = "media_error"
    public: ClassVar[str] = "The media file could not be processed."

    def __init__(self, detail: str = "", *, code: str | None = None) -> None:
        Exception.__init__(self, detail)
        self.detail = detail or self.public
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.detail


# The request


class InvalidKey(MediaError, ValueError):
    """A string that is not exactly one canonical key."""

    code = "invalid_key"
    public = "There is no such media file."


class InvalidSpec(MediaError, ValueError):
    """A resize with a size, mode, quality, option or format that does not exist."""

    code = "invalid_spec"
    public = "This resize cannot be made."


class LimitExceeded(InvalidSpec):
    """A resize whose sides or area are over the configured limits."""

    code = "limit_exceeded"
    public = "This resize is too large."


class BadSignature(MediaError, ValueError):
    """A resize key whose signature was made by none of the signing keys."""

    code = "bad_signature"
    public = "There is no such media file."


class InvalidSigningKey(MediaError, ValueError):
    """No signing key, or an empty one."""

    code = "invalid_signing_key"
    public = "The site is not configured to sign media URLs."


# The original


class SourceError(MediaError):
    """An original of which no resize can be made: trying again does not help."""

    code = "source_error"
    public = "The original file cannot be resized."


class UnsupportedType(SourceError):
    """Bytes of a type that is not in the format table, or not an image."""

    code = "unsupported_type"
    public = "This type of file is not supported."


class Undecodable(SourceError):
    """Bytes that begin like a known type but break its rules."""

    code = "undecodable"
    public = "The file is damaged or incomplete."


class TooManyPixels(SourceError):
    """An image with more pixels, over all its frames, than the limit.

    Attributes:
        limit: pixels that such an image may have, if they are known.
    """

    code = "too_many_pixels"
    public = "The image has too many pixels."
    limit: int | None = None


class TooManyFrames(SourceError):
    """An animation with more frames than the limit."""

    code = "too_many_frames"
    public = "The animation has too many frames."


class NotStrippable(SourceError):
    """An image whose metadata cannot be removed for certain without changing its pixels."""

    code = "not_strippable"
    public = "The metadata of the file cannot be removed."


class Encrypted(SourceError):
    """A document that only opens with a password."""

    code = "encrypted"
    public = "The document is protected by a password."


class TooComplex(SourceError):
    """A drawing of more elements or bytes than the limit."""

    code = "too_complex"
    public = "The drawing is too complex."


class NoSuchPage(SourceError):
    """A page that a document does not have: a failure of the spec, not of the original."""

    code = "no_such_page"
    public = "The document has no such page."


class EmptyCrop(SourceError):
    """A crop box that lies outside the image: a failure of the spec, not of the original."""

    code = "empty_crop"
    public = "The crop lies outside the image."


# The storage


class StorageError(MediaError):
    """The storage failed in a way that may pass: the caller can try again later."""

    code = "storage_error"
    public = "The media storage is not available at the moment."


class StorageBusy(StorageError):
    """The storage throttles."""

    code = "storage_busy"


class SourceTruncated(StorageError):
    """Fewer bytes arrived than the storage had announced."""

    code = "source_truncated"


class NotStored(MediaError):
    """There is no file under this key."""

    code = "not_stored"
    public = "There is no such media file."


class AlreadyStored(MediaError):
    """There is a file under this key already, and keys are never written twice."""

    code = "already_stored"
    public = "The media file exists already."


class Busy(MediaError):
    """Too many resizes are being made at once."""

    code = "busy"
    public = "Too many images are being made at the moment. Try again in a few seconds."


class OutOfResources(MediaError):
    """The machine has too little memory, disk space or open files: a later call may succeed.

    Attributes:
        retry_seconds: after which it is tried again; 0 if it is tried at once.
    """

    code = "out_of_resources"
    public = "The server is overloaded at the moment. Try again in a few seconds."
    retry_seconds: float = 0.0


# The installation


class MissingExtra(MediaError, ImportError):
    """A package that an optional part needs is not installed."""

    code = "missing_extra"
    public = "A part that this needs is not installed on the site."

    def __init__(self, package: str, extra: str, instead: str = "") -> None:
        """Name the package, the extra that installs it, and what to do ``instead``."""
        other = f"; or {instead}" if instead else ""
        MediaError.__init__(
            self,
            f"{package} is not installed. Install it with: "
            f'python -m pip install "django-shift-media[{extra}]"{other}',
        )


# Videos


class InvalidProfile(MediaError, ValueError):
    """A transcoding profile with a wrong name, rendition or option."""

    code = "invalid_profile"
    public = "The site's settings for videos are wrong."


class TranscodeError(MediaError):
    """A job that failed; ``retryable`` if another attempt of the same job may succeed."""

    code = "transcode_error"
    public = "The video could not be processed."

    def __init__(self, detail: str = "", *, code: str | None = None, retryable: bool = False):
        super().__init__(detail, code=code)
        self.retryable = retryable


def drop_locals(error: BaseException) -> None:
    """Drop the local variables of the finished calls in an error's traceback, and in its causes'.

    Debug pages and error mails show them: boto's hold session tokens and signed requests.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        traceback.clear_frames(current.__traceback__)
        current = current.__cause__ or current.__context__


def _family(root: type[MediaError]) -> list[type[MediaError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _family(child))]


BY_CODE: dict[str, type[MediaError]] = {kind.code: kind for kind in _family(MediaError)}
"""All errors of this module by their codes."""
