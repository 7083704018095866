"""Tests of a site whose media are in memory: a context, a mixin and a test case.

All media storages are replaced: those in ``STORAGES``, and those that a field was given. So no
test writes to a bucket or a folder, and tests may run in parallel.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

from django.conf import settings as django_settings
from django.core.files.storage import Storage, storages
from django.test import TestCase, override_settings
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils.module_loading import import_string

from shift_media.registry import RegisteredField, all_media_fields
from shift_media.storages import (
    MediaStorage,
    default_media_storage,
    unwrap,
)
from shift_media.storages.naming import MEDIA_ALIAS
from shift_media.testing.memory import InMemoryMediaStorage

BACKEND = "shift_media.testing.InMemoryMediaStorage"

_KEY = "00000000/0000/4000/8000/000000000000/file.jpg/file.jpg"
"""A key for which the path of the app's view is looked up."""

_KEPT_OPTIONS = ("base_url", "originals", "mezzanine", "url_expire")
"""Options of a replaced storage that its replacement in memory has, too."""


@contextlib.contextmanager
def in_memory_media() -> Iterator[InMemoryMediaStorage]:
    """Replace all media storages by ones in memory, and yield that of ``STORAGES["media"]``.

    It is that of ``STORAGES["default"]`` where there is no ``"media"``. Works as a decorator too.
    Settings that are overridden inside the context are restored before its end.
    """
    own = [field for field in all_media_fields() if field.storage is not default_media_storage]
    aliases = _media_aliases()
    alias_of = {id(storages[name]): name for name in aliases if own and name in storages.backends}
    memory = {alias: _config(alias, config) for alias, config in aliases.items()}
    with (
        override_settings(STORAGES={**django_settings.STORAGES, **memory}),
        _field_storages(own, alias_of),
    ):
        yield cast("InMemoryMediaStorage", unwrap(default_media_storage))


def _media_aliases() -> dict[str, Mapping[str, Any]]:
    """Return the configurations in ``STORAGES`` that are of media storages, by alias."""
    configured: Mapping[str, Mapping[str, Any]] = django_settings.STORAGES
    found = {
        alias: config
        for alias, config in configured.items()
        if issubclass(import_string(config["BACKEND"]), MediaStorage)
    }
    default = _default_alias()
    return found if default in found else {**found, MEDIA_ALIAS: {"BACKEND": BACKEND}}


def _default_alias() -> str:
    return MEDIA_ALIAS if MEDIA_ALIAS in django_settings.STORAGES else "default"


def _config(alias: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration that keeps an alias in memory, at the same URLs of the app."""
    given = config.get("OPTIONS", {})
    options = {name: given[name] for name in _KEPT_OPTIONS if name in given}
    if "base_url" not in options and (path := _included_at(alias)):
        options["base_url"] = path
    return {"BACKEND": BACKEND, "OPTIONS": options}


def _included_at(alias: str) -> str | None:
    """Return the path at which ``shift_media.urls`` is included for an alias."""
    is_default = alias == _default_alias()
    names = {"key": _KEY} if is_default else {"key": _KEY, "storage": alias}
    try:
        path = reverse("shift_media:resize", kwargs=names)
        included = resolve("/" + path.removeprefix(get_script_prefix())).kwargs.get("storage", "")
    except (NoReverseMatch, Resolver404):
        return None
    is_served_there = included == alias or (is_default and not included)
    return path.removesuffix(_KEY) if is_served_there else None


@contextlib.contextmanager
def _field_storages(fields: list[RegisteredField], alias_of: dict[int, str]) -> Iterator[None]:
    """Replace the storages that fields were given when their models were loaded."""
    before = [(field, field.storage) for field in fields]
    made: dict[int, Storage] = {}
    try:
        for field, storage in before:
            identity = id(unwrap(storage))
            if identity not in made:
                alias = alias_of.get(identity)
                made[identity] = storages[alias] if alias else _twin(unwrap(storage))
            field.storage = made[identity]
        yield
    finally:
        for field, storage in before:
            field.storage = storage


def _twin(storage: Storage) -> InMemoryMediaStorage:
    """Return a storage in memory with the options of one that has no alias."""
    options = {name: getattr(storage, name, None) for name in _KEPT_OPTIONS}
    return InMemoryMediaStorage(**{k: v for k, v in options.items() if v is not None})


class MediaTestMixin:
    """A mixin for Django's test cases: media are in memory, and each test begins without files.

    Put it before the test case. What ``setUpTestData`` stores is there in each test of the class,
    as its rows are. ``self.media_storage`` is the storage of ``STORAGES["media"]``.
    """

    media_storage: ClassVar[InMemoryMediaStorage]

    @classmethod
    def setUpClass(cls) -> None:
        """Replace the media storages for the tests of the class, before ``setUpTestData``."""
        context = in_memory_media()
        cls.media_storage = context.__enter__()
        cast("Any", cls).addClassCleanup(context.__exit__, None, None, None)
        cast("Any", super()).setUpClass()

    def run(self, result: Any = None) -> Any:
        """Run the test, then bring the storages back to what they were before it."""
        with _restored():
            return cast("Any", super()).run(result)

    def debug(self) -> None:
        """Run the test without collecting its result, and bring the storages back."""
        with _restored():
            cast("Any", super()).debug()


class MediaTestCase(MediaTestMixin, TestCase):
    """Django's `TestCase` with media in memory."""


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    snapshots = [(storage, storage.snapshot()) for storage in _memory_storages()]
    try:
        yield
    finally:
        for storage, snapshot in snapshots:
            storage.restore(snapshot)


def _memory_storages() -> list[InMemoryMediaStorage]:
    """Return all media storages in memory, each once."""
    of_settings = [storages[alias] for alias in _media_aliases()]
    of_fields = [unwrap(field.storage) for field in all_media_fields()]
    unique = {id(storage): storage for storage in (*of_settings, *of_fields)}
    return [one for one in unique.values() if isinstance(one, InMemoryMediaStorage)]
