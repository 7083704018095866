"""Names of storages: the alias in ``STORAGES``, or the label of the field that has one of its own.

Pickles and migrations hold a name in place of a storage, because its options may hold secrets.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, Self, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.utils.functional import LazyObject, empty

from shift_media.registry import all_media_fields, find_field

MEDIA_ALIAS = "media"

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
"""The positional and the named arguments of a constructor."""


class UnwrittenOptions:
    """Stands in a migration's operation for the options of a storage that has no alias.

    Its type has no serializer, so `makemigrations` fails with its ``repr()`` as the reason. Old
    migrations that hold the storage are loaded and compared as before.
    """

    def __init__(self, kind: str, arguments: Arguments) -> None:
        self._kind = kind
        self._arguments = arguments

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnwrittenOptions) and self._arguments == other._arguments

    __hash__ = None  # type: ignore[assignment]  # options are not hashable either

    def __repr__(self) -> str:
        return explain_refusal(self._kind)

    def __reduce__(self) -> NoReturn:
        raise pickle.PicklingError(f"A pickle would hold {self!r}")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def explain_refusal(kind: str) -> str:
    """Return why a storage is written neither into a migration nor into a pickle."""
    return (
        f"the options of a {kind} that is not in STORAGES: they may hold secrets, so they are "
        "written neither into migrations nor into pickles. Add the storage to STORAGES, for "
        'example as "archive", and give the field a function: '
        'def archive_storage(): return storages["archive"].'
    )


def holds_secrets(storage: Any) -> bool:
    """Return True if a storage cannot be written into a migration."""
    _, args, _ = storage.deconstruct()
    return any(isinstance(value, UnwrittenOptions) for value in args)


def get_by_alias(alias: str) -> Storage:
    """Return the storage of an alias in ``STORAGES``; pickles name this function."""
    return storages[alias]


def get_by_label(label: str) -> Storage:
    """Return the storage of the media field with a label; pickles name this function."""
    field = find_field(label)
    if field is None:
        raise InvalidStorageError(
            f"A pickle names the storage of the field {label}, which does not exist any more. "
            "Remove the pickle from the cache that holds it."
        )
    return cast("Any", field).storage  # type: ignore[no-any-return]


def build(kind: type[Storage], arguments: Arguments) -> Storage:
    """Return a new storage; pickles name this function."""
    args, kwargs = arguments
    return kind(*args, **kwargs)


def find_alias(storage: Storage) -> str:
    """Return the alias of this very storage in ``STORAGES``; ``""`` if it has none."""
    wanted = unwrap(storage)
    first = [alias for alias in (MEDIA_ALIAS, "default") if alias in storages.backends]
    for alias in dict.fromkeys([*first, *storages.backends]):
        # Another storage may lack its package or an option, which its own users are told.
        with contextlib.suppress(ImproperlyConfigured, TypeError):
            if storages[alias] is wanted:
                return alias
    return ""


def find_label(storage: Storage) -> str:
    """Return the label of a media field that has this very storage; ``""`` if none has it."""
    fields = (field for field in all_media_fields() if unwrap(field.storage) is storage)
    return next((str(field) for field in fields), "")


def unwrap(storage: Storage) -> Storage:
    """Return the storage behind a lazy one."""
    wrapped: Any = storage
    while isinstance(wrapped, LazyObject):
        lazy = wrapped
        # Past the slow LazyObject.__getattribute__, because every URL comes this way.
        wrapped = object.__getattribute__(lazy, "_wrapped")
        if wrapped is empty:
            lazy._setup()
            wrapped = object.__getattribute__(lazy, "_wrapped")
    return cast("Storage", wrapped)


def is_same_storage(storage: Storage, other: Storage) -> bool:
    """Return True if two storages are one: the same object, or two made of the same options."""
    first, second = unwrap(storage), unwrap(other)
    if first is second:
        return True
    are_named = isinstance(first, NamedStorage) and isinstance(second, NamedStorage)
    return (
        are_named
        and type(first) is type(second)
        and cast("NamedStorage", first)._constructor_args
        == cast("NamedStorage", second)._constructor_args
    )


class NamedStorage(Storage):
    """A storage that pickles and migrations name, so that no secret of its options is in them."""

    import_path: ClassVar[str] = ""
    """Where projects import the class from, if that is not its module."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Create a storage that remembers its arguments, for pickles and migrations."""
        storage = super().__new__(cls)
        storage._constructor_args = (args, kwargs)
        return storage

    _constructor_args: Arguments

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return what a migration holds: the alias in ``STORAGES``, else the options.

        Options that may be secret are left out, and a migration with them cannot be written.
        """
        if alias := find_alias(self):
            return "shift_media.storages.get_storage", (alias,), {}
        kind = type(self)
        path = vars(kind).get("import_path") or f"{kind.__module__}.{kind.__qualname__}"
        args, kwargs = self._constructor_args
        if self._is_harmless(args, kwargs):
            return path, tuple(args), dict(kwargs)
        unwritten = UnwrittenOptions(kind.__name__, self._constructor_args)
        return path, (unwritten,), {}

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # What pickle writes. A resize in a site's cache has its storage in it.
        if alias := find_alias(self):
            return get_by_alias, (alias,)
        if label := find_label(self):
            return get_by_label, (label,)
        if self._is_harmless(*self._constructor_args):
            return build, (type(self), self._constructor_args)
        reason = explain_refusal(type(self).__name__)
        raise pickle.PicklingError(f"A pickle would hold {reason}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def _is_harmless(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Return True if none of the constructor's arguments may be a secret."""
        return not args and not kwargs
