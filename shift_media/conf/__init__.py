"""The settings of the app, ``settings.SHIFT_MEDIA``: no other module reads it.

Each key is a property of `settings`, whose docstring is its documentation. It is read on first
use, and again after ``override_settings``. A wrong value raises `ConfigurationError`, which says
what to write. The system checks report every wrong value at start-up.
"""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.signals import setting_changed

from shift_media.conf.access import AccessSettings
from shift_media.conf.markup import MarkupSettings
from shift_media.conf.operations import OperationSettings
from shift_media.conf.presets import check_preset, read_effects
from shift_media.conf.reader import ConfigurationError, wrong_value
from shift_media.conf.remote import RemoteSettings
from shift_media.conf.transcoding import TranscodingSettings
from shift_media.conf.upload_parts import UploadPartSettings
from shift_media.conf.uploads import UploadSettings
from shift_media.conf.workers import WorkerSettings, count_cores
from shift_media.core.errors import InvalidSigningKey
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.signing import RESIZE, Signer
from shift_media.core.spec import DEFAULT_QUALITY, LOSSLESS, Limits
from shift_media.imaging.engine import DECODERS, Decoder
from shift_media.imaging.probe import SourceLimits

__all__ = ["KEYS", "ConfigurationError", "Settings", "settings"]


_SITE = re.compile(r"[A-Za-z0-9._-]{0,100}")


