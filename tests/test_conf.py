"""``SHIFT_MEDIA``: values are checked, errors say what to write, and changes are read again."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from shift_media.conf import KEYS, ConfigurationError, Settings, settings
from shift_media.core.errors import MediaError

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"SIGNING_KEY": ["x"]}, 'did you mean "SIGNING_KEYS"'),
    ({"quality": {}}, 'did you mean "QUALITY"'),
    ({"max_pixel": 1}, 'did you mean "MAX_PIXELS"'),
    ({"SIGNING_KEYS": "abc"}, "write a list of long random strings"),
    ({"SIGNING_KEYS": []}, "at least one key"),
    ({"SIGNING_KEYS": ["good", ""]}, "A signing key is empty"),
    ({"SIGNING_KEYS": [" "]}, "A signing key is empty"),
    ({"SIGNING_KEYS": [7]}, "SIGNING_KEYS"),
    ({"PRESETS": []}, "write a dict"),
    ({"PRESETS": {"400x300": {"size": "1x1"}}}, "name a preset with letters"),
    ({"PRESETS": {"x300": {"size": "1x1"}}}, "has the name of a size"),
    ({"PRESETS": {"avatar": {"mode": "fill"}}}, 'with a "size"'),
    ({"PRESETS": {"avatar": {"size": "9x9", "modus": "fill"}}}, 'did you mean "mode"'),
    ({"PRESETS": {"avatar": {"size": "9x9", "mode": "full"}}}, "'full' is not a mode"),
    ({"BREAKPOINTS": {"lg": "1024px"}}, "from names to pixels"),
    ({"BREAKPOINTS": ["lg"]}, "from names to pixels"),
    ({"PRESETS": {"avatar": {"size": "big"}}}, "is not a size"),
    ({"HLS_JS": "hls.min.js"}, "None or a dict"),
    ({"HLS_JS": {"integrity": f"sha384-{'A' * 64}"}}, "None or a dict"),
    ({"HLS_JS": {"src": "hls.min.js", "integrity": "A" * 64}}, "None or a dict"),
    ({"HLS_JS": {"src": "https://cdn.example.com/hls.min.js"}}, "an integrity too"),
    ({"QUALITY": {"png": 80}}, "from 1 to 99"),
    ({"QUALITY": {"jpg": 100}}, "from 1 to 99"),
    ({"QUALITY": {"jpg": True}}, "from 1 to 99"),
    ({"MAX_PIXELS": "50"}, "a whole number from 1"),
    ({"MAX_PIXELS": 0}, "a whole number from 1"),
    ({"MAX_FRAMES": 1.5}, "a whole number from 1"),
    ({"MAX_OUTPUT": 5000}, "(side, area)"),
    ({"MAX_OUTPUT": (0, 1)}, "(side, area)"),
    ({"CONCURRENCY": 0}, "a whole number from 1"),
    ({"WORKERS": -1}, "a whole number from 0"),
    ({"WORKERS": True}, "a whole number from 0"),
    ({"WORKER_MEMORY": 1000}, "a number of bytes from 134217728"),
    ({"WORKER_SECONDS": 0}, "a whole number from 1"),
    ({"WORKER_PYTHON": 3}, "a path, such as"),
    ({"QUEUE": -1}, "a whole number from 0"),
    ({"QUEUE_SECONDS": None}, "a whole number from 1"),
    ({"HISTORY": ["gallery.HistoricalPhoto.image"]}, "a dict such as"),
    ({"HISTORY": {"gallery.HistoricalPhoto.image": "iexact"}}, "a dict such as"),
    ({"HISTORY": {"HistoricalPhoto.image": "exact"}}, "a dict such as"),
    ({"SITE": "my site"}, "a short name"),
    ({"SITE": None}, "a short name"),
    ({"DELETE_SECONDS": -1}, "a number of seconds from 0"),
    ({"DELETE_SECONDS": "2"}, "a number of seconds from 0"),
    ({"CACHE": "redis"}, "an alias of CACHES: 'default'"),
    ({"LOCK_DIR": 1}, "a path"),
    ({"UPLOADS": ["gallery.Photo.image"]}, "a dict such as"),
    ({"UPLOADS": {"Photo.image": "a.rule"}}, "a dict such as"),
    ({"UPLOADS": {"gallery.Photo.image": True}}, "a dict such as"),
    ({"UPLOAD_AUTHENTICATION": "user"}, "a dotted path"),
    ({"UPLOAD_QUOTA": len}, "a dotted path"),
    ({"TENANTS": "visit"}, "a dotted path"),
    ({"TENANTS": 1}, "a dotted path"),
    ({"REMOTE_BYTES": 0}, "a whole number from 1"),
    ({"REMOTE_PORTS": [80, 70000]}, "a list of ports"),
    ({"REMOTE_PORTS": 443}, "a list of ports"),
    ({"REMOTE_NETWORKS": "10.0.0.0/8"}, "a list of networks"),
    ({"REMOTE_NETWORKS": ["10.0.0.1/8"]}, "a list of networks"),
    ({"ENGINE": "libvips"}, "one of 'pillow', 'vips', 'auto'"),
    ({"ENGINE": ["vips"]}, "one of 'pillow', 'vips', 'auto'"),
]


@pytest.mark.parametrize(("value", "expected"), WRONG)
def test_error_of_a_wrong_value_says_what_to_write(value: dict[str, Any], expected: str) -> None:
    with override_settings(SHIFT_MEDIA=value):
        errors = list(settings.errors())
        assert len(errors) == 1
        assert expected in str(errors[0])
        assert isinstance(errors[0], ImproperlyConfigured)
        assert isinstance(errors[0], MediaError)


def test_settings_that_are_no_dict_are_an_error() -> None:
    with override_settings(SHIFT_MEDIA=["x"]), pytest.raises(ConfigurationError, match="a dict"):
        _ = settings.QUEUE


def test_error_of_a_wrong_signing_key_does_not_contain_it() -> None:
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": "do-not-print"}):
        assert all("do-not-print" not in str(error) for error in settings.errors())


def test_settings_are_read_again_after_an_override() -> None:
    before = settings.QUEUE
    with override_settings(SHIFT_MEDIA={"QUEUE": before + 1}):
        assert before + 1 == settings.QUEUE
    assert before == settings.QUEUE


@pytest.mark.acceptance(48)
def test_signing_follows_the_secret_key_and_its_fallbacks() -> None:
    with override_settings(SHIFT_MEDIA={}, SECRET_KEY="old"):
        old = settings.resize_signer.sign("payload")
    with override_settings(SHIFT_MEDIA={}, SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert settings.resize_signer.verify("payload", old)
        assert settings.resize_signer.sign("payload") != old
    with override_settings(SHIFT_MEDIA={}, SECRET_KEY="new", SECRET_KEY_FALLBACKS=[]):
        assert not settings.resize_signer.verify("payload", old)


@pytest.mark.acceptance(48)
def test_empty_secret_key_is_refused() -> None:
    with override_settings(SHIFT_MEDIA={}, SECRET_KEY=""), pytest.raises(ImproperlyConfigured):
        _ = settings.resize_signer


def test_quality_keeps_the_defaults_of_other_formats() -> None:
    with override_settings(SHIFT_MEDIA={"QUALITY": {"webp": 50}}):
        assert settings.QUALITY == {"jpg": 80, "webp": 50, "avif": 63}


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_documented(key: str) -> None:
    assert getattr(Settings, key).__doc__
