"""Pending deletions and invalidations in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shift_media.admin.primary import on_primary
from shift_media.deletion import invalidation
from shift_media.deletion import service as deletion
from shift_media.deletion.budget import request_budget
from shift_media.deletion.models import PendingDeletion, PendingInvalidation

if TYPE_CHECKING:
    PendingWorkBase = admin.ModelAdmin[Any]
else:
    PendingWorkBase = admin.ModelAdmin


class PendingWorkAdmin(PendingWorkBase):
    """Pending work, which can be run at once but not edited."""

    list_filter: ClassVar[Any] = ("storage", "source")
    search_fields = ("prefix",)
    actions = ("run_now",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False, because rows are written when files are deleted or replaced."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because a changed prefix would delete another file."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because the files of a row that is removed by hand would stay for ever."""
        return False

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Return True for users who have Django's permission to delete the rows."""
        return super().has_delete_permission(request)


@admin.register(PendingDeletion)
class PendingDeletionAdmin(PendingWorkAdmin):
    """Pending deletions, with their last errors and an action that runs them at once."""

    fields = ("storage", "source", "prefix", "stage", "attempts", "not_before", "last_error")
    list_display = ("prefix", "stage", "attempts", "not_before", "last_error")
    list_filter = ("stage", "storage", "source")

    @admin.action(description=_("Delete the files now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[PendingDeletion]) -> None:
        """Run the selected deletions, due or not."""
        rows = list(on_primary(queryset))
        if succeeded := deletion.run_all(rows, request_budget()):
            text = ngettext("%d deletion succeeded.", "%d deletions succeeded.", succeeded)
            self.message_user(request, text % succeeded, messages.SUCCESS)
        if failed := len(rows) - succeeded:
            text = ngettext(
                "%d deletion failed and will be tried again.",
                "%d deletions failed and will be tried again.",
                failed,
            )
            self.message_user(request, text % failed, messages.WARNING)


@admin.register(PendingInvalidation)
class PendingInvalidationAdmin(PendingWorkAdmin):
    """Pending invalidations, with their last errors and an action that sends them at once."""

    fields = ("storage", "source", "prefix", "attempts", "not_before", "last_error")
    list_display = ("prefix", "created", "attempts", "not_before", "last_error")

    @admin.action(description=_("Invalidate in the CDN now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[PendingInvalidation]) -> None:
        """Send the selected invalidations, due or not."""
        rows = list(on_primary(queryset))
        if sent := invalidation.run(rows, request_budget()):
            text = ngettext("%d invalidation was sent.", "%d invalidations were sent.", sent)
            self.message_user(request, text % sent, messages.SUCCESS)
        if failed := len(rows) - sent:
            text = ngettext(
                "%d invalidation failed and will be tried again.",
                "%d invalidations failed and will be tried again.",
                failed,
            )
            self.message_user(request, text % failed, messages.WARNING)
