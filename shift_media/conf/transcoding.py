"""The settings of videos: profiles, the transcoder, and how its jobs run."""

from __future__ import annotations

import math
import re
from functools import cached_property
from typing import Any, Final

from shift_media.conf.presets import read_picture_of_machine
from shift_media.conf.reader import ConfigurationError, SettingsReader, wrong_value
from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic.profiles import read_profile
from shift_media.video.profiles import BUILT_IN, Profile

_TOPIC: Final = re.compile(
    r"arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
)


class TranscodingSettings(SettingsReader):
    """The part of `Settings` that jobs read."""

    @cached_property
    def PROFILES(self) -> dict[str, Profile]:
        """Named sets of renditions of a video. A profile ``"web"`` replaces the built-in one.

        ``{"small": {"480p.mp4": {"kind": "mp4", "height": 480}}}``: each rendition has a kind, one
        of ``mp4``, ``hls``, ``dash``, ``poster``, ``sprite``, ``captions`` and ``audio``, and its
        options. ``"language"``, ``"trim"`` and ``"watermark"`` are options of a whole profile. A
        profile with ``"outputs"`` is a job of Elastic Transcoder.
        """
        given = self._typed("PROFILES", {}, dict, "a dict of profiles")
        try:
            parsed = [
                read_profile(*item, read_picture_of_machine)
                for item in {**BUILT_IN, **given}.items()
            ]
        except InvalidProfile as error:
            raise ConfigurationError(
                f'SHIFT_MEDIA["PROFILES"]: {error}', key="PROFILES"
            ) from error
        return {profile.name: profile for profile in parsed}

    @cached_property
    def TRANSCODER(self) -> dict[str, Any]:
        """The transcoder: ``{"BACKEND": "path.of.the.Class", "OPTIONS": {…}}``.

        Default: ffmpeg on this machine.
        """
        default = {"BACKEND": "shift_media.transcoding.backends.ffmpeg.FFmpeg"}
        given = self._typed("TRANSCODER", default, dict, f"a dict such as {default}")
        options = given.get("OPTIONS", {})
        path = given.get("BACKEND", default["BACKEND"])
        known = set(given) <= {"BACKEND", "OPTIONS"} and isinstance(path, str)
        if not known or not isinstance(options, dict):
            raise wrong_value("TRANSCODER", given, f'a dict such as {default}, "OPTIONS" too')
        return {"BACKEND": path, "OPTIONS": options}

    @cached_property
    def TASKS(self) -> str | None:
        """Alias in Django's ``TASKS`` at which jobs are enqueued, or None. Default: None.

        Without it, ``manage.py media_transcode`` runs pending jobs. Do not use the immediate
        backend, which would transcode within the request.
        """
        alias: str | None = self._raw.get("TASKS")
        if alias is not None and not isinstance(alias, str):
            raise wrong_value("TASKS", alias, "None or an alias of Django's TASKS")
        return alias

    @cached_property
    def TRANSCODE_ATTEMPTS(self) -> int:
        """The number of attempts before a job fails. Default: 3."""
        return self._positive("TRANSCODE_ATTEMPTS", 3)

    @cached_property
    def TRANSCODE_LEASE(self) -> int:
        """Seconds after which another worker takes a job whose worker is silent. Default: 60."""
        return self._positive("TRANSCODE_LEASE", 60)

    @cached_property
    def TRANSCODE_POLL(self) -> tuple[float, float]:
        """The shortest and the longest pause, in seconds, between two polls of a service's job.

        Default: ``(5, 60)``. The pause grows while a poll finds no progress or the service
        throttles. If the webhook receives messages of the service, ``(60, 600)`` is enough.
        """
        pair = self._raw.get("TRANSCODE_POLL", (5, 60))
        right = isinstance(pair, list | tuple) and len(pair) == 2
        right = right and all(type(value) in (int, float) for value in pair)
        if not right or not 0 < pair[0] <= pair[1]:
            raise wrong_value("TRANSCODE_POLL", pair, "two numbers of seconds, such as (5, 60)")
        return pair[0], pair[1]

    @cached_property
    def TRANSCODE_PRICE(self) -> float:
        """The price of one minute of output at MediaConvert, in your currency. Default: 0.

        With it, ``job.cost``, the admin and ``media_transcode`` show what a job has cost.
        """
        price = self._raw.get("TRANSCODE_PRICE", 0)
        if type(price) not in (int, float) or not 0 <= price < math.inf:
            raise wrong_value("TRANSCODE_PRICE", price, "a number of at least 0, such as 0.015")
        return float(price)

    @cached_property
    def SNS_TOPICS(self) -> tuple[str, ...]:
        """ARNs of the SNS topics whose messages the webhook accepts. Default: none.

        Needs the extra ``sns``.
        """
        topics = self._raw.get("SNS_TOPICS", ())
        right = isinstance(topics, list | tuple) and all(
            isinstance(topic, str) and _TOPIC.fullmatch(topic) for topic in topics
        )
        if not right:
            raise wrong_value(
                "SNS_TOPICS",
                topics,
                'a list of ARNs, such as ["arn:aws:sns:eu-west-1:123456789012:videos"]',
            )
        return tuple(topics)
