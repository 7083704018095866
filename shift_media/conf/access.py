"""The settings of private files."""

from __future__ import annotations

from functools import cached_property

from shift_media.conf.reader import SettingsReader


class AccessSettings(SettingsReader):
    """The part of `Settings` that answers to requests for private files read."""

    @cached_property
    def MAY_READ(self) -> str | None:
        """Dotted path of a function that decides who reads private files, or None. Default: None.

        It takes the request and the key, and returns True or False. It is called for private
        storages only, and for valid URLs only. Without it, everybody reads who has such a URL.
        With it, browsers cache no answer, because the next one may be another.
        """
        return self._dotted_path("MAY_READ", "mysite.access.may_read")
