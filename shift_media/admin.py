"""The admin: pending deletions and invalidations, transcoding jobs, a column with a resize."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.db import router
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.deletion import invalidation
from shift_media.deletion import service as deletion
from shift_media.deletion.budget import request_budget
from shift_media.deletion.models import PendingDeletion, PendingInvalidation
from shift_media.resizes.legacy import shown_size
from shift_media.transcoding import services
from shift_media.transcoding.models import Rendition, TranscodeJob

Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:
    PendingWorkBase = admin.ModelAdmin[Any]
    TranscodeJobBase = admin.ModelAdmin[TranscodeJob]
    RenditionInlineBase = admin.TabularInline[Rendition, TranscodeJob]
else:
    PendingWorkBase = TranscodeJobBase = admin.ModelAdmin
    RenditionInlineBase = admin.TabularInline


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
        rows = list(_on_primary(queryset))
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
        rows = list(_on_primary(queryset))
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


class RenditionInline(RenditionInlineBase):
    """The renditions of a job, below the job."""

    model = Rendition
    extra = 0
    fields = ("key", "kind", "state", "progress", "width", "height", "duration", "size", "error")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because only jobs make renditions."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because the rows describe stored files."""
        return False


@admin.register(TranscodeJob)
class TranscodeJobAdmin(TranscodeJobBase):
    """Transcoding jobs, with progress and errors, and actions that retry and cancel them."""

    list_display = ("original", "profile", "state", "bar", "attempts", "created", "error_code")
    list_filter = ("state", "profile", "priority", "transcoder", "source")
    search_fields = ("original", "external_id")
    date_hierarchy = "created"
    inlines = (RenditionInline,)
    actions = ("retry", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False, because jobs are created by saving a video and by ``.transcode()``."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because workers rely on the rows."""
        return False

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Return True for users who have Django's permission to change the rows."""
        return super().has_change_permission(request)

    @admin.display(description=_("progress"), ordering="progress")
    def bar(self, job: TranscodeJob) -> SafeString:
        """Render a progress bar, and the minutes and seconds that are left."""
        left = round(job.time_left.total_seconds()) if job.time_left else None
        return format_html(
            '<progress max="100" value="{0}" aria-label="{0} %"></progress> {0} %{1}',
            job.progress,
            "" if left is None else f" (−{left // 60}:{left % 60:02})",
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns of the list; what a job has cost only with a price."""
        shown = [*super().get_list_display(request)]
        return [*shown, "price"] if settings.TRANSCODE_PRICE else shown

    @admin.display(description=_("cost"))
    def price(self, job: TranscodeJob) -> str | None:
        """Return what a job has cost at MediaConvert."""
        return None if job.cost is None else f"{job.cost:.4f}"

    @admin.action(description=_("Try again"), permissions=["work"])
    def retry(self, request: HttpRequest, queryset: QuerySet[TranscodeJob]) -> None:
        """Retry the selected jobs that have failed or were cancelled."""
        done = sum(services.retry(job) for job in _on_primary(queryset))
        text = ngettext("%d job will be tried again.", "%d jobs will be tried again.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Cancel"), permissions=["work"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TranscodeJob]) -> None:
        """Cancel the selected jobs that have not ended."""
        done = sum(services.cancel(job) for job in _on_primary(queryset))
        text = ngettext("%d job cancelled.", "%d jobs cancelled.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)


def _on_primary(rows: QuerySet[Row]) -> QuerySet[Row]:
    """Select rows where they are written: the list of the admin may come from a replica."""
    return rows.using(router.db_for_write(rows.model))


def resize_column(
    field: str, size: str = "120x80", *, description: Any = None, **spec: Any
) -> Callable[[Model], SafeString | str]:
    """Return a column for ``list_display``: ``list_display = [resize_column("image", "96x96")]``.

    It takes the options of `MediaFile.resize`. A file without a resize gives an empty cell.
    """

    @admin.display(description=description or field.replace("_", " "), empty_value="")
    def column(row: Model) -> SafeString | str:
        file = getattr(row, field)
        if not file:
            return ""
        try:
            resize = file.resize(size, **spec)
            width, height = shown_size(resize)
            return format_html(
                '<img src="{}" width="{}" height="{}" alt="" loading="lazy">',
                resize.url,
                width or "",
                height or "",
            )
        except MediaError:
            return ""

    return column
