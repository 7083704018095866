"""Originals that a run holds before a row refers to them, so that the sweep spares them.

A copy may look old: with a hard link it has the time of its source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Holder = Callable[[Sequence[str]], set[str]]
"""Returns those of the keys that it holds."""

_holders: dict[str, Holder] = {}


def register_holder(name: str, holder: Holder) -> None:
    """Let a layer above name the originals that it holds; ``name`` is registered once."""
    _holders[name] = holder


def held_keys(keys: Sequence[str]) -> set[str]:
    """Return those of the keys that are held."""
    return {key for holder in _holders.values() for key in holder(keys)} if keys else set()
