"""Mezzanines: what they save, when they are not used, and failures that do no harm."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from PIL import Image

from shift_media.core.keys import parse_key, parse_original_key
from shift_media.deletion.sweep import Sweep
from shift_media.imaging import engine, mezzanine
from shift_media.resizes import mezzanines
from shift_media.resizes.resize import Resize
from shift_media.resizes.service import ensure_many
from shift_media.storages import default_media_storage
from tests.imaging import images
from tests.kept import kept
from tests.resizes import counting
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.servers.sites import S3Site

pytestmark = pytest.mark.usefixtures("lock_files")

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Site = Callable[..., CountingStorage]

SIZE = (3600, 2400)


@pytest.fixture(scope="module")
def drawn() -> Image.Image:
    """Return a picture that is large enough for a mezzanine."""
    return images.photograph(*SIZE)


@pytest.fixture(scope="module")
def photograph() -> bytes:
    return kept(
        "photograph", lambda: images.encoded_photograph(*SIZE, "jpg", quality=90), __file__
    )


@pytest.fixture
def storage(site: Site) -> CountingStorage:
    return site(mezzanine=True)


def key_of(original: str) -> str:
    return str(mezzanine.mezzanine_key(parse_original_key(original)))


def content(key: str) -> bytes:
    with cast("CountingStorage", default_media_storage).fetch(key) as source:
        return source.read()


def stored() -> set[str]:
    return {entry.key for entry in cast("CountingStorage", default_media_storage).entries()}


def opened(key: str) -> Image.Image:
    return Image.open(io.BytesIO(content(key)))


def forget(original: str) -> None:
    """Forget that a mezzanine was tried, as after ten minutes."""
    mezzanines._attempts.delete(key_of(original))


@pytest.mark.slow
def test_first_resize_makes_mezzanine_and_next_reads_it_alone(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, photograph: bytes
) -> None:
    key = add(photograph)
    assert resize_of(key, "400x").ensure()
    # The second stat looks for the original after the mezzanine was written.
    assert storage.calls == {"stat": 2, "fetch": 2, "put": 2}
    assert opened(key_of(key)).size == (2048, 1365)
    storage.delete(key)  # not needed from now on
    storage.calls.clear()
    small = resize_of(key, "200x")
    assert small.ensure()
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}
    assert opened(small.key).size == (200, 133)
    assert len(content(key_of(key))) * 2 < len(photograph)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "options"),
    [
        ("501x", {}),
        ("x307", {}),
        ("640x480", {"mode": "fill"}),
        ("333x777", {"mode": "fill", "focal": (5, 80), "format": "webp"}),
        ("640x640", {"mode": "pad", "format": "png"}),
        ("640x100", {"mode": "stretch"}),
        ("1365x1365", {"upscale": True}),
    ],
)
def test_resize_from_mezzanine_resembles_resize_from_original(
    storage: CountingStorage,
    add: Add,
    resize_of: ResizeOf,
    photograph: bytes,
    size: str,
    options: dict[str, Any],
) -> None:
    key = add(photograph)
    resize_of(key, "40x").ensure()
    storage.calls.clear()
    resize = resize_of(key, size, **options)
    assert resize.ensure()
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}
    alone = engine.make(io.BytesIO(photograph), resize.spec)
    seen = opened(resize.key)
    assert seen.size == (alone.width, alone.height)
    assert seen.format == images.opened(alone.content).format
    assert images.ssim(seen, images.opened(alone.content)) > 0.97


@pytest.mark.slow
def test_mezzanine_of_rotated_original_is_upright(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, drawn: Image.Image
) -> None:
    upright = drawn.crop((0, 0, 2400, 2399)).resize((2401, 3599), Image.Resampling.NEAREST)
    key = add(images.oriented("jpg", 6, upright))
    resize_of(key, "40x").ensure()
    assert opened(key_of(key)).size == (1366, 2048)
    assert resize_of(key, "300x").ensure()
    seen = opened(resize_of(key, "300x").key)
    assert seen.size == (300, 450)
    assert images.ssim(seen, upright.resize(seen.size)) > 0.9


@pytest.mark.slow
def test_mezzanine_keeps_transparency(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 1800, 2400))
    key = add(images.encoded(image, "png", compress_level=0), "drawing.png")
    resize_of(key, "40x").ensure()
    assert opened(key_of(key)).mode == "RGBA"
    resize = resize_of(key, "360x")
    assert resize.ensure()
    seen = opened(resize.key).convert("RGBA")
    assert seen.getpixel((10, 10)) == (255, 0, 0, 255)
    assert seen.getpixel((350, 230))[3] == 0  # type: ignore[index]


@pytest.mark.slow
@pytest.mark.acceptance(36)
def test_mezzanine_holds_no_metadata_of_original(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, drawn: Image.Image
) -> None:
    exif = images.exif(1)
    file = io.BytesIO()
    drawn.save(file, "JPEG", quality=90, exif=exif, comment=b"SECRET-PLACE")
    key = add(file.getvalue())
    resize_of(key, "40x").ensure()
    made = content(key_of(key))
    assert b"SECRET" in file.getvalue()
    assert b"SECRET" not in made
    assert b"Exif" not in made


# When it is not used


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "options"),
    [("200x200", {"crop": (0, 0, 900, 900)}), ("1366x", {}), ("1600x1600", {})],
)
def test_crop_or_large_resize_reads_the_original(
    storage: CountingStorage,
    add: Add,
    resize_of: ResizeOf,
    photograph: bytes,
    size: str,
    options: dict[str, Any],
) -> None:
    key = add(photograph)
    assert resize_of(key, size, **options).ensure()
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}
    resize_of(key, "40x").ensure()
    storage.calls.clear()
    storage.delete(key_of(key))
    assert resize_of(key, size, **{**options, "format": "webp"}).ensure()
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}


def animation(drawn: Image.Image) -> bytes:
    frames = [images.quadrants(3600, 2400)] * 2
    return images.animated("webp", frames, [100, 100])


def tiles() -> bytes:
    """Return a picture that has fewer bytes than its mezzanine would have."""
    tile = Image.frombytes("RGB", (40, 40), os.urandom(4800))
    image = Image.new("RGB", SIZE)
    for left in range(0, SIZE[0], 40):
        for top in range(0, SIZE[1], 40):
            image.paste(tile, (left, top))
    return images.encoded(image, "png", compress_level=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("small.jpg", lambda drawn: picture(size=(2400, 1600))),
        ("moving.webp", animation),
        ("tiles.png", lambda drawn: tiles()),
    ],
)
def test_small_or_animated_original_gets_no_mezzanine(
    storage: CountingStorage,
    add: Add,
    resize_of: ResizeOf,
    drawn: Image.Image,
    name: str,
    draw: Callable[[Image.Image], bytes],
) -> None:
    key = add(draw(drawn), name)
    for width in (40, 50, 60):
        assert resize_of(key, f"{width}x", format="jpg").ensure()
    # The fourth fetch looks for the mezzanine, once in ten minutes.
    assert storage.calls == {"stat": 3, "fetch": 4, "put": 3}
    assert key_of(key) not in stored()


@pytest.mark.slow
def test_gif_or_storage_without_option_costs_no_look_for_mezzanine(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, photograph: bytes, site: Site
) -> None:
    key = add(picture("GIF"), "drawing.gif")
    assert resize_of(key, "40x").ensure()
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}
    for options in ({}, {"mezzanine": True, "shift_media": {"MAX_OUTPUT": (2000, 4_000_000)}}):
        plain = site(**cast("Any", options))
        key = add(photograph)
        assert resize_of(key, "40x").ensure()
        assert plain.calls == {"stat": 1, "fetch": 1, "put": 1}


# Batches


@pytest.mark.slow
def test_batch_makes_mezzanine_once_and_reads_it_once(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, photograph: bytes
) -> None:
    key = add(photograph)
    keys = [
        resize_of(key, f"{w}x", format=f).key for w in (100, 200, 300) for f in ("jpg", "webp")
    ]
    assert all(outcome.made for outcome in ensure_many(keys).values())
    assert storage.calls == {"entries": 1, "fetch": 2, "put": 7, "stat": 1}
    storage.calls.clear()
    more = [resize_of(key, f"{w}x").key for w in (110, 210, 310, 410)]
    assert all(outcome.made for outcome in ensure_many(more).values())
    assert storage.calls == {"entries": 1, "fetch": 1, "put": 4}
    storage.calls.clear()
    mixed = [resize_of(key, f"{w}x").key for w in (120, 1500)]
    assert all(outcome.made for outcome in ensure_many(mixed).values())
    assert storage.calls == {"stat": 2, "fetch": 1, "put": 2}  # the original, once


# Failures


@pytest.mark.slow
def test_damaged_mezzanine_is_deleted_and_made_again_later(
    storage: CountingStorage, add: Add, resize_of: ResizeOf, photograph: bytes
) -> None:
    key = add(photograph)
    resize_of(key, "40x").ensure()
    good = content(key_of(key))
    damaged = good[:5000] + bytes([good[5000] ^ 255]) + good[5001:]
    for number, wrong in enumerate((damaged, good[:9000], b"")):
        storage.delete(key_of(key))
        storage.put(key_of(key), io.BytesIO(wrong), content_type="image/jpeg")
        forget(key)
        width = 50 + 2 * number
        resize = resize_of(key, f"{width}x")
        assert resize.ensure()
        assert content(resize.key) == engine.make(io.BytesIO(photograph), resize.spec).content
        assert key_of(key) not in stored()
        assert resize_of(key, f"{width + 1}x").ensure()
        assert key_of(key) not in stored()  # else a bad disk would have it made for ever
    forget(key)
    resize_of(key, "70x").ensure()
    assert content(key_of(key)) == good


class LosingMezzanines(CountingStorage):
    """A storage that returns True from the put of a mezzanine and stores nothing."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        if "/_m/" not in key:
            return super().put(key, *args, **kwargs)
        self._count("put mezzanine", key)
        return True


