"""Transcoding jobs and their renditions in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shift_media.admin.primary import on_primary
from shift_media.conf import settings
from shift_media.transcoding import services
from shift_media.transcoding.models import Rendition, TranscodeJob

if TYPE_CHECKING:
    TranscodeJobBase = admin.ModelAdmin[TranscodeJob]
    RenditionInlineBase = admin.TabularInline[Rendition, TranscodeJob]
else:
    TranscodeJobBase = admin.ModelAdmin
    RenditionInlineBase = admin.TabularInline


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

    list_display = ("original", "profile", "state", "bar", "attempts", "created", "notes")
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

    @admin.display(description=_("error"), ordering="error_code")
    def notes(self, job: TranscodeJob) -> str:
        """Return the code of an error, or what is missing in a complete job."""
        return job.error_code or " ".join(job.warnings)

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
        done = sum(services.retry(job) for job in on_primary(queryset))
        text = ngettext("%d job will be tried again.", "%d jobs will be tried again.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Cancel"), permissions=["work"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TranscodeJob]) -> None:
        """Cancel the selected jobs that have not ended."""
        done = sum(services.cancel(job) for job in on_primary(queryset))
        text = ngettext("%d job cancelled.", "%d jobs cancelled.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)
