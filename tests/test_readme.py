"""Every code block of README.rst is executed."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.files.base import ContentFile
from django.core.management import call_command, get_commands, load_command_class
from django.db import connection, models
from django.template import engines
from django.test import Client, override_settings
from django.test.utils import isolate_apps
from docutils import nodes
from docutils.core import publish_doctree
from PIL import Image

from shift_media.core.keys import parse_resize_key
from shift_media.fields import MediaField
from shift_media.resizes import builder
from shift_media.storages import get_storage
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from testproject.gallery.models import Clip
from tests.docs.projects import running
from tests.doctor.conftest import serving
from tests.parts import ROOT
from tests.servers.fixtures import client_of, storage_options

README = ROOT / "README.rst"
FIRST_SCREEN_LINES = 50


def read_blocks() -> dict[str, tuple[str, str]]:
    """Return language and text of each block by its name; raise if the reST is malformed."""
    options = {"halt_level": 2, "report_level": 5, "syntax_highlight": "none"}
    document = publish_doctree(README.read_text(), settings_overrides=options)
    return {
        " ".join(block["names"]): (block["classes"][-1], block.astext())
        for block in document.findall(nodes.literal_block)
    }


BLOCKS = read_blocks()
RUN = {
    "models",
    "template",
    "url",
    "install",
    "commands",
    "settings",
    "urls",
    "set-up",
    "resize-ahead",
    "s3-settings",
    "s3-set-up",
    "doctor",
    "cleanup",
    "use",
    "tags",
    "video-model",
    "video-tag",
    "video-worker",
}
"""Names of the blocks that a test below executes."""
RESIZE = parse_resize_key(BLOCKS["url"][1].removeprefix("/media/"))


def run(name: str, **names: Any) -> dict[str, Any]:
    namespace = {"__name__": "testproject.gallery.readme", **names}
    exec(compile(BLOCKS[name][1], f"README.rst, {name}", "exec"), namespace)
    return namespace


def render(name: str, **context: Any) -> str:
    return engines["django"].from_string(BLOCKS[name][1]).render(context)


def photo_bytes() -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[None]:
    """Apply the settings and URLs of the README."""
    made = run("settings", BASE_DIR=tmp_path, INSTALLED_APPS=[])
    assert made["INSTALLED_APPS"] == ["shift_media"]
    urls = ModuleType("readme_urls")
    vars(urls).update(run("urls", urlpatterns=[]))
    with override_settings(
        STORAGES=made["STORAGES"], SHIFT_MEDIA=made["SHIFT_MEDIA"], ROOT_URLCONF=urls
    ):
        yield


@pytest.fixture
def photo_model(transactional_db: None) -> Iterator[type[models.Model]]:
    """Create the model of the README and its table."""
    with isolate_apps("testproject.gallery"):
        model: type[models.Model] = run("models")["Photo"]
    model._meta.db_table = "readme_photo"
    with connection.schema_editor() as editor:
        editor.create_model(model)
    yield model
    with connection.schema_editor() as editor:
        editor.delete_model(model)


@pytest.fixture
def photo(site: None, photo_model: type[models.Model]) -> models.Model:
    """Return a row with an uploaded photo."""
    row = photo_model()
    row.image.save("Photo.JPG", ContentFile(photo_bytes()))  # type: ignore[attr-defined]
    return row


def test_every_code_block_is_executed() -> None:
    assert set(BLOCKS) == RUN


def test_first_screen_shows_model_template_url_install_and_commands() -> None:
    screen = "\n".join(README.read_text().splitlines()[:FIRST_SCREEN_LINES])
    for name in ("models", "template", "url", "install", "commands"):
        assert f":name: {name}\n" in screen


@pytest.mark.django_db
@pytest.mark.usefixtures("site")
def test_settings_and_urls_pass_the_system_checks() -> None:
    found = run_checks(include_deployment_checks=True)
    ours = [message for message in found if str(message.id).startswith("shift_media.")]
    assert [message for message in ours if message.level >= ERROR] == []
    assert "shift_media.W001" not in {message.id for message in ours}


@pytest.mark.usefixtures("site")
def test_template_renders_the_url_that_is_shown(
    photo_model: type[models.Model],
) -> None:
    url = BLOCKS["url"][1]
    photo = photo_model(image=str(RESIZE.original))
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["readme"]}):
        shown = render("template", photo=photo).strip()
    assert shown == f'<img src="{url}" alt="">'


def test_template_shows_an_uploaded_photo(photo: models.Model) -> None:
    found = re.search(r'src="([^"]+)"', render("template", photo=photo))
    assert found
    answer = Client().get(found[1])
    assert answer.status_code == 200
    picture = Image.open(BytesIO(answer.getvalue()))
    assert (picture.format, picture.size) == ("WEBP", (400, 300))


def test_python_calls_return_what_their_comments_say(photo: models.Model) -> None:
    image = photo.image  # type: ignore[attr-defined]
    assert (image.width, image.height) == (1600, 1200)
    assert image.metadata.content_type == "image/jpeg"
    cover = run("use", photo=photo)["cover"]
    assert (cover.width, cover.height) == (800, 450)


def test_tags_render_urls_sizes_and_attributes(photo: models.Model) -> None:
    shown = render("tags", photo=photo)
    assert len(re.findall(r"/media/[^\s\"]+upscale-[0-9a-f]{32}\.jpg", shown)) >= 3
    assert " 400 300" in shown
    assert 'alt="A lake"' in shown
    assert 'width="400"' in shown
    assert Client().get(shown.split()[0]).status_code == 200


def test_empty_field_renders_nothing(photo_model: type[models.Model]) -> None:
    shown = render("tags", photo=photo_model())
    assert "media/" not in shown
    assert "<img" not in shown


def split_lines(name: str) -> list[list[str]]:
    return [shlex.split(line, comments=True) for line in BLOCKS[name][1].splitlines()]


def test_make_commands_are_targets() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert split_lines("commands") == [["make", "demo"], ["make", "test"]]
    for _, target in split_lines("commands"):
        assert target in targets


def management_commands(name: str) -> Iterator[list[str]]:
    for python, script, *arguments in split_lines(name):
        assert (python, script) == ("python", "manage.py")
        yield arguments


def test_management_commands_exist() -> None:
    for command, *_ in management_commands("set-up"):
        assert command in get_commands()


@pytest.mark.django_db
def test_s3_storage_passes_the_system_checks(site: None) -> None:
    with override_settings(STORAGES=s3_storages()):
        found = run_checks(include_deployment_checks=True)
        resize = builder.build(str(RESIZE.original), "9x", storage=get_storage("media"))  # type: ignore[arg-type]
    assert [message for message in found if message.level >= ERROR] == []
    assert resize.url.startswith("http://my-site-media.s3-website.eu-central-1.amazonaws.com/")


def s3_storages(**options: Any) -> dict[str, Any]:
    storages = run("s3-settings", STORAGES=dict(settings.STORAGES))["STORAGES"]
    media = storages["media"]
    return {**storages, "media": {**media, "OPTIONS": {**media["OPTIONS"], **options}}}


@pytest.mark.rgw
@pytest.mark.needs("rgw")
def test_bucket_commands_configure_the_bucket(rgw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("widen\n"))
    server = storage_options(rgw, "unused")
    del server["bucket_name"], server["public_url"]
    with override_settings(STORAGES=s3_storages(**server)):
        for arguments in management_commands("s3-set-up"):
            call_command(*arguments)
    website = client_of(rgw).get_bucket_website(Bucket="my-site-media")
    redirect = website["RoutingRules"][0]["Redirect"]
    assert (redirect["HostName"], redirect["Protocol"]) == ("www.example.com", "https")


@pytest.mark.slow
def test_doctor_reports_no_errors(photo: models.Model) -> None:
    with serving() as address:
        for arguments in management_commands("doctor"):
            here = [address if word.startswith("https:") else word for word in arguments]
            call_command(*here, stdout=StringIO(), stderr=StringIO())


@pytest.mark.slow
@pytest.mark.django_db
def test_cleanup_commands_run(site: None) -> None:
    for arguments in management_commands("cleanup"):
        call_command(*arguments, stdout=StringIO())


@pytest.mark.slow
def test_new_project_that_follows_the_readme_works(tmp_path: Path, unpacked_wheel: Path) -> None:
    call_command("startproject", "fresh", tmp_path)
    with running(unpacked_wheel) as run:

        def manage(*arguments: str) -> str:
            return run(tmp_path, [("manage", arguments)], "fresh.settings")

        manage("startapp", "photos")
        for file, block in (("settings", "settings"), ("urls", "urls")):
            with (tmp_path / "fresh" / f"{file}.py").open("a") as module:
                module.write("\n" + BLOCKS[block][1] + "\n")
        with (tmp_path / "fresh" / "settings.py").open("a") as module:
            module.write('INSTALLED_APPS += ["photos"]\n')
        (tmp_path / "photos" / "models.py").write_text(BLOCKS["models"][1])
        for _python, _script, *arguments in [*split_lines("set-up"), *split_lines("resize-ahead")]:
            manage(*arguments)
        assert "No changes detected" in manage("makemigrations")
        assert "no issues" in manage("check")
        where = [("python", "import shift_media; print(shift_media.__file__)")]
        assert run(tmp_path, where, "fresh.settings").startswith(str(unpacked_wheel))


@isolate_apps("testproject.gallery")
def test_video_model_passes_the_field_checks() -> None:
    clip = run("video-model", models=models, MediaField=MediaField)["Clip"]
    field = clip._meta.get_field("video")
    assert field.transcode == "web"
    assert field.check() == []


@pytest.mark.django_db
def test_video_tag_renders_its_sources() -> None:
    key = str(RESIZE.original).replace(".jpg", ".mp4")
    job = TranscodeJob.objects.create(original=key, profile="web", state=State.COMPLETE)
    Rendition.objects.create(
        job=job,
        original=key,
        key=f"{RESIZE.original.directory.replace('.jpg', '.mp4')}/_web/a/720p.mp4",
        kind="mp4",
        content_type="video/mp4",
        state=State.COMPLETE,
    )
    assert re.search(
        r'<video [^>]*controls[^>]*><source src="/media/[^"]+/720p.mp4"',
        render("video-tag", clip=Clip(video=key)),
    )
    assert render("video-tag", clip=Clip()).strip() == ""


def test_video_worker_commands_are_valid() -> None:
    install, worker = split_lines("video-worker")
    assert install == ["python", "-m", "pip", "install", ".[ffmpeg]"]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert "ffmpeg" in config["options.extras_require"]
    parser = load_command_class("shift_media", worker[2]).create_parser("manage.py", worker[2])
    assert parser.parse_args(worker[3:]).watch is True


def test_install_line_installs_this_project() -> None:
    assert split_lines("install") == [["python", "-m", "pip", "install", "."]]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert config["metadata"]["name"] == "django-shift-media"


def test_changelog_is_well_formed() -> None:
    text = (ROOT / "CHANGELOG.rst").read_text()
    publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 5})
