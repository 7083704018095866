# ruff: noqa: D102  # the name of a test says what it requires
"""The contract of media storages, as tests that any of them can inherit.

.. code-block:: python

    class TestMyStorage(MediaStorageContract):
        def make_storage(self):
            return MyStorage(bucket="test")

The class above runs under pytest. Under ``unittest`` it needs ``unittest.TestCase`` as a second
base. Each test uses new keys, so all tests may share one storage. Run them against the real
service, because a stand-in has neither its races nor its errors.
"""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlsplit

from shift_media.storages.base import DeliveryMode, Originals
from shift_media.testing.contract.deleting import DeletingContract
from shift_media.testing.contract.django_methods import DjangoContract
from shift_media.testing.contract.multipart import MultipartContract
from shift_media.testing.contract.reading import ReadingContract
from shift_media.testing.contract.writing import WritingContract
from shift_media.testing.steps import new_key


class MediaStorageContract(
    WritingContract, ReadingContract, MultipartContract, DeletingContract, DjangoContract
):
    """Tests of all that shift_media relies on in a media storage."""

    def test_urls_begin_with_the_public_url(self) -> None:
        storage, key = self.make_storage(), new_key()
        resize = f"{key.prefix}400x300-fit-80-noupscale-{'0' * 32}.webp"
        assert storage.public_url.endswith("/")
        assert storage.derived_url(resize) == storage.public_url + resize
        for name in ("@evil.example", ".evil.example", "x"):
            host = urlsplit(storage.derived_url(name)).netloc
            assert host == urlsplit(storage.public_url).netloc
        public = storage.originals == "public"
        assert (storage.url(str(key)) == storage.public_url + str(key)) is public
        assert public or urlsplit(storage.url(str(key))).query, "a private URL without a signature"
        assert storage.may_read(str(key), {}) is public

    def test_options_have_known_values(self) -> None:
        storage = self.make_storage()
        assert storage.delivery in get_args(DeliveryMode)
        assert storage.originals in get_args(Originals)
