"""The router of all tests finds reads of the package that a replica could answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import router

from tests import routing
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db, pytest.mark.acceptance(65)]

PACKAGE = routing.PACKAGE


def read_in(path: Path, code: str) -> None:
    """Run code as if it were a module of that path."""
    exec(compile(code, str(path), "exec"), {"Photo": Photo})


def test_all_tests_run_with_the_router() -> None:
    assert any(isinstance(one, routing.StrictRouter) for one in router.routers)


@pytest.mark.parametrize("read", ["list(Photo.objects.all())", "Photo.objects.exists()"])
def test_read_that_leads_to_a_write_and_names_no_database_is_refused(read: str) -> None:
    with pytest.raises(routing.ReadFromReplica, match=r"deletion/service\.py:1 reads Photo"):
        read_in(PACKAGE / "deletion/service.py", read)


def test_read_that_names_a_database_is_allowed() -> None:
    read_in(PACKAGE / "deletion/service.py", "list(Photo.objects.using('default'))")


@pytest.mark.parametrize("module", routing.FOR_DISPLAY)
def test_read_for_display_is_allowed(module: str) -> None:
    assert (PACKAGE / module).exists(), f"Remove {module} from FOR_DISPLAY."
    read_in(PACKAGE / module, "list(Photo.objects.all())")


def test_read_of_a_project_is_allowed() -> None:
    assert not Photo.objects.exists()
