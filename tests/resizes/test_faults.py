"""A machine without memory, open files or disk space: 503, and nothing is remembered."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from shift_media.core.errors import OutOfResources
from shift_media.core.faults import as_fault
from shift_media.resizes.resize import Resize
from shift_media.storages import LocalMediaStorage
from tests.imaging import images
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Photo

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]

SIDES = (6000, 4000)
"""Of originals that take more memory than is left: 24 megapixels."""
LEFT = 12 << 20
"""Bytes of memory that are left."""
BLOCK = 4 << 20
"""Bytes of the blocks that fill the heap. Smaller pieces of memory stay free."""


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Limit a resource of this process for the duration of a block."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


@contextmanager
def little_memory() -> Iterator[None]:
    """Leave this process no more than `LEFT` bytes.

    Tests that ran before leave free memory in the heap, which a limit of the address space does
    not count. So the heap is filled first, and `LEFT` bytes of it are freed again.
    """
    gc.collect()  # Pictures of earlier tests could be freed in the middle of this one.
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    held: list[bytearray] = []
    with limited(resource.RLIMIT_AS, pages * resource.getpagesize() + LEFT):
        try:
            with suppress(MemoryError):
                while True:
                    held.append(bytearray(BLOCK))
            del held[-(LEFT // BLOCK) :]
            yield
        finally:
            held.clear()


@contextmanager
def no_open_files() -> Iterator[None]:
    """Let this process open no more files: the numbers below the limit are all in use."""
    highest = max(map(int, os.listdir("/proc/self/fd")))
    held = [os.open(os.devnull, os.O_RDONLY)]
    while held[-1] < highest:
        held.append(os.open(os.devnull, os.O_RDONLY))
    try:
        with limited(resource.RLIMIT_NOFILE, max(held[-1], highest) + 1):
            yield
    finally:
        for descriptor in held:
            os.close(descriptor)


def get(url: str) -> Any:
    return Client(raise_request_exception=False).get(url)


def original(format: str, **options: Any) -> bytes:
    from PIL import Image

    return images.encoded(Image.new("RGB", SIDES, "teal"), format, **options)


ORIGINALS: dict[str, Callable[[], bytes]] = {
    "png": lambda: original("png", compress_level=1),
    "webp": lambda: original("webp", method=0, quality=10),
    "gif": lambda: original("gif"),
    "jpg": lambda: original("jpg", progressive=True, quality=20),
}


@pytest.fixture
def storage(site: Callable[..., CountingStorage]) -> CountingStorage:
    """Return a storage of a site without workers: the memory of this process is limited."""
    return site(shift_media={"WORKERS": 0})


@pytest.fixture(autouse=True)
def warm(storage: CountingStorage, add: Add, resize_of: ResizeOf) -> None:
    """Import the views and the engine, so that a test limits the work and not the imports."""
    assert get(resize_of(add(), format="webp").url).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("format", ORIGINALS)
def test_original_without_memory_for_it_is_503_and_made_later(
    format: str, storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    url = resize_of(add(ORIGINALS[format](), f"photo.{format}"), "3000x", format="jpg").url
    with little_memory():
        response = get(url)
    assert (response.status_code, response.json()["code"]) == (503, "out_of_resources")
    assert response["Retry-After"]
    assert get(url).status_code == 200


@pytest.mark.slow
def test_upload_without_memory_for_it_is_not_called_damaged(
    storage: CountingStorage, db: None
) -> None:
    content = ORIGINALS["jpg"]()
    photo = Photo()
    with little_memory(), pytest.raises(OutOfResources):
        photo.image.save("x.jpg", ContentFile(content))
    photo.image.save("x.jpg", ContentFile(content))
    assert photo.image.width == SIDES[0]


def test_process_without_open_files_answers_503_and_makes_it_later(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    url = resize_of(add()).url
    with no_open_files():
        response = get(url)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert get(url).status_code == 200


def test_full_disk_answers_503_and_makes_it_later(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    url = resize_of(add()).url
    with limited(resource.RLIMIT_FSIZE, 0):
        response = get(url)
    assert response.status_code == 503
    assert response["Retry-After"]
    assert get(url).status_code == 200
    assert isinstance(storage, LocalMediaStorage)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(28, "No space left on device"),
        OSError(24, "Too many open files"),
        RuntimeError("can't start new thread"),
        RuntimeError("Failed to decode image: Out of memory"),
        OSError("out of memory error when reading image file"),
        ValueError("encoding error 1"),
    ],
)
def test_failure_of_the_machine_is_a_fault(error: Exception) -> None:
    assert isinstance(as_fault(error), OutOfResources)


@pytest.mark.parametrize(
    "error",
    [
        OSError("broken data stream when reading image file"),
        OSError(2, "No such file or directory"),
        ValueError("encoding error 5"),
        RuntimeError("Failed to decode image: Decoding of color planes failed"),
    ],
)
def test_other_error_is_no_fault(error: Exception) -> None:
    assert as_fault(error) is None
