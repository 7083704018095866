"""Reading of ``settings.SHIFT_MEDIA``: the names of its keys, and values of simple types."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from shift_media.core.errors import MediaError

T = TypeVar("T")

_CUTOFF = 0.6
"""How similar two names are, from 0 to 1, of which one may stand for the other."""


class ConfigurationError(MediaError, ImproperlyConfigured):
    """A wrong value in ``SHIFT_MEDIA``; ``key`` is the name of the setting."""

    code = "configuration"
    public = "The site's media settings are wrong."

    def __init__(self, detail: str, *, key: str = "") -> None:
        MediaError.__init__(self, detail)
        self.key = key


def wrong_value(name: str, value: object, expected: str) -> ConfigurationError:
    """Return the error for a setting, with its value and what to write instead."""
    return ConfigurationError(f'SHIFT_MEDIA["{name}"] is {value!r}: write {expected}.', key=name)


def closest(name: object, names: Collection[str]) -> str:
    """Return the one of some names that is most like a misspelled one."""
    return difflib.get_close_matches(str(name), names, n=1, cutoff=0)[0]


def suggest(name: object, names: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the one that was meant, or all names."""
    known = list(names)
    if near := difflib.get_close_matches(str(name), known, n=1, cutoff=_CUTOFF):
        return f': did you mean "{near[0]}"?'
    return f": the known ones are {', '.join(known)}." if known else ": there are none."


class SettingsReader:
    """The part of `Settings` that knows no single key: each property in capitals is a key."""

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return every key of ``SHIFT_MEDIA``, in the order in which they are documented."""
        kinds = reversed(cls.__mro__)
        return tuple(name for kind in kinds for name in vars(kind) if name.isupper())

    def errors(self) -> Iterator[ConfigurationError]:
        """Read every key and yield the error of each wrong value; for the system checks."""
        try:
            self._raw  # noqa: B018 (raises for a wrong name)
        except ConfigurationError as error:
            yield error
            return
        for name in self.keys():
            try:
                getattr(self, name)
            except ConfigurationError as error:
                yield error

    @cached_property
    def _raw(self) -> Mapping[str, Any]:
        """The dict as it is in the settings; its keys are known, its values are not checked."""
        raw = getattr(django_settings, "SHIFT_MEDIA", {})
        if not isinstance(raw, dict):
            kind = f"a {type(raw).__name__}"  # not the value, which may hold signing keys
            raise ConfigurationError(f"SHIFT_MEDIA is {kind}: write a dict.", key="SHIFT_MEDIA")
        keys = self.keys()
        for name in raw:
            if name not in keys:
                near = closest(str(name).upper(), keys)
                raise ConfigurationError(
                    f'SHIFT_MEDIA["{name}"] is not a setting: did you mean "{near}"?',
                    key=str(name),
                )
        return raw

    def _typed(self, name: str, default: T, kind: type[T], expected: str) -> T:
        value = self._raw.get(name, default)
        if not isinstance(value, kind):
            raise wrong_value(name, value, expected)
        return value

    def _positive(self, name: str, default: int) -> int:
        return self._at_least(1, name, default)

    def _natural(self, name: str, default: int) -> int:
        return self._at_least(0, name, default)

    def _at_least(self, least: int, name: str, default: int) -> int:
        value = self._raw.get(name, default)
        if type(value) is not int or value < least:  # A bool is an int too, and no number here.
            raise wrong_value(name, value, f"a whole number from {least}, such as {default}")
        return value

    def _dotted_path(self, name: str, example: str) -> str | None:
        path: object = self._raw.get(name)
        if path is not None and (not isinstance(path, str) or "." not in path):
            raise wrong_value(name, path, f'None or a dotted path, such as "{example}"')
        return path
