"""The admin: what waits to be deleted or forgotten, transcoding jobs, a column with a resize."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from shift_media.core.errors import MediaError
from shift_media.deletion import invalidation
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion, PendingInvalidation
from shift_media.transcoding import services
from shift_media.transcoding.models import Rendition, TranscodeJob

if TYPE_CHECKING:
    WaitingBase = admin.ModelAdmin[Any]
    TranscodeJobBase = admin.ModelAdmin[TranscodeJob]
    RenditionInlineBase = admin.TabularInline[Rendition, TranscodeJob]
else:
    WaitingBase = TranscodeJobBase = admin.ModelAdmin
    RenditionInlineBase = admin.TabularInline


class WaitingAdmin(WaitingBase):
    """What waits for its turn: not for editing, but with a way to have it done at once."""

    list_filter: ClassVar[Any] = ("storage", "source")
    search_fields = ("prefix",)
    actions = ("run_now",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are written by deleting and replacing."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are not for editing: a changed prefix would be about another file."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the rows: of one that is removed by hand the file, or its copy, stays for ever."""
        return False

    def has_run_permission(self, request: HttpRequest) -> bool:
        """Who could delete the rows may run them."""
        return super().has_delete_permission(request)


@admin.register(PendingDeletion)
class PendingDeletionAdmin(WaitingAdmin):
    """What is to be deleted, why it has not been yet, and a way to try again at once."""

    list_display = ("prefix", "stage", "attempts", "not_before", "last_error")
    list_filter = ("stage", "storage", "source")

    @admin.action(description=_("Delete the files now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[PendingDeletion]) -> None:
        """Run the chosen deletions, due or not."""
        done = [deletion.run(pending) for pending in queryset]
        if succeeded := sum(done):
            text = ngettext("%d deletion succeeded.", "%d deletions succeeded.", succeeded)
            self.message_user(request, text % succeeded, messages.SUCCESS)
        if failed := len(done) - succeeded:
            text = ngettext(
                "%d deletion failed and will be tried again.",
                "%d deletions failed and will be tried again.",
                failed,
            )
            self.message_user(request, text % failed, messages.WARNING)


@admin.register(PendingInvalidation)
class PendingInvalidationAdmin(WaitingAdmin):
    """What a CDN is still to forget, and why it has not been told yet."""

    list_display = ("prefix", "created", "attempts", "not_before", "last_error")

    @admin.action(description=_("Tell the CDN now"), permissions=["run"])
    def run_now(self, request: HttpRequest, queryset: QuerySet[PendingInvalidation]) -> None:
        """Send the chosen invalidations, due or not."""
        rows = list(queryset)
        if told := invalidation.run(rows):
            text = ngettext("The CDN forgets %d file.", "The CDN forgets %d files.", told)
            self.message_user(request, text % told, messages.SUCCESS)
        if failed := len(rows) - told:
            text = ngettext(
                "The CDN was not told of %d file, and will be.",
                "The CDN was not told of %d files, and will be.",
                failed,
            )
            self.message_user(request, text % failed, messages.WARNING)


class RenditionInline(RenditionInlineBase):
    """What a job makes, under the job."""

    model = Rendition
    extra = 0
    fields = ("key", "kind", "state", "progress", "width", "height", "duration", "size", "error")
    readonly_fields = fields
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Jobs make renditions, people don't."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are not for editing: they say what was made."""
        return False


@admin.register(TranscodeJob)
class TranscodeJobAdmin(TranscodeJobBase):
    """How far each video is, what failed and why, and ways to try again and to stop."""

    list_display = ("original", "profile", "state", "bar", "attempts", "created", "error_code")
    list_filter = ("state", "profile", "transcoder", "source")
    search_fields = ("original", "external_id")
    date_hierarchy = "created"
    inlines = (RenditionInline,)
    actions = ("retry", "cancel")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are written by saving a video, and by ``.transcode()``."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are not for editing: workers rely on them."""
        return False

    def has_work_permission(self, request: HttpRequest) -> bool:
        """Who could change the rows may try again and stop."""
        return super().has_change_permission(request)

    @admin.display(description=_("progress"), ordering="progress")
    def bar(self, job: TranscodeJob) -> SafeString:
        """Draw the progress."""
        return format_html(
            '<progress max="100" value="{0}" aria-label="{0} %"></progress> {0} %', job.progress
        )

    @admin.action(description=_("Try again"), permissions=["work"])
    def retry(self, request: HttpRequest, queryset: QuerySet[TranscodeJob]) -> None:
        """Have those that failed or were cancelled done again."""
        done = sum(services.retry(job) for job in queryset)
        text = ngettext("%d job will be tried again.", "%d jobs will be tried again.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)

    @admin.action(description=_("Cancel"), permissions=["work"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TranscodeJob]) -> None:
        """Stop those that are live."""
        done = sum(services.cancel(job) for job in queryset)
        text = ngettext("%d job cancelled.", "%d jobs cancelled.", done)
        self.message_user(request, text % done, messages.SUCCESS if done else messages.WARNING)


def resize_column(
    field: str, size: str = "120x80", *, description: Any = None, **spec: Any
) -> Callable[[Model], SafeString | str]:
    """Make a column for ``list_display``: ``list_display = [resize_column("image", "96x96")]``.

    Takes the options of `MediaFile.resize`. What has no resize gives an empty cell.
    """

    @admin.display(description=description or field.replace("_", " "), empty_value="")
    def column(row: Model) -> SafeString | str:
        file = getattr(row, field)
        if not file:
            return ""
        try:
            made = file.resize(size, **spec)
            return format_html(
                '<img src="{}" width="{}" height="{}" alt="" loading="lazy">',
                made.url,
                made.width or "",
                made.height or "",
            )
        except MediaError:
            return ""

    return column
