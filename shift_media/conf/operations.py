"""The settings for those who watch a site."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import cast

from django.utils.module_loading import import_string

from shift_media.conf.reader import ConfigurationError, SettingsReader, wrong_value
from shift_media.core.errors import MissingExtra

PROMETHEUS = "shift_media.contrib.prometheus.report"

Receiver = Callable[[str, float, dict[str, str]], object]
"""A function that takes the name of a metric, a value, and labels with their values."""


class OperationSettings(SettingsReader):
    """The part of `Settings` about metrics."""

    @cached_property
    def METRICS(self) -> str | None:
        """Dotted path of the function that is called with each measurement. Default: none.

        ``"shift_media.contrib.prometheus.report"``, with the extra ``metrics``, or a function of
        the site's own: ``report(name, value, labels)``. It is called in each request, and must be
        quick.
        """
        path = self._dotted_path("METRICS", PROMETHEUS)
        if path is not None and self._import(path) is None:
            raise wrong_value("METRICS", path, "the dotted path of a function")
        return path

    @cached_property
    def metrics(self) -> Receiver | None:
        """The function of `METRICS`."""
        return None if self.METRICS is None else self._import(self.METRICS)

    def _import(self, path: str) -> Receiver | None:
        try:
            found: object = import_string(path)
        except (ImportError, MissingExtra) as error:
            raise ConfigurationError(
                f'SHIFT_MEDIA["METRICS"] is {path!r}, which cannot be imported: {error}',
                key="METRICS",
            ) from error
        return cast("Receiver", found) if callable(found) else None
