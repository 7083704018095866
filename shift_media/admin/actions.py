"""Actions on many rows: each is confirmed, and done in parts, so that a page shows progress.

A part is a POST of the same form with ``after``, the primary key that was done last. The script of
the confirmation posts one after the other; without it one request does as much as it has time for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shift_media.admin import batches
from shift_media.admin.primary import on_primary
from shift_media.admin.shown_files import fields_of, holds
from shift_media.conf import settings
from shift_media.core.formats import accepted_formats
from shift_media.imaging.strip import can_strip

SECONDS: Final = 20
"""The longest that one request without the script works; the rest is said to be left."""

PART_SECONDS: Final = 2
"""The same for a request of the script, after which it shows the progress."""


@dataclass(frozen=True, slots=True)
class MediaAction:
    """One action.

    Attributes:
        name: as in ``media_actions``.
        description: for the menu.
        question: what will be done, for the confirmation.
        done, kept: what the numbers of changed and unchanged files mean.
        logged: for the history of a row that was changed; empty: nothing in a row changes.
    """

    name: str
    description: Any
    question: Any
    done: Any
    kept: Any
    logged: Any = ""

    def applies_to(self, model: type[models.Model]) -> bool:
        """Return True if there is something to do for files of a model."""
        fields = fields_of(model)
        if self.name == "make_resizes":
            return bool(presets_of(model))
        if self.name == "strip_metadata":
            formats = [each for field in fields for each in accepted_formats(field.accept)]
            return any(map(can_strip, formats))
        return any(field.transcode and holds(field, "video", "audio") for field in fields)

    def work(self, request: HttpRequest) -> batches.Work:
        """Return the work for each file."""
        if self.name == "make_resizes":
            return batches.make_resizes(request.POST.getlist("preset"))
        works = {
            "strip_metadata": batches.strip_metadata,
            "transcode_again": batches.transcode_again,
        }
        return works[self.name]

    def __call__(
        self, model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """Ask for the confirmation, or do what was confirmed."""
        rows = on_primary(queryset).order_by("pk")
        if "confirmed" not in request.POST:
            return self._confirm(model_admin, request, rows)
        try:
            after, outcome, left = self._run(model_admin, request, rows)
        except (ValueError, ValidationError):
            return HttpResponseBadRequest("after must be the primary key that was done last.")
        if "after" in request.POST:
            content = {"after": after, "left": left, "failures": outcome.failures}
            return JsonResponse({**content, "counts": outcome.counts})
        self._report(model_admin, request, outcome, left)
        return None

    def _confirm(
        self, model_admin: Any, request: HttpRequest, rows: QuerySet[Any]
    ) -> TemplateResponse:
        chosen = presets_of(model_admin.model) if self.name == "make_resizes" else {}
        context = {
            **model_admin.admin_site.each_context(request),
            "title": self.description,
            "opts": model_admin.opts,
            "media": model_admin.media,
            "question": self.question,
            "back": request.get_full_path(),
            "action": self.name,
            "number": rows.count(),
            "first": rows[:10],
            "presets": chosen,
            "done_text": self.done,
            "kept_text": self.kept,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(request, "shift_media/admin/confirm_action.html", context)

    def _run(
        self, model_admin: Any, request: HttpRequest, rows: QuerySet[Any]
    ) -> tuple[str | None, batches.BatchOutcome, int]:
        """Work until the time is over; return the last primary key, and how many are left."""
        is_part = "after" in request.POST
        if after := request.POST.get("after"):
            rows = rows.filter(pk__gt=after)
        deadline = time.monotonic() + (PART_SECONDS if is_part else SECONDS)
        outcome, work, last = batches.BatchOutcome(), self.work(request), None
        for row in rows.iterator(chunk_size=50):
            if last is not None and time.monotonic() > deadline:
                return str(last), outcome, rows.filter(pk__gt=last).count()
            last = row.pk
            if not model_admin.has_change_permission(request, row):
                outcome.counts["skipped"] += 1
            elif outcome.run(row, work) and self.logged:
                model_admin.log_change(request, row, str(self.logged))
        return None, outcome, 0

    def _report(
        self, model_admin: Any, request: HttpRequest, outcome: batches.BatchOutcome, left: int
    ) -> None:
        texts = self.texts()
        said = [f"{texts[name]}: {number}" for name, number in outcome.counts.items() if number]
        level = messages.WARNING if outcome.failures or left else messages.SUCCESS
        if left:
            said.append(_("%d rows are left: run the action again.") % left)
        model_admin.message_user(request, ". ".join(said) or _("Nothing to do."), level)
        for failure in outcome.failures:
            model_admin.message_user(request, failure, messages.ERROR)

    def texts(self) -> dict[str, str]:
        """Return the labels of the numbers."""
        return {
            "done": str(self.done),
            "kept": str(self.kept),
            "skipped": _("Skipped"),
            "failed": _("Failed"),
        }


ACTIONS: Final[Mapping[str, MediaAction]] = {
    action.name: action
    for action in (
        MediaAction(
            "make_resizes",
            gettext_lazy("Make resizes now"),
            gettext_lazy(
                "Their resizes of these presets are made, unless they are stored already."
            ),
            gettext_lazy("Resizes made"),
            gettext_lazy("Stored before"),
        ),
        MediaAction(
            "strip_metadata",
            gettext_lazy("Remove place, camera and other metadata"),
            gettext_lazy(
                "Images with metadata are replaced by ones without: no place, camera, author, "
                "comments or thumbnails. Pixels, orientation and colours stay. Each gets a new "
                "address, and the old file is deleted."
            ),
            gettext_lazy("Files replaced"),
            gettext_lazy("Without metadata before"),
            gettext_lazy("Removed the metadata of the file."),
        ),
        MediaAction(
            "transcode_again",
            gettext_lazy("Transcode again"),
            gettext_lazy("Their renditions are made again. The old ones play until then."),
            gettext_lazy("Jobs submitted"),
            gettext_lazy("Under way already"),
            gettext_lazy("Submitted a job that transcodes the file again."),
        ),
    )
}


def functions_of(names: Sequence[str]) -> list[Callable[..., Any]]:
    """Return some actions as the admin takes them: functions with a description and a permission.

    The permission has the name of the action, so that `MediaAdmin` decides when it is shown.
    """
    return [_function(ACTIONS[name]) for name in names]


def _function(action: MediaAction) -> Callable[..., Any]:
    def run(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        return action(model_admin, request, queryset)

    run.__name__ = action.name
    return admin.action(description=action.description, permissions=[action.name])(run)


def presets_of(model: type[models.Model]) -> dict[str, bool]:
    """Return the names of all presets, and for each whether a field of the model names it."""
    named = {name for field in fields_of(model) for name in field.presets}
    return {name: name in named or not named for name in settings.PRESETS}