@pytest.mark.slow
def test_lost_mezzanine_is_made_once_in_ten_minutes(
    site: Site, add: Add, resize_of: ResizeOf, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.resizes.counting.LosingMezzanines", LosingMezzanines, raising=False)
    storage = site("LosingMezzanines", mezzanine=True)
    key = add(photograph)
    for width in range(40, 45):
        assert resize_of(key, f"{width}x").ensure()
    assert storage.calls["put mezzanine"] == 1
    assert storage.calls["put"] == 5


class DeletingStorage(CountingStorage):
    """A storage that deletes an original with its directory while its mezzanine is written."""

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        if "/_m/" in key:
            self.delete_prefix(parse_key(key).original.prefix)  # type: ignore[union-attr]
        return super().put(key, *args, **kwargs)


@pytest.mark.slow
@pytest.mark.acceptance(20)
def test_mezzanine_of_original_deleted_meanwhile_is_deleted(
    site: Site, add: Add, resize_of: ResizeOf, photograph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "DeletingStorage", DeletingStorage, raising=False)
    site("DeletingStorage", mezzanine=True)
    key = add(photograph)
    resize_of(key, "40x").ensure()
    assert stored() == set()


@pytest.mark.slow
def test_concurrent_resizes_make_one_mezzanine(
    site: Site, add: Add, resize_of: ResizeOf, photograph: bytes
) -> None:
    storage = site(mezzanine=True, shift_media={"CONCURRENCY": 2})
    key = add(photograph)
    start = threading.Barrier(6)

    def run(width: int) -> bool:
        start.wait()
        return resize_of(key, f"{width}x").ensure()

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(run, range(40, 46)))
    assert mezzanine.unpack(content(key_of(key))) is not None
    assert len(stored()) == 1 + 6 + 1
    # Of two mezzanines that are put at the same moment, one is refused.
    assert storage.calls["put"] <= 8


