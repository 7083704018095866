"""Resizes built without I/O: URLs, sizes, presets and the stored focal point."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from shift_media.core.errors import InvalidSpec, LimitExceeded
from shift_media.core.formats import ORIGINAL_FORMATS, RESIZE_FORMATS
from shift_media.core.keys import parse_key, parse_resize_key
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Focal
from shift_media.resizes import builder
from shift_media.resizes.resize import Facts, Resize
from shift_media.resizes.srcset import build_by_width, format_srcset
from shift_media.storages import LocalMediaStorage

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
PHOTO = Metadata(content_type="image/jpeg", size=1, width=4000, height=3000)


@pytest.fixture
def storage(tmp_path: Any) -> LocalMediaStorage:
    """Return a storage in a folder that building a URL must not create."""
    return LocalMediaStorage(location=tmp_path / "never", base_url="/media/")


def build(
    storage: LocalMediaStorage,
    size: str,
    key: str = KEY,
    metadata: Metadata | None = None,
    **options: Any,
) -> Resize:
    return builder.build(key, size, storage=storage, facts=Facts(remembered=metadata), **options)


def test_url_is_public_url_and_signed_key(storage: LocalMediaStorage) -> None:
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["a signing key"]}):
        resize = build(storage, "400x300", mode="fill", format="webp")
        assert resize.url == (
            "/media/3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/"
            "400x300-fill-79-noupscale-8c898d8bbe0d5fb81be7deb04856fee8.webp"
        )
    assert str(resize) == resize.url
    assert parse_key(resize.key) == parse_resize_key(resize.key)
    assert not storage.exists(KEY)


def test_format_is_that_of_original_by_default(storage: LocalMediaStorage) -> None:
    assert build(storage, "9x").key.endswith(".jpg")
    assert build(storage, "9x", key=KEY.replace("jpg", "png")).key.endswith(".png")
    assert build(storage, "9x", key=KEY.replace("jpg", "mp4")).key.endswith(".jpg")


@pytest.mark.parametrize("format", [None, *RESIZE_FORMATS])
@pytest.mark.parametrize(
    "extension", [name for name, format in ORIGINAL_FORMATS.items() if format.resized_as is None]
)
def test_original_without_resizes_is_refused_in_every_format(
    extension: str, format: str | None, storage: LocalMediaStorage
) -> None:
    key = KEY.replace("jpg", extension)
    with pytest.raises(InvalidSpec, match="has no resizes"):
        build(storage, "9x", key=key, format=format)
    with pytest.raises(InvalidSpec, match="has no resizes"):
        build_by_width(key, [9], storage=storage, format=format)


def test_preset_with_format_is_refused_for_original_without_resizes(
    storage: LocalMediaStorage,
) -> None:
    presets = {"small": {"size": "9x", "format": "jpg"}}
    with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
        assert build(storage, "small").key.endswith(".jpg")
        with pytest.raises(InvalidSpec, match="has no resizes"):
            build(storage, "small", key=KEY.replace("jpg", "zip"))


def test_size_is_known_from_metadata_alone(storage: LocalMediaStorage) -> None:
    assert (build(storage, "400x300").width, build(storage, "400x300").height) == (None, None)
    fit = build(storage, "400x400", metadata=PHOTO)
    assert (fit.width, fit.height) == (400, 300)


def test_stored_focal_point_is_used_only_with_fill(storage: LocalMediaStorage) -> None:
    photo = Metadata(**{**_facts(PHOTO), "focal": Focal(10, 90)})
    assert str(build(storage, "9x9", mode="fill", metadata=photo).spec).endswith("-f10.90")
    assert build(storage, "9x9", metadata=photo).spec.focal is None
    assert build(storage, "9x9", mode="fill", focal=(50, 50), metadata=photo).spec.focal is None
    cropped = build(storage, "9x9", mode="fill", crop=(0, 1500, 2000, 1500), metadata=photo)
    assert cropped.spec.focal == Focal(20, 80)


def _facts(metadata: Metadata) -> dict[str, Any]:
    return {name: getattr(metadata, name) for name in metadata.__slots__}


@pytest.mark.parametrize(
    ("stored", "focal"),
    [
        ({"focal": [10, 90]}, Focal(10, 90)),
        ({"focal": [50, 50]}, None),
        ({"focal": None}, None),
        ({"focal": [10, 90], "key": KEY.replace("3c", "4c")}, None),  # of another upload
        ({"focal": [10, 90, 7]}, None),
    ],
)
def test_focal_point_of_another_key_is_ignored(
    storage: LocalMediaStorage, stored: dict[str, Any], focal: Focal | None
) -> None:
    facts = Facts({**PHOTO.to_json(KEY), **stored}, KEY)
    made = builder.build(KEY, "9x9", storage=storage, facts=facts, mode="fill")
    assert made.spec.focal == focal
    assert made.key == str(parse_key(made.key))


def test_remembered_metadata_is_used_for_row_without_metadata(
    storage: LocalMediaStorage,
) -> None:
    remembered = Metadata(**{**_facts(PHOTO), "focal": Focal(10, 90)})
    for data in (None, {}, [], {"key": KEY, "focal": None}):
        facts = Facts(data, KEY, remembered)
        made = builder.build(KEY, "9x9", storage=storage, facts=facts, mode="fill")
        assert made.spec.focal == (10, 90)


def test_crop_outside_or_result_over_limits_raises_if_size_is_known(
    storage: LocalMediaStorage,
) -> None:
    with pytest.raises(InvalidSpec, match="outside the image"):
        build(storage, "9x9", crop=(4000, 0, 1, 1), metadata=PHOTO)
    assert build(storage, "9x9", crop=(4000, 0, 1, 1)).url
    narrow = Metadata(content_type="image/jpeg", size=1, width=1, height=100)
    with pytest.raises(LimitExceeded):
        build(storage, "100x", upscale=True, metadata=narrow)


def test_preset_values_apply_unless_given(storage: LocalMediaStorage) -> None:
    presets = {"avatar": {"size": "96x96", "mode": "fill", "format": "webp", "focal": [1, 2]}}
    with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
        assert str(build(storage, "avatar").spec) == "96x96-fill-79-noupscale-f1.2"
        assert build(storage, "avatar").spec.format == "webp"
        changed = build(storage, "avatar", quality=50, focal=(9, 9), format="jpg")
        assert str(changed.spec) == "96x96-fill-50-noupscale-f9.9"
    with pytest.raises(InvalidSpec, match="'avatar' is not a size"):
        build(storage, "avatar")


@pytest.mark.parametrize(
    ("presets", "name", "expected"),
    [
        (("avatar", "card"), "avatr", ': did you mean "avatar"?'),
        (("avatar", "card"), "Card", ': did you mean "card"?'),
        (("avatar", "card"), "hero", ": the known ones are avatar, card."),
        ((), "avatar", ": there are none."),
    ],
)
def test_unknown_preset_names_the_nearest_or_all(
    storage: LocalMediaStorage, presets: tuple[str, ...], name: str, expected: str
) -> None:
    known = {preset: {"size": "96x96"} for preset in presets}
    with override_settings(SHIFT_MEDIA={"PRESETS": known}):
        with pytest.raises(InvalidSpec) as raised:
            build(storage, name)
        assert str(raised.value).endswith(expected)


@pytest.mark.parametrize("wrong", [{"crop": {}}, {"quality": []}, {"focal": {1}}, {"mode": 1}])
def test_value_of_wrong_type_raises_invalid_spec(
    storage: LocalMediaStorage, wrong: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSpec):
        build(storage, "9x9", **wrong)


@pytest.mark.parametrize(("right", "wrong"), [({"quality": 1}, {"quality": True})])
def test_cached_spec_is_not_used_for_equal_value_of_wrong_type(
    storage: LocalMediaStorage, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert build(storage, "9x9", **right).spec.quality == 1
    with pytest.raises(InvalidSpec):
        build(storage, "9x9", **wrong)


def test_list_and_tuple_give_the_same_key(storage: LocalMediaStorage) -> None:
    options = {"mode": "fill", "focal": (1, 2), "crop": (1, 2, 3, 4)}
    lists = {**options, "focal": [1, 2], "crop": [1, 2, 3, 4]}
    assert build(storage, "9x9", **lists).key == build(storage, "9x9", **options).key


def test_limits_and_base_urls_follow_changed_settings() -> None:
    storage = LocalMediaStorage()
    with override_settings(MEDIA_URL="/one/"):
        assert build(storage, "9x").url.startswith("/one/3c72aedc")
    with override_settings(MEDIA_URL="/two/", SHIFT_MEDIA={"MAX_OUTPUT": (8, 64)}):
        assert build(storage, "8x").url.startswith("/two/3c72aedc")
        with pytest.raises(LimitExceeded):
            build(storage, "9x")


def test_quality_follows_changed_settings(storage: LocalMediaStorage) -> None:
    assert build(storage, "9x").spec.quality == 80
    with override_settings(SHIFT_MEDIA={"QUALITY": {"jpg": 33}}):
        assert build(storage, "9x").spec.quality == 33


def test_srcset_is_never_wider_than_the_original(storage: LocalMediaStorage) -> None:
    def widths(metadata: Metadata | None, **options: Any) -> list[str]:
        facts = Facts(remembered=metadata)
        given = [1280, 320, 640, 320]
        steps = build_by_width(KEY, given, storage=storage, facts=facts, **options)
        return [candidate.split()[1] for candidate in format_srcset(steps).split(", ")]

    assert widths(PHOTO) == ["320w", "640w", "1280w"]
    small = Metadata(content_type="image/jpeg", size=1, width=500, height=400)
    assert widths(small) == ["320w", "500w"]
    assert widths(None) == ["320w", "640w", "1280w"]
    square = build_by_width(KEY, [100], storage=storage, size="4x3", mode="fill")
    assert "/100x75-fill-" in square[100].url
