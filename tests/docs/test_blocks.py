"""Every code block of the documentation is tested."""

from __future__ import annotations

import copy
import doctest
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.base import ContentFile
from django.db import models
from django.template import engines
from django.template.backends.jinja2 import Jinja2
from django.test import override_settings
from django.test.utils import isolate_apps
from PIL import Image

from shift_media import signals
from shift_media.fields import MediaField
from shift_media.storages import LocalMediaStorage
from testproject.gallery.models import Clip, Photo
from tests.docs.blocks import BLOCKS, Block, check_shell, check_text
from tests.imaging import images

PRESETS = {"avatar": {"size": "96x96", "mode": "fill"}, "card": {"size": "400x300"}}
SETTINGS = ("STORAGES", "SHIFT_MEDIA", "CACHES")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


RUN_TOGETHER = (
    "quickstart",
    "how-to/add-image-format",
    "how-to/write-a-storage",
    "how-to/write-a-transcoder",
)
"""Pages whose modules depend on each other.

test_docs.py, test_new_format.py, storages/test_guide.py and transcoding/test_guide.py run them.
Blocks with captions are run by test_guides.py.
"""


def is_session(block: Block) -> bool:
    return block.language == "python" and block.text.startswith(">>>")


def parametrize_blocks(*languages: str) -> Any:
    chosen = [
        block
        for block in BLOCKS
        if block.language in languages
        and not is_session(block)
        and not block.caption
        and not (block.language == "python" and block.page in RUN_TOGETHER)
    ]
    return pytest.mark.parametrize("block", chosen, ids=str)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[None]:
    media = {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": tmp_path / "media", "base_url": "/media/"},
    }
    keys = {"SIGNING_KEYS": ["docs"], "PRESETS": PRESETS, "SITE_URL": "https://www.example.com"}
    with override_settings(
        STORAGES={**settings.STORAGES, "media": media},
        SHIFT_MEDIA=keys,
    ):
        yield


@pytest.fixture
def rows(site: None, transactional_db: None) -> dict[str, Any]:
    """Return the rows and models that examples use."""
    file = BytesIO()
    Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(file, "JPEG")
    photo = Photo(title="A lake")
    photo.image.save("Lake.JPG", ContentFile(file.getvalue()))
    return {"photo": photo, "Photo": Photo, "clip": Clip(), "Clip": Clip}


@pytest.fixture
def quiet_signals() -> Iterator[None]:
    """Disconnect the receivers that an example connects."""
    kinds = [value for value in vars(signals).values() if isinstance(value, signals.Signal)]
    before = [list(kind.receivers) for kind in kinds]
    yield
    for kind, receivers in zip(kinds, before, strict=True):
        kind.receivers[:] = receivers
        kind.sender_receivers_cache.clear()


def namespace_for(rows: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the names that examples of settings, URL modules and shells use."""
    return {
        "__name__": "testproject.gallery.docs",
        "BASE_DIR": folder,
        "INSTALLED_APPS": [],
        "MIDDLEWARE": [],
        "STORAGES": dict(settings.STORAGES),
        "CACHES": dict(settings.CACHES),
        "SHIFT_MEDIA": copy.deepcopy(settings.SHIFT_MEDIA),
        "urlpatterns": [],
        "MyStorage": LocalMediaStorage,
        **rows,
    }


PASTED = {block.page for block in BLOCKS if block.caption}
SESSIONS = {block.page for block in BLOCKS if is_session(block)} - PASTED


@pytest.mark.parametrize("page", [*sorted(SESSIONS), "how-to/test-your-site"])
@pytest.mark.usefixtures("quiet_signals")
def test_python_sessions_print_the_output_that_they_show(
    page: str, rows: dict[str, Any], tmp_path: Path
) -> None:
    text = "".join(block.text for block in BLOCKS if block.page == page and is_session(block))
    example = doctest.DocTestParser().get_doctest(
        text, namespace_for(rows, tmp_path), page, None, 0
    )
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    output: list[str] = []
    runner.run(example, out=output.append)
    assert runner.failures == 0, "".join(output)


@parametrize_blocks("python")
@pytest.mark.usefixtures("quiet_signals")
def test_python_block_runs_and_passes_the_system_checks(
    block: Block, rows: dict[str, Any], tmp_path: Path
) -> None:
    names = namespace_for(rows, tmp_path)
    (tmp_path / "logo.png").write_bytes(images.encoded(images.quadrants(), "png"))
    if block.page == "index":
        names |= {"models": models, "MediaField": MediaField}  # no room for imports there
    with isolate_apps("testproject.gallery"):
        exec(compile(block.text, str(block), "exec"), names)
    with override_settings(**{name: names[name] for name in SETTINGS}):
        found = run_checks(include_deployment_checks=True)
    assert [message for message in found if message.level >= ERROR] == []


@parametrize_blocks("django")
def test_template_block_renders_its_resizes(block: Block, rows: dict[str, Any]) -> None:
    shown = engines["django"].from_string(block.text).render({**rows, "photos": Photo.objects})
    images = shown.count("upscale-")
    assert images >= block.text.count("{% resize")


@parametrize_blocks("jinja")
def test_jinja_block_renders_its_resizes(block: Block, rows: dict[str, Any]) -> None:
    extensions = {"extensions": ["shift_media.jinja2.MediaExtension"]}
    engine = Jinja2({"NAME": "jinja2", "DIRS": [], "APP_DIRS": False, "OPTIONS": extensions})
    shown = engine.from_string(block.text).render(rows)
    assert shown.count("upscale-") >= block.text.count("resize_")


@parametrize_blocks("shell", "console")
def test_commands_of_shell_block_exist_and_accept_their_arguments(block: Block) -> None:
    check_shell(block)


def test_data_blocks_are_well_formed() -> None:
    for block in BLOCKS:
        if block.language not in ("python", "django", "jinja", "shell", "console"):
            check_text(block)
