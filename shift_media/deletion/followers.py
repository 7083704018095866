"""Rows of other rooms that go with an original, such as its jobs.

They are deleted as durably as its files: before the pending deletion is settled, and again if that
fails or the process dies in between. `signals.media_deleted` is sent once at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

Follower = Callable[[Collection[str]], None]
"""Takes the keys of originals that are gone. It may be called again for the same keys."""

_followers: dict[str, Follower] = {}


def register_follower(name: str, follower: Follower) -> None:
    """Call a function whenever originals were deleted; a second one of a name replaces it."""
    _followers[name] = follower


def follow_all(keys: Collection[str]) -> None:
    """Delete what goes with originals; raise what a function raises, so that it is repeated."""
    for follower in _followers.values():
        follower(keys)