# Access


@pytest.mark.slow
def test_request_for_mezzanine_is_404(
    site: Site, add: Add, resize_of: ResizeOf, photograph: bytes
) -> None:
    for originals in ("public", "private"):
        site(mezzanine=True, originals=originals)
        key = add(photograph)
        assert resize_of(key, "40x").ensure()
        assert key_of(key) in stored()
        assert Client().get(f"/media/{key_of(key)}").status_code == 404


def test_mezzanine_option_is_refused_with_private_originals_on_s3() -> None:
    from shift_media.storages import S3MediaStorage

    options = {"bucket_name": "media", "public_url": "https://cdn.example/", "mezzanine": True}
    S3MediaStorage(**options)
    with pytest.raises(ImproperlyConfigured, match="without a signature"):
        S3MediaStorage(**options, originals="private")


# Deletion


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_mezzanine_is_deleted_with_its_original(
    storage: CountingStorage, photograph: bytes
) -> None:
    from tests.testapp.models import Photo

    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(photograph))
    photo.image.resize("40x").ensure()
    assert len(stored()) == 3
    photo.delete()
    assert stored() == set()


@pytest.mark.slow
@pytest.mark.django_db
def test_media_cleanup_deletes_only_unused_mezzanines(
    storage: CountingStorage, photograph: bytes, site: Site
) -> None:
    from tests.testapp.models import Photo

    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(photograph))
    photo.image.resize("40x").ensure()
    kept = stored()
    later = timezone.now() + timedelta(hours=1)
    findings = Sweep(storage, later).run()
    assert (findings.mezzanines.objects, findings.foreign.objects) == (0, 0)
    assert stored() == kept
    assert Sweep(site(), timezone.now() - timedelta(hours=1)).run().mezzanines.objects == 0
    unused = Sweep(cast("Any", default_media_storage), later).run()
    assert unused.mezzanines.objects == 1
    assert stored() == kept - {key_of(photo.image.name)}
    Photo.objects.all().delete()
    resized = Sweep(site(mezzanine=True), later).run()
    assert resized.orphaned.objects == len(kept) - 1
    assert stored() == set()


