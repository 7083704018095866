"""The one family of errors.

Each class has a stable ``code``, a ``public`` sentence that is safe to show to anybody (no key,
path or secret in it) and, as ``str(error)``, a detail for developers and logs: what was seen,
what was expected, how to fix it.
"""

from __future__ import annotations

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


# What the caller asked for


class InvalidKey(MediaError, ValueError):
    """A string that is not exactly one canonical key."""

    code = "invalid_key"
    public = "There is no such media file."


class InvalidSpec(MediaError, ValueError):
    """A resize that cannot be asked for: its size, mode, quality, options or format."""

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


# What the original turned out to be


class SourceError(MediaError):
    """An original that no resize can be made of, however often one tries."""

    code = "source_error"
    public = "The original file cannot be resized."


class UnsupportedType(SourceError):
    """Bytes of a type that is not in the format table, or is no image."""

    code = "unsupported_type"
    public = "This type of file is not supported."


class Undecodable(SourceError):
    """Bytes that begin like a known type and then break its rules."""

    code = "undecodable"
    public = "The file is damaged or incomplete."


class TooManyPixels(SourceError):
    """An image with more pixels, over all its frames, than the limit."""

    code = "too_many_pixels"
    public = "The image has too many pixels."


class TooManyFrames(SourceError):
    """An animation with more frames than the limit."""

    code = "too_many_frames"
    public = "The animation has too many frames."


class NotStrippable(SourceError):
    """An image whose metadata nobody can take out for certain without touching its pixels."""

    code = "not_strippable"
    public = "The metadata of the file cannot be removed."


class EmptyCrop(SourceError):
    """A crop box that lies outside the image: a failure of the spec, not of the original."""

    code = "empty_crop"
    public = "The crop lies outside the image."


# What the storage said


class StorageError(MediaError):
    """The storage failed in a way that may pass: try again later."""

    code = "storage_error"
    public = "The media storage is not available at the moment."


class StorageBusy(StorageError):
    """The storage throttles."""

    code = "storage_busy"


class SourceTruncated(StorageError):
    """Fewer bytes arrived than the storage had promised."""

    code = "source_truncated"


class NotStored(MediaError):
    """There is nothing under this key."""

    code = "not_stored"
    public = "There is no such media file."


class AlreadyStored(MediaError):
    """There is something under this key already, and keys are never written twice."""

    code = "already_stored"
    public = "The media file exists already."


class Busy(MediaError):
    """Too many resizes are being made at once."""

    code = "busy"
    public = "Too many images are being made at the moment. Try again in a few seconds."


class MissingExtra(MediaError, ImportError):
    """A package that an optional part needs is not installed."""

    code = "missing_extra"
    public = "A part that this needs is not installed on the site."

    def __init__(self, package: str, extra: str, instead: str = "") -> None:
        """Name the package, the extra that brings it, and what would do ``instead``."""
        other = f"; or {instead}" if instead else ""
        MediaError.__init__(
            self,
            f"{package} is not installed. Install it with: "
            f'python -m pip install "django-shift-media[{extra}]"{other}',
        )


def _family(root: type[MediaError]) -> list[type[MediaError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in _family(child))]


BY_CODE: dict[str, type[MediaError]] = {kind.code: kind for kind in _family(MediaError)}
"""Every error of the core by its code."""


class InvalidProfile(MediaError, ValueError):
    """A profile that cannot be made: its name, a rendition or an option is wrong."""

    code = "invalid_profile"
    public = "The site's settings for videos are wrong."


class TranscodeError(MediaError):
    """A job that failed; ``retryable`` where the same job may succeed when it is tried again."""

    code = "transcode_error"
    public = "The video could not be processed."

    def __init__(self, detail: str = "", *, code: str | None = None, retryable: bool = False):
        super().__init__(detail, code=code)
        self.retryable = retryable
