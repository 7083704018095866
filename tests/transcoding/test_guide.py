"""The transcoder of the guide: it passes the contract, and its settings pass the checks."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import ERROR, run_checks
from django.test import override_settings

from shift_media.storages import LocalMediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import TranscoderContract
from shift_media.transcoding.base import Transcoder
from tests.docs.blocks import DOCS, read_blocks

GUIDE = DOCS / "how-to" / "write-a-transcoder.rst"
MODULE = "mysite.transcoders"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run all blocks of the guide; the one with a name becomes that module."""
    names: dict[str, Any] = {}
    module = ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    monkeypatch.setitem(sys.modules, MODULE, module)
    for block in read_blocks(GUIDE):
        code = compile(block.text, str(block), "exec")
        exec(code, vars(module) if block.name == MODULE else names)
    return names


class TestPassThrough(TranscoderContract):
    """The contract on the transcoder of the guide."""

    @pytest.fixture(autouse=True)
    def _guide(self, names: dict[str, Any], tmp_path: Path) -> None:
        self.contract: TranscoderContract = names["TestPassThrough"]()
        self.folder = tmp_path

    def make_transcoder(self) -> Transcoder:
        return self.contract.make_transcoder()

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="/media/", fsync=False)

    def make_video(self) -> bytes:
        return b"\0\0\0\x18ftypmp42" + bytes(100)


@pytest.mark.django_db
def test_settings_of_guide_pass_the_checks(names: dict[str, Any]) -> None:
    with override_settings(SHIFT_MEDIA=names["SHIFT_MEDIA"]):
        messages = run_checks()
    assert [message for message in messages if message.level >= ERROR] == []


def test_check_of_guide_refuses_wrong_option(names: dict[str, Any]) -> None:
    class Configurable(names["Configurable"]):  # type: ignore[misc]
        submit = read = cancel = None

    assert list(Configurable().check()) == []
    (error,) = Configurable(quality=11).check()
    assert str(error.msg) == '"quality" must be from 1 to 10, got 11.'