# On S3


@pytest.fixture
def s3_photograph(s3_site: S3Site, photograph: bytes) -> str:
    s3_site.configure(mezzanine=True)
    return s3_site.add(photograph)


def test_small_resize_on_s3_costs_one_get_of_mezzanine(
    s3_site: S3Site, s3_photograph: str, photograph: bytes
) -> None:
    key, smaller = s3_photograph, key_of(s3_photograph)
    first, second = s3_site.resize(key, "400x"), s3_site.resize(key, "200x")
    assert first.ensure()
    assert s3_site.counts() == {
        ("HEAD", first.key): 1,
        ("GET", smaller): 1,
        ("GET", key): 1,
        ("PUT", first.key): 1,
        ("PUT", smaller): 1,
        ("HEAD", key): 1,
    }
    s3_site.proxy.clear()
    assert second.ensure()
    assert s3_site.counts() == {
        ("HEAD", second.key): 1,
        ("GET", smaller): 1,
        ("PUT", second.key): 1,
    }
    head = s3_site.client.head_object(Bucket=s3_site.bucket, Key=smaller)
    assert head["ContentType"] == "image/jpeg"
    assert head["ContentLength"] * 2 < len(photograph)


FAULTS: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "code": "InternalError"},
    "cut": {"cut": 20_000},
    "corrupt": {"corrupt": True},
}


@pytest.mark.parametrize("case", FAULTS)
def test_unreadable_mezzanine_on_s3_is_replaced_by_original(
    s3_site: S3Site, s3_photograph: str, case: str
) -> None:
    key, smaller = s3_photograph, key_of(s3_photograph)
    assert s3_site.resize(key, "40x").ensure()
    s3_site.proxy.clear()
    s3_site.proxy.inject(method="GET", key=smaller, **FAULTS[case])
    for width in (50, 60):
        assert s3_site.resize(key, f"{width}x").ensure()
    assert s3_site.counts()["GET", key] == 2
    s3_site.proxy.clear()
    forget(key)
    assert s3_site.resize(key, "70x").ensure()
    assert ("GET", key) not in s3_site.counts()


def test_unwritable_mezzanine_on_s3_is_no_failure(s3_site: S3Site, s3_photograph: str) -> None:
    key, smaller = s3_photograph, key_of(s3_photograph)
    s3_site.proxy.inject(method="PUT", key=smaller, status=403, code="AccessDenied")
    for width in (50, 60):
        assert s3_site.resize(key, f"{width}x").ensure()
    assert s3_site.counts()["PUT", smaller] == 1
    assert smaller not in s3_site.stored()
