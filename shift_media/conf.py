"""The one reader of ``settings.SHIFT_MEDIA``.

Each key is a typed, lazily read attribute of `settings`, whose docstring documents it. All are
read again after ``override_settings``. A wrong value raises `ConfigurationError`, which says what
to write; the system checks report every wrong value at start-up.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from shift_media.core.errors import InvalidProfile, InvalidSigningKey, InvalidSpec, MediaError
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.signing import RESIZE, Signer
from shift_media.core.spec import DEFAULT_QUALITY, LOSSLESS, Limits, Spec
from shift_media.imaging.engine import ENGINES, Decoder
from shift_media.imaging.probe import SourceLimits
from shift_media.video.elastic.profiles import read_profile
from shift_media.video.profiles import BUILT_IN, Profile

T = TypeVar("T")

PRESET_OPTIONS = frozenset(
    {"size", "mode", "quality", "upscale", "format", "focal", "crop", "background"}
)
_PRESET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TOPIC = re.compile(r"arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}")


class ConfigurationError(MediaError, ImproperlyConfigured):
    """A wrong value in ``SHIFT_MEDIA``; ``key`` names it."""

    code = "configuration"
    public = "The site's media settings are wrong."

    def __init__(self, detail: str, *, key: str = "") -> None:
        MediaError.__init__(self, detail)
        self.key = key


class Settings:
    """``SHIFT_MEDIA``, key by key."""

    @cached_property
    def SIGNING_KEYS(self) -> tuple[str, ...]:
        """Keys that sign resize URLs, newest first: the first signs, all verify.

        Default: ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``. A new first key gives every resize a
        new URL, so a site with many resizes should set its own.
        """
        keys = self._raw.get("SIGNING_KEYS")
        if keys is None:
            keys = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
        if not isinstance(keys, list | tuple):
            kind = f"a {type(keys).__name__}"  # the value itself is a secret
            raise ConfigurationError(
                f'SHIFT_MEDIA["SIGNING_KEYS"] is {kind}: write a list of long random strings.',
                key="SIGNING_KEYS",
            )
        try:
            Signer(keys)
        except (InvalidSigningKey, AttributeError, TypeError) as error:
            raise ConfigurationError(
                f'SHIFT_MEDIA["SIGNING_KEYS"]: {error}', key="SIGNING_KEYS"
            ) from error
        return tuple(keys)

    @cached_property
    def PRESETS(self) -> dict[str, dict[str, Any]]:
        """Named specs: ``{"avatar": {"size": "96x96", "mode": "fill"}}``. Default: none."""
        presets = self._typed("PRESETS", {}, dict, 'a dict such as {"avatar": {"size": "96x96"}}')
        for name, options in presets.items():
            _check_preset(name, options)
        return presets

    @cached_property
    def QUALITY(self) -> dict[str, int]:
        """Quality per format, 1 to 99. Default: ``{"jpg": 80, "webp": 79, "avif": 63}``."""
        lossy = [format for format in RESIZE_FORMATS if format not in LOSSLESS]
        wanted = f"a dict from {', '.join(lossy)} to a quality from 1 to 99"
        given = self._typed("QUALITY", {}, dict, wanted)
        for format, quality in given.items():
            if format not in lossy or type(quality) is not int or not 1 <= quality <= 99:
                raise _wrong("QUALITY", given, wanted)
        return {**DEFAULT_QUALITY, **given}

    @cached_property
    def MAX_PIXELS(self) -> int:
        """Most pixels of an original, over all its frames. Default: 50 million."""
        return self._positive("MAX_PIXELS", SourceLimits().pixels)

    @cached_property
    def MAX_FRAMES(self) -> int:
        """Most frames of an animated original."""
        return self._positive("MAX_FRAMES", SourceLimits().frames)

    @cached_property
    def MAX_OUTPUT(self) -> tuple[int, int]:
        """Largest side and area of a resize, in pixels. Default: ``(5000, 16_000_000)``."""
        default = (Limits().side, Limits().area)
        pair = self._raw.get("MAX_OUTPUT", default)
        if not (
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and all(type(value) is int and value > 0 for value in pair)
        ):
            raise _wrong("MAX_OUTPUT", pair, f"(side, area) in pixels, such as {default}")
        return pair[0], pair[1]

    @cached_property
    def CONCURRENCY(self) -> int:
        """Most resizes made at once in a process. Default: the number of cores."""
        return self._positive("CONCURRENCY", _cores())

    @cached_property
    def QUEUE(self) -> int:
        """Most resizes that wait in a process for their turn; more get 503. Default: 32."""
        return self._natural("QUEUE", 32)

    @cached_property
    def QUEUE_SECONDS(self) -> int:
        """Longest wait for a turn, in seconds, before 503. Default: 20."""
        return self._positive("QUEUE_SECONDS", 20)

    @cached_property
    def ENGINE(self) -> Decoder:
        """What decodes PNG and WebP: ``"pillow"``, ``"vips"`` or ``"auto"``. Default: ``"auto"``.

        ``"vips"`` needs the extra ``vips``; ``"auto"`` uses it, where it is installed, for large
        PNG, and for large WebP without alpha that are made much smaller: a half to four fifths of
        the time, and less memory. All other formats are always Pillow's.
        """
        engine: Decoder = self._raw.get("ENGINE", "auto")
        if engine not in ENGINES:
            raise _wrong("ENGINE", engine, "one of " + ", ".join(map(repr, ENGINES)))
        return engine

    @cached_property
    def CACHE(self) -> str | None:
        """Alias in ``CACHES`` of a cache that all hosts share, or None. Default: ``"default"``.

        Used while a resize is made (single flight across hosts, remembered failures), never for
        URLs. A cache that lives in one process is not used.
        """
        alias: str | None = self._raw.get("CACHE", "default")
        if alias is not None and alias not in django_settings.CACHES:
            aliases = ", ".join(map(repr, django_settings.CACHES))
            raise _wrong("CACHE", alias, f"None or an alias of CACHES: {aliases}")
        return alias

    @cached_property
    def LOCK_DIR(self) -> Path | None:
        """Folder for the locks that the processes of a host share.

        Default: ``shift_media-<uid>`` in the temporary folder. Must belong to this user alone.
        """
        folder = self._raw.get("LOCK_DIR")
        if folder is not None and not isinstance(folder, str | Path):
            raise _wrong("LOCK_DIR", folder, "a path, such as /run/mysite/media-locks")
        return None if folder is None else Path(folder)

    @cached_property
    def PROFILES(self) -> dict[str, Profile]:
        """Named sets of renditions of a video; beside the built-in ``"web"``, or instead of it.

        ``{"small": {"480p.mp4": {"kind": "mp4", "height": 480}}}``: each has a kind, one of
        ``mp4``, ``hls``, ``poster``, ``sprite`` and ``audio``, and its options. One with
        ``"outputs"`` is a job of Elastic Transcoder.
        """
        given = self._typed("PROFILES", {}, dict, "a dict of profiles")
        try:
            parsed = [read_profile(*item) for item in {**BUILT_IN, **given}.items()]
        except InvalidProfile as error:
            raise ConfigurationError(
                f'SHIFT_MEDIA["PROFILES"]: {error}', key="PROFILES"
            ) from error
        return {profile.name: profile for profile in parsed}

    @cached_property
    def TRANSCODER(self) -> dict[str, Any]:
        """What makes renditions: ``{"BACKEND": "path.of.the.Class", "OPTIONS": {…}}``.

        Default: ffmpeg on this machine.
        """
        default = {"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}
        given = self._typed("TRANSCODER", default, dict, f"a dict such as {default}")
        options = given.get("OPTIONS", {})
        path = given.get("BACKEND", default["BACKEND"])
        known = set(given) <= {"BACKEND", "OPTIONS"} and isinstance(path, str)
        if not known or not isinstance(options, dict):
            raise _wrong("TRANSCODER", given, f'a dict such as {default}, with "OPTIONS" or not')
        return {"BACKEND": path, "OPTIONS": options}

    @cached_property
    def TASKS(self) -> str | None:
        """Alias in Django's ``TASKS`` that jobs are handed to, or None. Default: None.

        Without it ``manage.py media_transcode`` does what is pending. Beware of the immediate
        backend: it would transcode within the request.
        """
        alias: str | None = self._raw.get("TASKS")
        if alias is not None and not isinstance(alias, str):
            raise _wrong("TASKS", alias, "None or an alias of Django's TASKS")
        return alias

    @cached_property
    def TRANSCODE_ATTEMPTS(self) -> int:
        """How often a job is tried before its error is final. Default: 3."""
        return self._positive("TRANSCODE_ATTEMPTS", 3)

    @cached_property
    def TRANSCODE_LEASE(self) -> int:
        """Seconds after which a job whose worker is silent is given to another. Default: 60."""
        return self._positive("TRANSCODE_LEASE", 60)

    @cached_property
    def TRANSCODE_POLL(self) -> tuple[float, float]:
        """Shortest and longest pause, in seconds, between two looks at a service's job.

        Default: ``(5, 60)``. The pause grows while a look finds nothing new or the service
        throttles. Where its messages arrive by the webhook, ``(60, 600)`` is enough.
        """
        pair = self._raw.get("TRANSCODE_POLL", (5, 60))
        right = isinstance(pair, list | tuple) and len(pair) == 2
        right = right and all(type(value) in (int, float) for value in pair)
        if not right or not 0 < pair[0] <= pair[1]:
            raise _wrong("TRANSCODE_POLL", pair, "two numbers of seconds, such as (5, 60)")
        return pair[0], pair[1]

    @cached_property
    def SNS_TOPICS(self) -> tuple[str, ...]:
        """ARNs of the SNS topics whose messages the webhook believes. Default: none.

        Needs the extra ``sns``.
        """
        topics = self._raw.get("SNS_TOPICS", ())
        right = isinstance(topics, list | tuple) and all(
            isinstance(topic, str) and _TOPIC.fullmatch(topic) for topic in topics
        )
        if not right:
            raise _wrong(
                "SNS_TOPICS",
                topics,
                'a list of ARNs, such as ["arn:aws:sns:eu-west-1:123456789012:videos"]',
            )
        return tuple(topics)

    @cached_property
    def UPLOADS(self) -> dict[str, str]:
        """Fields that take direct uploads, and for each the function that says who may.

        ``{"gallery.Photo.image": "shift_media.direct.may_add"}``: the dotted path of a function of
        the request and the field, here that of whoever may add rows. Default: none.
        """
        wanted = 'a dict such as {"gallery.Photo.image": "shift_media.direct.may_add"}'
        given = self._typed("UPLOADS", {}, dict, wanted)
        for label, rule in given.items():
            dotted = isinstance(rule, str) and "." in rule
            if not isinstance(label, str) or label.count(".") != 2 or not dotted:
                raise _wrong("UPLOADS", given, wanted)
        return given

    @cached_property
    def limits(self) -> Limits:
        """The largest resize, as the core takes it."""
        side, area = self.MAX_OUTPUT
        return Limits(side=side, area=area)

    @cached_property
    def source_limits(self) -> SourceLimits:
        """The largest original, as the core takes it."""
        return SourceLimits(pixels=self.MAX_PIXELS, frames=self.MAX_FRAMES)

    @cached_property
    def resize_signer(self) -> Signer:
        """The signer of resize keys."""
        return Signer(self.SIGNING_KEYS, RESIZE)

    def signer(self, purpose: str) -> Signer:
        """Make a signer for another purpose."""
        return self.resize_signer if purpose == RESIZE else Signer(self.SIGNING_KEYS, purpose)

    def errors(self) -> Iterator[ConfigurationError]:
        """Read every key and give each error once; for the system checks."""
        try:
            self._raw  # noqa: B018 (reading it checks the names)
        except ConfigurationError as error:
            yield error
            return
        for name in KEYS:
            try:
                getattr(self, name)
            except ConfigurationError as error:
                yield error

    @cached_property
    def _raw(self) -> Mapping[str, Any]:
        raw = getattr(django_settings, "SHIFT_MEDIA", {})
        if not isinstance(raw, dict):
            raise ConfigurationError(f"SHIFT_MEDIA is {raw!r}: write a dict.", key="SHIFT_MEDIA")
        for name in raw:
            if name not in KEYS:
                near = difflib.get_close_matches(str(name).upper(), KEYS, n=1, cutoff=0)[0]
                raise ConfigurationError(
                    f'SHIFT_MEDIA["{name}"] is not a setting: did you mean "{near}"?',
                    key=str(name),
                )
        return raw

    def _typed(self, name: str, default: T, kind: type[T], wanted: str) -> T:
        value = self._raw.get(name, default)
        if not isinstance(value, kind):
            raise _wrong(name, value, wanted)
        return value

    def _positive(self, name: str, default: int) -> int:
        return self._whole(name, default, 1)

    def _natural(self, name: str, default: int) -> int:
        return self._whole(name, default, 0)

    def _whole(self, name: str, default: int, least: int) -> int:
        value = self._raw.get(name, default)
        if type(value) is not int or value < least:
            raise _wrong(name, value, f"a whole number from {least}, such as {default}")
        return value


KEYS: tuple[str, ...] = tuple(name for name in vars(Settings) if name.isupper())
"""Every key of ``SHIFT_MEDIA``."""

settings = Settings()


def _wrong(name: str, seen: object, wanted: str) -> ConfigurationError:
    return ConfigurationError(f'SHIFT_MEDIA["{name}"] is {seen!r}: write {wanted}.', key=name)


def _check_preset(name: object, options: object) -> None:
    where = f'SHIFT_MEDIA["PRESETS"][{name!r}]'
    if not isinstance(name, str) or not _PRESET_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{where}: name a preset with letters, digits, - and _, a letter first.", key="PRESETS"
        )
    if not isinstance(options, dict) or "size" not in options:
        raise ConfigurationError(
            f'{where} is {options!r}: write a dict with a "size", such as {{"size": "96x96"}}.',
            key="PRESETS",
        )
    for option in options:
        if option not in PRESET_OPTIONS:
            near = difflib.get_close_matches(str(option), PRESET_OPTIONS, n=1, cutoff=0)[0]
            raise ConfigurationError(
                f'{where} has no option {option!r}: did you mean "{near}"?', key="PRESETS"
            )
    try:
        Spec.make(**{"format": "webp", **options})
    except InvalidSpec as error:
        raise ConfigurationError(f"{where}: {error}", key="PRESETS") from error


def _cores() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _reset(*, setting: str, **kwargs: object) -> None:
    if setting in ("SHIFT_MEDIA", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "CACHES"):
        vars(settings).clear()


setting_changed.connect(_reset, dispatch_uid="shift_media.conf")
