"""Fixtures of worker processes whose decoder of PNG can be hostile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from django.test import override_settings

from shift_media.core.spec import Spec
from shift_media.imaging.engine import Result
from shift_media.workers import isolated
from shift_media.workers.pool import Pool, current_pool, end_workers
from shift_media.workers.process import IMPORTS
from tests.imaging import images
from tests.workers import hostile

SPEC = Spec.make("20x", format="png")

Workers = Callable[..., Pool]


def good(width: int = 64) -> BytesIO:
    """Return a picture that no decoder minds."""
    return BytesIO(images.encoded(images.quadrants(width), "png"))


def bad(action: str) -> BytesIO:
    """Return a picture for one of `hostile.ACTIONS`."""
    return good(hostile.WIDTHS[action])


def make(source: BytesIO) -> Result:
    """Make a resize of a picture."""
    return isolated.make(source, SPEC)


@pytest.fixture(scope="module", autouse=True)
def with_hostile_decoder() -> Iterator[None]:
    """Let the workers of a module import the hostile decoder; end them with the module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(IMPORTS, hostile.__name__)
        yield
    end_workers()


@pytest.fixture
def workers() -> Iterator[Workers]:
    """Return a function that returns the pool of some settings: one worker, a second a picture."""
    overrides = []

    def configure(**given: Any) -> Pool:
        settings = {"WORKERS": 1, "WORKER_SECONDS": 1, "ENGINE": "pillow", **given}
        override = override_settings(SHIFT_MEDIA=settings)
        override.enable()
        overrides.append(override)
        return current_pool()

    yield configure
    for override in reversed(overrides):
        override.disable()
