"""Fixtures of a site whose storage counts its calls."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.test import override_settings
from PIL import Image

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.storages import default_media_storage
from tests.resizes.counting import CountingStorage

PUBLIC_URL = "https://bucket.example/pictures"


def picture(format: str = "JPEG", size: tuple[int, int] = (640, 480), **options: Any) -> bytes:
    """Return an encoded gradient, in which a blank or shifted picture shows."""
    ramp = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_180), ramp))
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.fixture
def lock_dir(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def site(tmp_path: Path, lock_dir: Path) -> Iterator[Callable[..., CountingStorage]]:
    """Return a function that sets the media storage: a class of `counting` and its options."""
    overrides = []

    def configure(
        kind: str = "CountingStorage", *, shift_media: dict[str, Any] | None = None, **options: Any
    ) -> CountingStorage:
        options = {"location": tmp_path / "media", "base_url": "/media/", **options}
        from django.conf import settings

        media = {"BACKEND": f"tests.resizes.counting.{kind}", "OPTIONS": options}
        override = override_settings(
            STORAGES={**settings.STORAGES, "media": media},
            SHIFT_MEDIA={"LOCK_DIR": lock_dir, **(shift_media or {})},
        )
        override.enable()
        overrides.append(override)
        return cast("CountingStorage", default_media_storage)

    yield configure
    for override in reversed(overrides):
        override.disable()


@pytest.fixture
def storage(site: Callable[..., CountingStorage]) -> CountingStorage:
    """Return a storage whose resizes are answered with the bytes, as on local disk."""
    return site()


@pytest.fixture
def bucket(site: Callable[..., CountingStorage]) -> CountingStorage:
    """Return a storage whose resizes are answered with a redirect, as on S3."""
    return site(delivery="redirect", public_url=PUBLIC_URL)


@pytest.fixture
def add() -> Callable[..., str]:
    """Return a function that stores an original and returns its key."""

    def store(content: bytes | None = None, name: str = "photo.jpg") -> str:
        stem, _, extension = name.rpartition(".")
        key = str(new_original_key(stem, extension))
        default_media_storage.put(  # type: ignore[attr-defined]
            key, io.BytesIO(picture() if content is None else content), content_type="image/jpeg"
        )
        default_media_storage.calls.clear()  # type: ignore[attr-defined]
        return key

    return store


@pytest.fixture
def resize_of() -> Callable[..., Resize]:
    """Return a function that builds a resize of a key."""

    def build(key: str, size: str = "400x300", **options: Any) -> Resize:
        return builder.build(key, size, storage=cast("Any", default_media_storage), **options)

    return build
