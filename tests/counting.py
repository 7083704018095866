"""Counting of the calls of a function that does its work as always."""

from __future__ import annotations

from typing import Any

import pytest


def counted(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Return a list that gets an entry for each call of a function."""
    function = getattr(module, name)
    calls: list[str] = []

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, call)
    return calls
