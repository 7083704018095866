"""Secrets in the options of storages: in no pickle, migration, error, report or page."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.core.management import CommandError, call_command
from django.db import models
from django.db.migrations import AddField, Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter
from django.test import Client, RequestFactory, override_settings
from django.test.utils import isolate_apps
from django.urls import reverse
from django.views.debug import ExceptionReporter

from shift_media.core.errors import StorageError
from shift_media.core.keys import parse_original_key
from shift_media.core.spec import Spec
from shift_media.deletion.models import PendingDeletion
from shift_media.fields import MediaField
from shift_media.resizes import Resize
from shift_media.storages import LocalMediaStorage, MediaStorage, S3MediaStorage
from tests.testapp.models import Photo, Secret

pytestmark = pytest.mark.acceptance(67)

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
MARK = "n3ver-sh0wn"
SECRETS = {
    "access_key": f"AK{MARK}1",
    "secret_key": f"SK{MARK}2",
    "security_token": f"ST{MARK}3",
}
OPTIONS: dict[str, Any] = {
    "bucket_name": "b",
    "endpoint_url": "http://127.0.0.1:9",
    "public_url": "https://cdn.example/",
    "region_name": "us-east-1",
    **SECRETS,
}


def define(options: dict[str, Any]) -> dict[str, Any]:
    local = {"BACKEND": "shift_media.storages.LocalMediaStorage"}
    s3 = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    return {"default": local, "media": s3, "archive": s3, "staticfiles": static}


@pytest.fixture
def site() -> Iterator[None]:
    """Configure secrets wherever a site has some."""
    with override_settings(
        STORAGES=define(OPTIONS),
        AWS_SECRET_ACCESS_KEY=f"{MARK}4",
        SECRET_KEY=f"{MARK}5" * 5,
        SHIFT_MEDIA={"SIGNING_KEYS": [f"{MARK}6" * 5]},
    ):
        yield


def own_storage() -> S3MediaStorage:
    """Return a storage that is not in STORAGES."""
    return S3MediaStorage(**OPTIONS)


def archive_storage() -> Storage:
    return storages["archive"]


def resize_in(storage: Any) -> Resize:
    return Resize(parse_original_key(KEY), Spec.parse("400x300-fit-80-noupscale", "jpg"), storage)


# Pickles and copies


@pytest.mark.parametrize("alias", ["media", "archive"])
def test_pickled_resize_names_alias_of_storage(site: None, alias: str) -> None:
    pickled = pickle.dumps(resize_in(storages[alias]))
    assert MARK.encode() not in pickled
    again = pickle.loads(pickled)
    assert again.storage is storages[alias]
    assert again.url.startswith("https://cdn.example/")


@isolate_apps("tests.testapp")
def test_pickled_resize_of_field_with_own_storage_names_field(
    site: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = own_storage()
    field = Secret._meta.get_field("document")
    monkeypatch.setattr(field, "storage", storage)
    pickled = pickle.dumps(resize_in(storage))
    assert MARK.encode() not in pickled
    assert pickle.loads(pickled).storage is storage


def test_storage_of_removed_field_is_reported_when_pickle_is_loaded() -> None:
    from shift_media.storages.naming import get_by_label

    with pytest.raises(InvalidStorageError, match=r"testapp\.Gone\.image.*cache"):
        get_by_label("testapp.Gone.image")


def test_storage_without_name_is_not_pickled_and_error_says_what_to_write(site: None) -> None:
    with pytest.raises(pickle.PicklingError, match=r"STORAGES.*archive_storage\(\)") as caught:
        pickle.dumps(resize_in(own_storage()))
    assert MARK not in str(caught.value)


def test_options_in_the_state_of_a_migration_are_copied_and_not_pickled() -> None:
    _, (unwritten,), _ = S3MediaStorage(**OPTIONS).deconstruct()
    assert copy.deepcopy(unwritten) == unwritten
    with pytest.raises(pickle.PicklingError, match="STORAGES") as caught:
        pickle.dumps(unwritten)
    assert MARK not in str(caught.value)


def test_storage_without_secrets_is_pickled_by_its_options(tmp_path: Path) -> None:
    local = pickle.loads(pickle.dumps(LocalMediaStorage(tmp_path, base_url="/own/")))
    assert (local.location, local.base_url) == (str(tmp_path), "/own/")
    options = {"bucket_name": "b", "public_url": "https://cdn.example/"}
    with override_settings(AWS_S3_SECRET_ACCESS_KEY=MARK):
        pickled = pickle.dumps(S3MediaStorage(**options))
    assert MARK.encode() not in pickled
    assert pickle.loads(pickled).bucket_name == "b"


@pytest.mark.parametrize(
    "options",
    [
        {"proxies": {"http": f"http://me:{MARK}@proxy"}},
        {"endpoint_url": f"http://me:{MARK}@127.0.0.1:9"},
        {"object_parameters": {"SSECustomerKey": MARK}},
        {"cloudfront_signer": object(), "originals": "private"},
    ],
)
def test_every_option_that_may_be_secret_keeps_storage_out_of_pickles(
    options: dict[str, Any],
) -> None:
    storage = S3MediaStorage(bucket_name="b", public_url="https://cdn.example/", **options)
    with pytest.raises(pickle.PicklingError):
        pickle.dumps(storage)
    assert MARK not in str(storage.deconstruct())


def test_copies_of_storage_are_the_storage(site: None) -> None:
    for storage in (own_storage(), storages["media"], LocalMediaStorage("/m")):
        assert copy.copy(storage) is storage
        assert copy.deepcopy([resize_in(storage)])[0].storage is storage


def test_row_and_its_file_are_pickled_without_storage(site: None) -> None:
    row = Photo(image=KEY, image_meta={})
    for value in (row, row.image, row.image.resize("400x300"), copy.deepcopy(row)):
        assert MARK.encode() not in pickle.dumps(value)


# Migrations


def written(field: models.Field[Any, Any]) -> str:
    """Return the source of a migration that adds a field."""
    migration = Migration("0002_added", "testapp")
    migration.operations = [AddField("photo", "added", field)]
    return str(MigrationWriter(migration, include_header=False).as_string())


@pytest.mark.parametrize("kind", [MediaField, models.FileField])
def test_migration_names_alias_of_storage_object(site: None, kind: Any) -> None:
    source = written(kind(storage=storages["archive"]))
    assert MARK not in source
    assert "storage=shift_media.storages.get_storage('archive')" in source
    loaded: dict[str, Any] = {}
    exec(source, loaded)
    field = loaded["Migration"].operations[0].field
    assert field.storage is storages["archive"]
    assert written(field) == source


@pytest.mark.parametrize("kind", [MediaField, models.FileField])
def test_migration_with_storage_that_may_hold_secrets_is_refused(site: None, kind: Any) -> None:
    with pytest.raises(
        ValueError, match=r"S3MediaStorage.*STORAGES.*archive_storage\(\)"
    ) as caught:
        written(kind(storage=own_storage()))
    assert MARK not in str(caught.value)


def test_migration_that_holds_storage_with_secrets_is_loaded_and_compared(site: None) -> None:
    def state(storage: Any) -> ProjectState:
        state = ProjectState()
        fields = [("id", models.AutoField(primary_key=True)), ("f", MediaField(storage=storage))]
        state.add_model(ModelState("testapp", "Old", fields))
        return state

    old = state(own_storage())
    field = old.apps.get_model("testapp", "Old")._meta.get_field("f")
    assert field.storage.secret_key == SECRETS["secret_key"]

    def changes(new: ProjectState) -> Any:
        return MigrationAutodetector(old.clone(), new)._detect_changes()

    assert changes(state(own_storage())) == {}
    moved = changes(state(archive_storage))["testapp"][0].operations
    assert [operation.field.storage for operation in moved] == [storages["archive"]]


def test_local_storage_stays_in_migrations_as_file_system_storage_does(tmp_path: Path) -> None:
    assert "LocalMediaStorage(location='/srv/own')" in written(
        MediaField(storage=LocalMediaStorage(location="/srv/own"))
    )


@pytest.mark.parametrize(
    ("storage", "says"),
    [(own_storage, "no migration"), (archive_storage, "imported")],
)
@isolate_apps("tests.testapp")
def test_check_says_what_to_write_for_storage_object(
    site: None, storage: Callable[[], Storage], says: str
) -> None:
    class Own(models.Model):  # noqa: DJ008
        by_object = MediaField(storage=storage())
        by_function = MediaField(storage=storage)

        class Meta:
            app_label = "testapp"

    found = [message for message in Own.check() if message.id == "shift_media.W102"]
    assert [message.obj.name for message in found] == ["by_object"]
    assert says in found[0].msg
    assert 'def archive_storage(): return storages["archive"]' in str(found[0].hint)
    assert MARK not in str(found)


# Errors, logs, reports and pages


def failures(storage: MediaStorage) -> Iterator[BaseException]:
    """Yield the errors of a storage whose server does not answer."""
    calls: list[Callable[[], object]] = [
        lambda: storage.stat(KEY),
        lambda: storage.open(KEY),
        lambda: storage.save(KEY, ContentFile(b"x")),
        lambda: storage.listdir(""),
        lambda: storage.delete(KEY),
        lambda: storage.delete_prefix("a/"),
    ]
    for call in calls:
        try:
            call()
        except StorageError as error:
            yield error


def pages_of(error: BaseException) -> Iterator[str]:
    """Yield what Django shows of an error: in a page, a mail and a log."""
    for debug in (True, False):
        with override_settings(DEBUG=debug):
            request = RequestFactory().get("/")
            report = ExceptionReporter(request, type(error), error, error.__traceback__)
            yield report.get_traceback_html()
            yield report.get_traceback_text()
    record = logging.LogRecord("x", 40, "x", 1, "failed", (), (type(error), error, None))
    yield logging.Formatter().format(record) + repr(error)


@pytest.mark.slow
def test_debug_page_and_mail_about_failed_storage_show_no_secret(site: None) -> None:
    found = list(failures(storages["media"]))  # type: ignore[arg-type]
    assert len(found) == 6
    for error in found:
        assert [page for page in pages_of(error) if MARK in page] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": "b"},
        {"public_url": "cdn"},
        {"bucket_name": None},
        {"originals": "all"},
        {"session_profile": "p"},
        {"cloudfront_key": f"{MARK}7"},
        {"gzip": True},
    ],
)
def test_error_about_wrong_option_shows_no_other_option(site: None, wrong: dict[str, Any]) -> None:
    given = {**OPTIONS, **wrong}
    with pytest.raises(Exception, match=r".") as caught:
        S3MediaStorage(**given)
    report = ExceptionReporter(None, caught.type, caught.value, caught.tb)
    frames = report.get_traceback_frames()
    shown = [f for f in frames if "test_secrets" not in f["filename"] and MARK in str(f["vars"])]
    assert [frame["function"] for frame in shown] == []
    assert MARK not in str(caught.value)


def test_reprs_show_no_secret(site: None) -> None:
    storage = own_storage()
    values = (storage, storage.deconstruct(), resize_in(storage), MediaField(storage=storage))
    assert MARK not in repr(values) + str(values)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("options", [["--json"], ["--json", "--verify"], []])
def test_doctor_shows_no_secret(site: None, options: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.suppress(CommandError):  # It is not healthy.
        call_command("media_doctor", *options, stdout=out, stderr=err)
    assert "S3MediaStorage" in out.getvalue()
    assert MARK not in out.getvalue() + err.getvalue()


@pytest.mark.slow
@pytest.mark.django_db
def test_admin_shows_no_secret_of_failed_deletion(site: None, admin_client: Client) -> None:
    storage = storages["media"]
    error = next(failures(storage))  # type: ignore[arg-type]
    row = PendingDeletion.objects.create(storage="media", prefix=KEY.rpartition("/")[0] + "/")
    PendingDeletion.retry_all_later([row], error)  # type: ignore[arg-type]
    pages = [
        reverse("admin:shift_media_pendingdeletion_changelist"),
        reverse("admin:shift_media_pendingdeletion_change", args=[row.pk]),
    ]
    for page in pages:
        answer = admin_client.get(page)
        assert answer.status_code == 200
        assert MARK not in answer.content.decode()


def test_settings_that_are_no_dict_are_reported_without_their_value() -> None:
    from shift_media.conf import settings

    with override_settings(SHIFT_MEDIA=[("SIGNING_KEYS", [MARK])]):
        (error,) = settings.errors()
    assert "write a dict" in str(error)
    assert MARK not in str(error)
