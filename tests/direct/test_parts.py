"""Uploads in parts on a local disk, where the app takes the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from shift_media.direct import tickets
from shift_media.direct.tickets import LARGEST_IN_PARTS, part_size_of
from shift_media.storages.multipart import MOST_PARTS
from tests.direct.part_steps import (
    CONTENT,
    FIELD,
    PART,
    RULES,
    act,
    begin,
    md5,
    piece,
    send,
    send_signed,
)
from tests.direct.steps import request_of
from tests.direct.steps import ticket as single_ticket
from tests.fields.conftest import Use

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("uploads_in_parts"),
    pytest.mark.acceptance(77),
]


@pytest.fixture
def uploads_in_parts(use: Use) -> Iterator[None]:
    """Allow uploads in parts of the smallest size into a folder."""
    use("shift_media.storages.LocalMediaStorage")
    with override_settings(SHIFT_MEDIA={"UPLOADS": RULES, "UPLOAD_PART_BYTES": PART}):
        yield


@pytest.fixture
def begun(client: Client) -> str:
    """Begin an upload of two parts, and return its ticket."""
    response = begin(client)
    assert response.status_code == 201, response.content
    given = response.json()
    assert given == {"ticket": given["ticket"], "part_size": PART, "seconds": 86400}
    token: str = given["ticket"]
    return token


def test_parts_in_any_order_are_completed_without_etags(
    client: Client, begun: str, stored: Callable[[], list[str]], tmp_path: Path
) -> None:
    for number in (2, 1):
        assert send(client, begun, number, piece(number)) == 204
    done = act(client, "complete", begun)
    assert (done.status_code, done.json()) == (200, {"ticket": begun})
    (key,) = stored()
    assert (tmp_path / "media" / key).read_bytes() == CONTENT


def test_stored_part_of_another_size_is_missing(client: Client, begun: str) -> None:
    send(client, begun, 1, piece(1))
    send(client, begun, 2, piece(2))
    ticket = tickets.verify(begun, request_of(client, begun))
    short, uploads = BytesIO(b"short"), ticket.storage.multipart
    uploads.put_part(ticket.key, ticket.upload_id, 2, short, size=5, md5=md5(b"short"))
    assert act(client, "list", begun).json()["parts"] == [1]
    early = act(client, "complete", begun)
    assert (early.status_code, early.json()["parts"]) == (409, [2])


def test_upload_left_midway_goes_on_where_it_was(client: Client, begun: str) -> None:
    assert act(client, "list", begun).json() == {"part_size": PART, "parts": []}
    send(client, begun, 2, piece(2))
    assert act(client, "list", begun).json()["parts"] == [2]
    early = act(client, "complete", begun)
    assert early.status_code == 409
    assert (early.json()["code"], early.json()["parts"]) == ("parts_missing", [1])
    send(client, begun, 1, piece(1))
    assert act(client, "complete", begun).status_code == 200
    assert act(client, "list", begun).json()["parts"] == [1, 2]


def test_part_that_changed_on_its_way_is_refused(client: Client, begun: str) -> None:
    right, wrong = piece(2), piece(2)[::-1]
    signed = act(client, "sign", begun, number=2, md5=md5(right)).json()
    assert send_signed(client, signed, wrong) == 400
    assert send_signed(client, signed, right + b"x") == 400
    assert send_signed(client, signed, right[:-1]) == 400
    assert act(client, "list", begun).json()["parts"] == []
    assert send_signed(client, signed, right) == 204


def test_completion_is_repeated_without_harm(client: Client, begun: str) -> None:
    for number in (1, 2):
        send(client, begun, number, piece(number))
    for _ in range(2):
        assert act(client, "complete", begun).status_code == 200
    assert send(client, begun, 1, piece(1)) == 400
    assert act(client, "abort", begun).status_code == 204
    assert act(client, "complete", begun).status_code == 200


def test_aborted_upload_leaves_nothing_and_cannot_go_on(
    client: Client, begun: str, stored: Callable[[], list[str]]
) -> None:
    send(client, begun, 1, piece(1))
    for _ in range(2):
        assert act(client, "abort", begun).status_code == 204
    assert stored() == []
    for action in ("list", "complete"):
        assert act(client, action, begun).json()["code"] == "upload_missing"
    assert send(client, begun, 1, piece(1)) == 400


def test_ticket_of_another_user_is_refused(client: Client, other: Client, begun: str) -> None:
    signed = act(client, "sign", begun, number=1, md5=md5(piece(1))).json()
    for action in ("list", "complete", "abort", "sign"):
        refused = act(other, action, begun, number=1, md5=md5(piece(1)))
        assert (refused.status_code, refused.json()["code"]) == (400, "upload_refused")
    assert send_signed(other, signed, piece(1)) == 400
    assert act(client, "list", begun).json()["parts"] == []


def test_upload_id_of_another_ticket_is_refused(client: Client, begun: str) -> None:
    """The id is part of what the app has signed; with the app's key it must fit the other's."""
    mine = tickets.verify(begun, request_of(client, begun))
    theirs = tickets.verify(begin(client).json()["ticket"], request_of(client, begun))
    changed = begun.partition(".")[0][:-4] + "AAAA." + begun.partition(".")[2]
    assert act(client, "list", changed).json()["code"] == "upload_refused"
    mixed = replace(mine, upload_id=theirs.upload_id).token
    assert act(client, "list", mixed).json()["code"] == "upload_missing"


@pytest.mark.parametrize("number", [0, -1, 3, 10_001, 1.5, "1", True, None, 10**30])
def test_number_outside_of_the_file_is_refused(client: Client, begun: str, number: Any) -> None:
    refused = act(client, "sign", begun, number=number, md5=md5(b""))
    assert (refused.status_code, refused.json()["code"]) == (400, "upload_refused")


@pytest.mark.parametrize("value", [None, "", "x", "AAAA", 5, "é" * 24, "A" * 5000])
def test_wrong_md5_is_refused(client: Client, begun: str, value: Any) -> None:
    refused = act(client, "sign", begun, number=1, md5=value)
    assert (refused.status_code, refused.json()["code"]) == (400, "upload_refused")


def test_unknown_actions_and_tickets_of_other_uploads_are_refused(
    client: Client, begun: str
) -> None:
    with override_settings(
        SHIFT_MEDIA={"UPLOADS": {"testapp.Photo.image": "shift_media.direct.may_add"}}
    ):
        single = single_ticket(client, b"x")["ticket"]
    for action, token in (("steal", begun), ("list", single), ("list", ""), ("", begun)):
        refused = act(client, action, token)
        assert (refused.status_code, refused.json()["code"]) == (400, "upload_refused")


@pytest.mark.parametrize("size", [1, PART * MOST_PARTS, PART * MOST_PARTS + 1, LARGEST_IN_PARTS])
def test_file_of_any_size_has_at_most_ten_thousand_parts(size: int) -> None:
    assert -(-size // part_size_of(size)) <= MOST_PARTS


def test_sizes_outside_of_the_limits_are_refused(client: Client) -> None:
    for size, code in ((0, "empty"), (LARGEST_IN_PARTS + 1, "too_large"), (-5, "empty")):
        refused = begin(client, size=size)
        assert (refused.status_code, refused.json()["code"]) == (400, code)
    assert begin(client, size=LARGEST_IN_PARTS).status_code == 201


def test_storage_without_parts_asks_for_one_piece(client: Client) -> None:
    with override_settings(
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "media": {"BACKEND": "shift_media.testing.InMemoryMediaStorage"},
        }
    ):
        refused = begin(client)
    assert (refused.status_code, refused.json()["code"]) == (400, "parts_unsupported")


def test_expired_ticket_is_refused(client: Client, begun: str) -> None:
    old = replace(tickets.verify(begun, request_of(client, begun)), expires=1).token
    assert act(client, "complete", old).json()["code"] == "upload_refused"


def test_field_without_a_rule_takes_no_parts(client: Client) -> None:
    with override_settings(SHIFT_MEDIA={"UPLOADS": {}}):
        assert begin(client, field=FIELD).status_code == 403