class Settings(
    AccessSettings,
    MarkupSettings,
    OperationSettings,
    RemoteSettings,
    UploadPartSettings,
    UploadSettings,
    TranscodingSettings,
    WorkerSettings,
):
    """``SHIFT_MEDIA``, with a property for each key."""

    @cached_property
    def SIGNING_KEYS(self) -> tuple[str, ...]:
        """Keys that sign resize URLs, newest first. The first key signs, and all keys verify.

        Default: ``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``. A new first key gives every resize a
        new URL, so a site with many resizes should set its own keys.
        """
        keys = self._raw.get("SIGNING_KEYS")
        if keys is None:
            keys = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
        if not isinstance(keys, list | tuple):
            kind = f"a {type(keys).__name__}"  # not the value, which is a secret
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
            check_preset(name, options)
        return presets

    @cached_property
    def effects(self) -> dict[str, PresetEffects]:
        """The effects of presets that have some, by their names and by their digests."""
        read = {name: read_effects(options) for name, options in self.PRESETS.items()}
        by_name = {name: effects for name, effects in read.items() if effects is not None}
        return {**by_name, **{effects.digest: effects for effects in by_name.values()}}

    @cached_property
    def QUALITY(self) -> dict[str, int]:
        """Quality per format, 1 to 99. Default: ``{"jpg": 80, "webp": 79, "avif": 63}``."""
        lossy = [format for format in RESIZE_FORMATS if format not in LOSSLESS]
        wanted = f"a dict from {', '.join(lossy)} to a quality from 1 to 99"
        given = self._typed("QUALITY", {}, dict, wanted)
        for format, quality in given.items():
            if format not in lossy or type(quality) is not int or not 1 <= quality <= 99:
                raise wrong_value("QUALITY", given, wanted)
        return {**DEFAULT_QUALITY, **given}

    @cached_property
    def MAX_PIXELS(self) -> int:
        """The most pixels of an original, over all its frames. Default: 50 million.

        Formats whose decoders hold more of a picture have a part of it, and those whose decoders
        hold less have a multiple: a baseline JPEG four times as many.
        """
        return self._positive("MAX_PIXELS", SourceLimits().pixels)

    @cached_property
    def MAX_FRAMES(self) -> int:
        """The most frames of an animated original. Default: 500."""
        return self._positive("MAX_FRAMES", SourceLimits().frames)

    @cached_property
    def MAX_OUTPUT(self) -> tuple[int, int]:
        """The largest side and area of a resize, in pixels. Default: ``(5000, 16_000_000)``."""
        default = (Limits().side, Limits().area)
        pair = self._raw.get("MAX_OUTPUT", default)
        if not (
            isinstance(pair, list | tuple)
            and len(pair) == 2
            and all(type(value) is int and value > 0 for value in pair)
        ):
            raise wrong_value("MAX_OUTPUT", pair, f"(side, area) in pixels, such as {default}")
        return pair[0], pair[1]

    @cached_property
    def CONCURRENCY(self) -> int:
        """The most resizes that a process makes at once. Default: the number of cores."""
        return self._positive("CONCURRENCY", count_cores())

    @cached_property
    def QUEUE(self) -> int:
        """The most resizes that wait in a process. Further requests get 503. Default: 32."""
        return self._natural("QUEUE", 32)

    @cached_property
    def QUEUE_SECONDS(self) -> int:
        """The longest wait in seconds before a request gets 503. Default: 20."""
        return self._positive("QUEUE_SECONDS", 20)

    @cached_property
    def ENGINE(self) -> Decoder:
        """Engine of JPEG, PNG, WebP: ``"pillow"``, ``"vips"`` or ``"auto"``. Default: ``"auto"``.

        ``"vips"`` needs the extra ``vips``. If it is installed, ``"auto"`` uses libvips where it
        takes at least a tenth less time at the same quality: for most resizes of JPEG from
        300 pixels on, for PNG, and for WebP that gets clearly smaller. That takes two fifths to
        four fifths of the time, and less memory. Pillow makes all others.
        """
        engine: Decoder = self._raw.get("ENGINE", "auto")
        if engine not in DECODERS:
            raise wrong_value("ENGINE", engine, "one of " + ", ".join(map(repr, DECODERS)))
        return engine

    @cached_property
    def CACHE(self) -> str | None:
        """Alias in ``CACHES`` of a cache that all hosts share, or None. Default: ``"default"``.

        It is used while a resize is made, for single flight across hosts and for recent failures,
        but never for URLs. A cache that is local to one process is not used.
        """
        alias: str | None = self._raw.get("CACHE", "default")
        if alias is not None and alias not in django_settings.CACHES:
            aliases = ", ".join(map(repr, django_settings.CACHES))
            raise wrong_value("CACHE", alias, f"None or an alias of CACHES: {aliases}")
        return alias

    @cached_property
    def LOCK_DIR(self) -> Path | None:
        """Folder for the locks that the processes of a host share.

        Default: ``shift_media-<uid>`` in the temporary folder. It must belong to this user alone.
        """
        folder = self._raw.get("LOCK_DIR")
        if folder is not None and not isinstance(folder, str | Path):
            raise wrong_value("LOCK_DIR", folder, "a path, such as /run/mysite/media-locks")
        return None if folder is None else Path(folder)

    @cached_property
    def TENANTS(self) -> str | None:
        """Dotted path of a function that visits the tenants of a site, or None. Default: None.

        It takes no arguments and returns an iterable of context managers, one for each tenant. In
        each of them queries must see the tables of that tenant. Before an original is deleted, the
        rows of all tenants are searched for its key.
        """
        return self._dotted_path("TENANTS", "mysite.tenants.visit")

    @cached_property
    def DELETE_SECONDS(self) -> float:
        """The seconds that a request waits for the deletion of files. Default: 2.

        What is not deleted by then, because there is much of it or the storage does not answer, is
        left to later deletions and to ``media_cleanup``. 0 leaves everything to
        ``media_cleanup``.
        """
        seconds = self._raw.get("DELETE_SECONDS", 2)
        if type(seconds) not in (int, float) or not seconds >= 0:
            raise wrong_value("DELETE_SECONDS", seconds, "a number of seconds from 0, such as 2")
        return float(seconds)

    @cached_property
    def HISTORY(self) -> dict[str, str]:
        """Columns of history packages whose keys count as references. Default: none.

        ``{"gallery.HistoricalPhoto.image": "exact", "reversion.Version.serialized_data":
        "contains"}``: a column holds the key alone, or a text with it. The file of such a key
        stays until no row has it, neither of a model nor of its history.
        """
        wanted = 'a dict such as {"gallery.HistoricalPhoto.image": "exact"}, or "contains"'
        given = self._typed("HISTORY", {}, dict, wanted)
        for label, lookup in given.items():
            right = isinstance(label, str) and label.count(".") == 2
            if not right or lookup not in ("exact", "contains"):
                raise wrong_value("HISTORY", given, wanted)
        return given

    @cached_property
    def SITE(self) -> str:
        """The name of this site, which no other site has, or ``""``. Default: ``""``.

        ``media_bucket claim`` writes it into the bucket, and ``media_cleanup`` refuses to run on
        the bucket of another name. Set it by hand, differently for production and staging: 1 to
        100 letters, digits, dots and dashes.
        """
        name: object = self._raw.get("SITE", "")
        if not isinstance(name, str) or not _SITE.fullmatch(name):
            raise wrong_value("SITE", name, 'a short name, such as "example.com-production"')
        return name

    @cached_property
    def limits(self) -> Limits:
        """The limits of a resize, in the form of the core."""
        side, area = self.MAX_OUTPUT
        return Limits(side=side, area=area)

    @cached_property
    def source_limits(self) -> SourceLimits:
        """The limits of an original, in the form of the core."""
        return SourceLimits(pixels=self.MAX_PIXELS, frames=self.MAX_FRAMES)

    @cached_property
    def resize_signer(self) -> Signer:
        """The signer of resize keys."""
        return Signer(self.SIGNING_KEYS, RESIZE)

    def signer(self, purpose: str) -> Signer:
        """Return the signer for a purpose."""
        if purpose not in self._signers:  # A page with private pictures needs it for each.
            self._signers[purpose] = Signer(self.SIGNING_KEYS, purpose)
        return self._signers[purpose]

    @cached_property
    def _signers(self) -> dict[str, Signer]:
        return {RESIZE: self.resize_signer}


KEYS = Settings.keys()
"""Every key of ``SHIFT_MEDIA``."""

settings = Settings()


def _reset(*, setting: str, **kwargs: object) -> None:
    if setting in ("SHIFT_MEDIA", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "CACHES"):
        vars(settings).clear()


setting_changed.connect(_reset, dispatch_uid="shift_media.conf")
