"""Media requests on a site with several databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fields.test_concurrency import in_a_process

ATOMIC = """
import django
django.setup()
from django.test import Client
from django.urls import reverse
client = Client(raise_request_exception=False, headers={"host": "localhost"})
key = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
statuses = [
    client.get(reverse("shift_media:resize", args=[key])).status_code,
    client.post(reverse("shift_media:sns"), b"{}", content_type="text/plain").status_code,
    client.post(reverse("shift_media:upload"), {}).status_code,
]
assert statuses == [404, 403, 400], statuses
"""
DOWN = "{**DATABASES['default'], 'ATOMIC_REQUESTS': True, 'NAME': '/nonexistent/db.sqlite3'}"


@pytest.mark.slow
@pytest.mark.acceptance(65)
def test_media_request_opens_no_transaction_in_a_database_that_is_down(tmp_path: Path) -> None:
    in_a_process(ATOMIC, tmp_path, f"{{}}\nDATABASES['second'] = {DOWN}")
