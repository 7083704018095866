"""A ticket is used for one row: in one transaction, and by requests at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from shift_media.direct import DirectUploadMiddleware, StagedFile
from shift_media.quotas.models import UploadReservation
from shift_media.staging import UsedTicket
from shift_media.storages import default_media_storage
from shift_media.storages.disk_multipart import DiskMultipart
from shift_media.storages.server_copy import SourceChanged
from shift_media.validators import InvalidMedia
from tests.direct.part_steps import act, send
from tests.direct.steps import FIELD, ask, put, request_of, ticket
from tests.fields.material import picture
from tests.fields.test_concurrency import in_a_process
from tests.servers.databases import DatabaseServer
from tests.testapp.models import Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads"),
    pytest.mark.acceptance(39),
]

JPEG = picture()


@pytest.fixture
def file(client: Client) -> Callable[[], StagedFile]:
    """Upload a file, and return a function that returns it as another form would."""
    given = ticket(client, JPEG)
    put(client, given, JPEG)
    return lambda: StagedFile(given["ticket"], request_of(client, given["ticket"]))


def test_ticket_is_used_for_one_row_of_a_transaction(file: Callable[[], StagedFile]) -> None:
    with transaction.atomic():
        first = Photo.objects.create(image=file())
        with pytest.raises(InvalidMedia) as refused, transaction.atomic():
            Photo.objects.create(image=file())
        first.title = "saved again"
        first.save()
    assert refused.value.code == "upload_missing"
    assert Photo.objects.get() == first
    assert {entry.key for entry in default_media_storage.entries() if entry.size} == {
        first.image.key
    }


def test_ticket_of_a_transaction_that_is_rolled_back_can_be_used_again(
    file: Callable[[], StagedFile],
) -> None:
    with transaction.atomic():
        Photo.objects.create(image=file())
        transaction.set_rollback(True)
    row = Photo.objects.create(image=file())
    assert UsedTicket.objects.get().staged == file().staged_key
    assert Photo.objects.get() == row


def test_request_with_a_ticket_of_another_request_is_answered_with_409(
    file: Callable[[], StagedFile],
) -> None:
    row = Photo(image=file())
    row.full_clean()
    Photo.objects.create(image=file())  # Meanwhile another request is faster.
    with pytest.raises(SourceChanged) as late:
        row.save()
    middleware = DirectUploadMiddleware(lambda request: HttpResponse())
    request = RequestFactory().post("/")
    response = middleware.process_exception(request, late.value)
    assert response is not None
    assert (response.status_code, response["Cache-Control"]) == (409, "no-store")
    assert b"Choose it again" in response.content
    used = middleware.process_exception(request, InvalidMedia("upload_missing"))
    assert used is not None
    assert used.content == response.content
    assert middleware.process_exception(request, InvalidMedia("too_large")) is None
    assert middleware.process_exception(request, RuntimeError()) is None


@pytest.mark.slow
def test_cleanup_forgets_tickets_that_have_expired(file: Callable[[], StagedFile]) -> None:
    Photo.objects.create(image=file())
    call_command("media_cleanup", stdout=StringIO())
    assert UsedTicket.objects.count() == 1
    UsedTicket.objects.update(expires=timezone.now() - timedelta(seconds=1))
    call_command("media_cleanup", dry_run=True, stdout=StringIO())
    assert UsedTicket.objects.count() == 1
    call_command("media_cleanup", stdout=StringIO())
    assert not UsedTicket.objects.exists()


def quota(request: HttpRequest, size: int, count: int) -> None:
    """Allow each upload: the function of a site."""


@pytest.fixture
def begun(client: Client) -> Iterator[str]:
    """Send the only part of an upload, on a site with a quota; return the ticket."""
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add"},
        "UPLOAD_QUOTA": f"{__name__}.quota",
    }
    with override_settings(SHIFT_MEDIA=given):
        begun: str = ask(client, JPEG, parts=True).json()["ticket"]
        assert send(client, begun, 1, JPEG) == 204
        yield begun


def test_abort_while_the_parts_are_completed_leaves_file_and_reservation(
    client: Client, begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = DiskMultipart.complete

    def interrupted(self: DiskMultipart, *arguments: Any) -> bool:
        assert act(client, "abort", begun).status_code == 204
        removed = client.delete("/media/upload/form/", begun, content_type="text/plain")
        assert removed.status_code == 204
        return complete(self, *arguments)

    monkeypatch.setattr(DiskMultipart, "complete", interrupted)
    assert act(client, "complete", begun).status_code == 200
    assert UploadReservation.objects.count() == 1
    Photo.objects.create(image=StagedFile(begun, request_of(client, begun)))
    assert not UploadReservation.objects.exists()


def test_completion_after_an_abort_stores_nothing(client: Client, begun: str) -> None:
    assert act(client, "abort", begun).status_code == 204
    answer = act(client, "complete", begun)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_missing")
    assert not UploadReservation.objects.exists()
    assert not [entry for entry in default_media_storage.entries() if entry.size]


def test_upload_whose_parts_were_missing_can_be_aborted(client: Client, uploads: None) -> None:
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add"},
        "UPLOAD_QUOTA": f"{__name__}.quota",
    }
    with override_settings(SHIFT_MEDIA=given):
        begun = ask(client, JPEG, parts=True).json()["ticket"]
        assert act(client, "complete", begun).status_code == 409
        assert UploadReservation.objects.count() == 1
        act(client, "abort", begun)
        assert not UploadReservation.objects.exists()


RACE = """
import threading
import django
django.setup()
from django.core.management import call_command
from django.db import connections, transaction
from django.test import Client, override_settings
from shift_media.direct import StagedFile
from shift_media.validators import InvalidMedia
from shift_media.storages import default_media_storage
from shift_media.storages.server_copy import SourceChanged
from tests.direct.conftest import client_of
from tests.direct.steps import put, request_of, ticket, FIELD
from tests.fields.material import picture
from tests.testapp.models import Photo

call_command("migrate", run_syncdb=True, verbosity=0)
JPEG, start, seen = picture(), threading.Barrier(6), []

def work(token, request):
    try:
        with transaction.atomic():
            row = Photo(image=StagedFile(token, request))
            row.full_clean()
            start.wait()
            row.save()
        seen.append(row.pk)
    except (InvalidMedia, SourceChanged):
        seen.append("refused")
    finally:
        connections.close_all()

rules = {FIELD: "shift_media.direct.may_add"}
with override_settings(SHIFT_MEDIA={"UPLOADS": rules}, ALLOWED_HOSTS=["testserver"]):
    client = client_of("ada")
    given = ticket(client, JPEG)
    put(client, given, JPEG)
    request = request_of(client, given["ticket"])
    threads = [threading.Thread(target=work, args=[given["ticket"], request]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
row = Photo.objects.get()
assert sorted(map(str, seen)) == sorted([str(row.pk), *["refused"] * 5]), seen
kept = [entry.key for entry in default_media_storage.entries() if entry.size]
assert kept == [row.image.key], kept
"""


def test_six_requests_with_one_ticket_at_once_make_one_row_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(RACE, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))
