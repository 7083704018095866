"""Resizes made by tasks of ``django.tasks``, or of its backport on Django 5.2."""

from __future__ import annotations

from typing import Any, cast

from shift_media.concurrency.tasks import media_task
from shift_media.resizes.service import ensure_many
from shift_media.storages import resolve


@media_task
def make_resizes(keys: list[str], alias: str, source: str) -> dict[str, str]:
    """Make resizes by their signed keys; return ``made``, ``stored`` or an error's code for each.

    ``alias`` and ``source`` name the storage, as for `shift_media.storages.resolve`.
    """
    outcomes = ensure_many(keys, cast("Any", resolve(alias, source)))
    return {
        key: outcome.error.code if outcome.error else "made" if outcome.made else "stored"
        for key, outcome in outcomes.items()
    }


def enqueue(keys: list[str], alias: str, source: str, backend: str) -> None:
    """Enqueue resizes in a backend of Django's setting ``TASKS``."""
    make_resizes.using(backend=backend).enqueue(keys, alias, source)
