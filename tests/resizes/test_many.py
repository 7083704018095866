"""Many resizes of one original, made from one reading."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from django.core.cache import caches
from django.test import override_settings
from PIL import Image

from shift_media.concurrency import locks, shared
from shift_media.concurrency.locks import cache_lock, file_lock
from shift_media.core.errors import Busy
from shift_media.core.keys import parse_resize_key
from shift_media.imaging import engine
from shift_media.resizes import making, service
from shift_media.resizes.resize import Resize
from shift_media.resizes.service import ensure, ensure_many
from shift_media.resizes.stored import StoredResize
from shift_media.signals import resize_created
from shift_media.storages import default_media_storage
from tests.imaging import images
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.servers.sites import S3Site
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("lock_files")

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Site = Callable[..., CountingStorage]

WIDTHS = (40, 80, 120, 200, 320, 480)
FORMATS = ("jpg", "webp")
PHOTOGRAPH = images.encoded(images.photograph(400, 300), "jpg")


@pytest.fixture
def ladder(resize_of: ResizeOf) -> Callable[..., list[str]]:
    """Return a function that gives the keys of six widths in two formats."""

    def build(key: str, widths: tuple[int, ...] = WIDTHS) -> list[str]:
        return [resize_of(key, f"{w}x", format=f).key for w in widths for f in FORMATS]

    return build


Ladder = Callable[..., list[str]]


@pytest.fixture
def created() -> Iterator[list[dict[str, Any]]]:
    """Collect the arguments of the signal."""
    calls: list[dict[str, Any]] = []

    def listen(**arguments: Any) -> None:
        calls.append(arguments)

    resize_created.connect(listen)
    yield calls
    resize_created.disconnect(listen)


def stored_size(key: str) -> tuple[int, int]:
    with cast("CountingStorage", default_media_storage).fetch(key) as source:
        return Image.open(io.BytesIO(source.read())).size


def test_many_resizes_are_made_from_one_reading(
    storage: CountingStorage, add: Add, ladder: Ladder, created: list[dict[str, Any]]
) -> None:
    keys = ladder(add())
    outcomes = ensure_many(keys)
    assert list(outcomes) == keys
    assert all(outcome == (True, None) for outcome in outcomes.values())
    assert storage.calls == {"entries": 1, "fetch": 1, "put": 12}
    assert [stored_size(key)[0] for key in keys] == [w for w in WIDTHS for _ in FORMATS]
    assert [facts["key"] for facts in created] == keys
    assert {facts["sender"] for facts in created} == {CountingStorage}
    assert [facts["width"] for facts in created] == [w for w in WIDTHS for _ in FORMATS]


def test_keys_that_share_lock_file_are_made_from_one_reading(
    storage: CountingStorage, add: Add, ladder: Ladder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LOCK_FILES", 1)
    keys = ladder(add())
    delivered = service.deliver_many(keys)
    next(delivered)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(Busy),
    ):  # held for the other keys
        pool.submit(file_lock(keys[-1], timeout=0).__enter__).result()
    assert [key for key, _ in delivered] == keys[1:]
    assert storage.calls == {"entries": 1, "fetch": 1, "put": 12}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ensure, ladder(add())[0]).result(60)


def test_stored_resizes_are_neither_read_nor_made_again(
    storage: CountingStorage, add: Add, ladder: Ladder, created: list[dict[str, Any]]
) -> None:
    keys = ladder(add())
    ensure_many(keys[:5])
    storage.calls.clear()
    created.clear()
    outcomes = ensure_many(keys)
    assert [outcome.made for outcome in outcomes.values()] == [False] * 5 + [True] * 7
    assert storage.calls == {"entries": 1, "fetch": 1, "put": 7}
    assert len(created) == 7
    storage.calls.clear()
    assert not any(outcome.made for outcome in ensure_many(keys).values())
    assert storage.calls == {"entries": 1}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.usefixtures("storage")
def test_avif_made_ahead_is_encoded_with_more_effort_and_never_replaced(
    add: Add, resize_of: ResizeOf, settings: Any, workers: int
) -> None:
    settings.SHIFT_MEDIA = {**settings.SHIFT_MEDIA, "WORKERS": workers}
    first, second = (resize_of(add(PHOTOGRAPH), "200x", format="avif").key for _ in range(2))
    for_a_visitor = service.deliver(first).content
    ensure_many([first, second])
    ahead = service.deliver(second).content
    assert service.deliver(first).content == for_a_visitor
    assert len(ahead) < len(for_a_visitor)
    third = resize_of(add(PHOTOGRAPH), "200x", format="avif").key
    ensure_many([third], effort="fast")
    assert service.deliver(third).content == for_a_visitor


def test_unknown_effort_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="one of fast, slow, not 'best'"):
        ensure_many([], effort=cast("Any", "best"))


def test_few_resizes_are_looked_for_one_by_one(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    key = add()
    ensure_many([resize_of(key, "40x").key, resize_of(key, "80x").key])
    assert storage.calls == {"stat": 2, "fetch": 1, "put": 2}


def test_keys_are_grouped_by_original_and_returned_in_order(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    one, two = ladder(add()), ladder(add())
    mixed = [key for pair in zip(one, two, strict=True) for key in pair]
    outcomes = ensure_many([*mixed, mixed[0]])
    assert list(outcomes) == mixed
    assert storage.calls == {"entries": 2, "fetch": 2, "put": 24}


def test_second_batch_notices_that_original_was_deleted(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    keys = ladder(add(), tuple(range(20, 20 + service.BATCH_SIZE)))
    delivered = service.deliver_many(keys)
    first = [next(delivered) for _ in range(service.BATCH_SIZE)]
    assert all(isinstance(one, StoredResize) for _, one in first)
    storage.delete_prefix(parse_resize_key(keys[0]).original.prefix)
    later = [one for _, one in delivered]
    assert {getattr(one, "code", None) for one in later} == {"not_stored"}
    assert storage.calls["fetch"] == 2


def test_invalid_key_costs_no_request_and_stops_no_other(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    good = resize_of(add())
    forged = good.key.replace("400x300", "401x300")
    outcomes = ensure_many(["nonsense", forged, good.key])
    codes = [outcome.error and outcome.error.code for outcome in outcomes.values()]
    assert codes == ["invalid_key", "bad_signature", None]
    assert outcomes[good.key].made
    assert storage.calls == {"stat": 1, "fetch": 1, "put": 1}


def test_failing_spec_is_remembered_and_others_are_made(
    storage: CountingStorage, add: Add, ladder: Ladder, resize_of: ResizeOf
) -> None:
    key = add()
    bad = resize_of(key, "40x30", crop=(5000, 0, 10, 10)).key
    keys = [*ladder(key), bad]
    outcomes = ensure_many(keys)
    assert [o.made for o in outcomes.values()] == [True] * 12 + [False]
    assert outcomes[bad].error is not None
    assert outcomes[bad].error.code == "empty_crop"
    assert storage.calls["fetch"] == 1
    storage.calls.clear()
    error = ensure_many([bad])[bad].error
    assert error is not None
    assert error.code == "empty_crop"
    assert storage.calls == {"stat": 1}


@pytest.mark.acceptance(17)
@pytest.mark.parametrize("content", [picture()[:2000], b"no picture"])
def test_undecodable_original_is_read_once(
    storage: CountingStorage, add: Add, ladder: Ladder, content: bytes
) -> None:
    keys = ladder(add(content))
    for _ in range(2):
        outcomes = ensure_many(keys)
        assert {o.error.code for o in outcomes.values() if o.error} <= {
            "undecodable",
            "unsupported_type",
        }
        assert all(o.error for o in outcomes.values())
    assert (storage.calls["fetch"], storage.calls["put"]) == (1, 0)


def test_missing_original_is_error_of_each_key(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    key = add()
    storage.delete(key)
    outcomes = ensure_many(ladder(key))
    assert {o.error.code for o in outcomes.values() if o.error} == {"not_stored"}


def test_failing_storage_is_error_of_each_key(site: Site, add: Add, resize_of: ResizeOf) -> None:
    site()
    key = add()
    storage = site("FailingStorage")
    outcomes = ensure_many([resize_of(key, f"{w}x").key for w in WIDTHS])
    assert {o.error.code for o in outcomes.values() if o.error} == {"storage_error"}
    assert storage.calls["fetch"] == 1


def test_full_queue_is_error_of_each_key(site: Site, add: Add, ladder: Ladder) -> None:
    site(shift_media={"CONCURRENCY": 1, "QUEUE": 0})
    keys = ladder(add())
    with making.limiter().slot():
        outcomes = ensure_many(keys)
    assert {o.error.code for o in outcomes.values() if o.error} == {"busy"}
    assert all(o.made for o in ensure_many(keys).values())


@pytest.mark.acceptance(14)
def test_resizes_of_another_caller_are_waited_for(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    """One batch holds the first keys when another begins: each key is made once."""
    keys = ladder(add(picture(size=(1600, 1200))))
    first = service.deliver_many(keys[:6])
    next(first)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(ensure_many, keys)
        rest = [key for key, _ in first]
        outcomes = second.result()
    assert len(rest) == 5
    assert [o.error for o in outcomes.values()] == [None] * 12
    assert sum(o.made for o in outcomes.values()) == 6
    assert storage.calls["put"] == 12


@pytest.mark.acceptance(14)
def test_concurrent_batches_in_any_order_make_each_resize_once(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    keys = ladder(add(picture(size=(1200, 900))))
    start = threading.Barrier(4)

    def run(turn: int) -> int:
        order = keys[turn * 3 :] + keys[: turn * 3]
        start.wait()
        outcomes = ensure_many(order)
        assert not any(o.error for o in outcomes.values())
        return sum(o.made for o in outcomes.values())

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 12
    assert storage.calls["put"] == 12


@pytest.mark.slow
@pytest.mark.acceptance(15)
def test_stopped_batch_raises_busy_for_waiting_callers(
    storage: CountingStorage, add: Add, ladder: Ladder
) -> None:
    keys = ladder(add())
    stopped = service.deliver_many(keys)
    next(stopped)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(ensure, keys[-1])
        future = making.single_flight._futures[keys[-1]]
        wait_until(lambda: future._condition._waiters)  # type: ignore[attr-defined]
        stopped.close()  # type: ignore[attr-defined]  # as an interrupt would
        error = waiting.exception()
    assert getattr(error, "code", None) == "busy"
    assert all(o.error is None for o in ensure_many(keys).values())


def test_batch_locks_its_keys_on_all_hosts_until_each_is_stored(
    site: Site, add: Add, ladder: Ladder, tmp_path: Any
) -> None:
    site()
    keys = ladder(add())
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    with override_settings(
        CACHES={"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "cache")}}
    ):
        names = [f"shift_media:lock:{shared.digest(key)}" for key in keys]
        delivered = service.deliver_many(keys)
        next(delivered)
        held = [caches["default"].get(lock) is not None for lock in names]
        assert held == [False] + [True] * 11
        list(delivered)
        assert not any(caches["default"].get(lock) for lock in names)


def test_key_locked_by_another_host_is_made_last(
    site: Site, add: Add, ladder: Ladder, tmp_path: Any
) -> None:
    storage = site()
    keys = ladder(add())
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    with override_settings(
        CACHES={"default": {"BACKEND": backend, "LOCATION": str(tmp_path / "cache")}}
    ):
        with cache_lock(keys[3]):
            delivered = service.deliver_many(keys)
            first = [next(delivered)[0] for _ in range(11)]
        assert first == keys[:3] + keys[4:]
        assert [key for key, _ in delivered] == [keys[3]]
    assert storage.calls["put"] == 12


def test_batch_on_s3_costs_one_listing_one_get_and_the_puts(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    keys = [s3_site.resize(key, f"{w}x", format=f).key for w in WIDTHS for f in FORMATS]
    assert all(o.made for o in ensure_many(keys).values())
    assert s3_site.proxy.methods() == ["GET", "GET"] + ["PUT"] * 12
    assert s3_site.counts()["GET", key] == 1
    assert s3_site.stored() == {key, *keys}
    s3_site.proxy.clear()
    assert not any(o.made for o in ensure_many(keys).values())
    assert s3_site.proxy.methods() == ["GET"]


def test_each_resize_is_looked_for_where_listing_is_forbidden(s3_site: S3Site) -> None:
    key = s3_site.add(picture())
    keys = [s3_site.resize(key, f"{w}x").key for w in WIDTHS]
    s3_site.proxy.inject(method="GET", key="", status=403, code="AccessDenied", times=1)
    assert all(o.made for o in ensure_many(keys).values())
    assert s3_site.proxy.methods().count("HEAD") == 6


@pytest.mark.acceptance(18)
def test_batch_reads_front_of_progressive_original_for_its_largest(
    s3_site: S3Site,
) -> None:
    content = images.encoded(images.photograph(2400, 1600), "jpg", quality=90, progressive=True)
    key = s3_site.add(content)
    small = [s3_site.resize(key, f"{w}x") for w in (40, 80, 150)]
    front = engine.needed_bytes(io.BytesIO(content), *(resize.spec for resize in small))
    assert front + 100_000 < 0.9 * len(content)
    s3_site.proxy.inject(method="GET", key=key, cut=front + 100_000)
    assert all(o.made for o in ensure_many([r.key for r in small]).values())
    large = [s3_site.resize(key, f"{w}x").key for w in (60, 1500)]
    errors = [o.error for o in ensure_many(large).values()]
    assert {error.code for error in errors if error} == {"source_truncated"}
    assert s3_site.stored() == {key, *(resize.key for resize in small)}
