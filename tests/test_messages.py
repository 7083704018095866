"""The messages that users read, and their catalogues in seven languages."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from shift_media.fields import MediaField
from shift_media.testing import make_image
from tests.parts import script


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    return script("messages")  # It collects the messages of the package once.


@pytest.mark.slow
def test_catalogues_are_complete(messages: ModuleType) -> None:
    """After a change of messages run ``python .ci/messages.py update`` and translate them."""
    found = [line for language in messages.LANGUAGES for line in messages.problems(language)]
    assert found == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('msgid "Move up"\nmsgstr "Nach oben"', 'msgid "Move up"\nmsgstr ""', "no translation"),
        ('msgid "Move up"', '#, fuzzy\nmsgid "Move up"', "fuzzy translation"),
        ('msgid "Move up"', 'msgid "Move away"', "is not used any more"),
        ("%s Bytes", "Bytes", "is missing"),
    ],
)
def test_bad_catalogue_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: ModuleType,
    old: str, new: str, problem: str,
) -> None:  # fmt: skip
    shutil.copytree(messages.LOCALE / "de", tmp_path / "de")
    monkeypatch.setattr(messages, "LOCALE", tmp_path)
    text = messages.path_of("de").read_text()
    assert old in text
    messages.path_of("de").write_text(text.replace(old, new))
    assert any(problem in line for line in messages.problems("de"))


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("de", "Der Inhalt dieser Datei ist PNG. Wählen Sie JPEG oder WebP."),
        ("fr", "Le contenu de ce fichier est PNG. Choisissez JPEG ou WebP."),
        ("es", "El contenido de este archivo es PNG. Elija JPEG o WebP."),
        ("pt-br", "O conteúdo deste arquivo é PNG. Escolha JPEG ou WebP."),
        ("zh-hans", "此文件的内容是 PNG。请选择 JPEG 或 WebP。"),
        ("ja", "このファイルの内容は PNG です。JPEG または WebP を選択してください。"),
        ("ar", "محتوى هذا الملف هو PNG. اختر JPEG أو WebP."),
        ("nl", "The content of this file is PNG. Choose JPEG or WebP."),
    ],
)
def test_refused_upload_is_explained_in_the_language_of_the_user(
    language: str, sentence: str
) -> None:
    field = MediaField(accept=["image/jpeg", "image/webp"]).formfield()
    assert field
    with translation.override(language):
        with pytest.raises(ValidationError) as refused:
            field.clean(make_image(format="png"))
        assert refused.value.messages == [sentence]
