"""The view of one video in the admin: its player and jobs by GET, what users do with them by POST.

A GET answers with the HTML of the part of the form that changes, and changes nothing. A POST comes
from the buttons of the form, and needs the permission to change the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views import View

from shift_media.admin.panel import render_video
from shift_media.admin.shown_files import is_playable, readonly_names, visible_fields
from shift_media.core.errors import MediaError
from shift_media.transcoding import services
from shift_media.transcoding.models import TranscodeJob

Said = tuple[bool, str]
"""An outcome: True if something was done, and the message about it."""

_NUMBER_LENGTH: Final = 20


class JobsView(View):
    """The jobs of the video in one field of one row."""

    model_admin: Any = None
    http_method_names = ["get", "head", "post"]

    def get(self, request: HttpRequest, object_id: str, field: str) -> HttpResponse:
        """Return the player and the jobs as HTML."""
        file = self._file(request, object_id, field)
        if not self.model_admin.has_view_or_change_permission(request, file.instance):
            raise PermissionDenied
        return HttpResponse(self._html(request, file))

    def post(self, request: HttpRequest, object_id: str, field: str) -> HttpResponse:
        """Retry, cancel or submit a job, or choose a poster; then answer as `get` does.

        Without the script the answer is a redirect to the form.
        """
        file = self._file(request, object_id, field)
        if not self._may_change(request, file):
            raise PermissionDenied
        done, text = self._do(request, file)
        if done:
            self.model_admin.log_change(request, file.instance, text)
        if request.headers.get("X-Requested-With") == "fetch":
            return HttpResponse(self._html(request, file, text, is_error=not done))
        level = messages.SUCCESS if done else messages.WARNING
        self.model_admin.message_user(request, text, level)
        meta = self.model_admin.opts
        name = f"{self.model_admin.admin_site.name}:{meta.app_label}_{meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[quote(file.instance.pk)]))

    def _file(self, request: HttpRequest, object_id: str, name: str) -> Any:
        if not self.model_admin.has_view_or_change_permission(request):
            raise PermissionDenied  # before the row is looked up, whose existence is not told
        row = self.model_admin.get_object(request, unquote(object_id))
        names = [field.name for field in visible_fields(self.model_admin, request, row)]
        file = getattr(row, name) if row is not None and name in names else None
        if not file or not is_playable(file):
            raise Http404("There is no video in this field of this row.")
        return file

    def _may_change(self, request: HttpRequest, file: Any) -> bool:
        """Return True if the user may change the row, and the form edits the field."""
        row = file.instance
        is_only_shown = file.field.name in readonly_names(self.model_admin, request, row)
        return not is_only_shown and self.model_admin.has_change_permission(request, row)

    def _html(
        self, request: HttpRequest, file: Any, text: str = "", *, is_error: bool = False
    ) -> str:
        may_change = self._may_change(request, file)
        site = self.model_admin.admin_site.name
        return render_video(file, site, may_change=may_change, said=text, is_error=is_error)

    def _do(self, request: HttpRequest, file: Any) -> Said:
        what, _space, value = request.POST.get("do", "").partition(" ")
        deeds: dict[str, Callable[[], Said]] = {
            "retry": lambda: self._job(file, value, services.retry, _("The job will run again.")),
            "cancel": lambda: self._job(file, value, services.cancel, _("The job was cancelled.")),
            "transcode": lambda: self._transcode(file),
            "poster": lambda: self._poster(file, value or request.POST.get("poster", "")),
            "reset-poster": lambda: self._reset(file),
        }
        if what not in deeds:
            raise Http404(f"{what!r} is none of {', '.join(deeds)}.")
        try:
            return deeds[what]()
        except MediaError as error:
            return False, error.public

    def _job(self, file: Any, pk: str, act: Callable[[Any], bool], text: str) -> Said:
        jobs = TranscodeJob.objects.on_primary().filter(original=file.key)
        is_number = pk.isdecimal() and len(pk) <= _NUMBER_LENGTH
        job = jobs.filter(pk=pk).first() if is_number else None
        if job is None:
            raise Http404("This video has no such job.")
        if act(job):
            return True, text
        return False, _("The job has ended or started meanwhile, so nothing was done.")

    def _transcode(self, file: Any) -> Said:
        live = TranscodeJob.objects.on_primary().filter(original=file.key).live()
        if live.filter(profile=file.field.transcode).exists():
            return False, _("A job is under way already.")
        file.transcode(force=True)
        return True, _("A job was submitted.")

    def _poster(self, file: Any, seconds: str) -> Said:
        try:
            services.choose_poster(file, float(seconds))
        except ValueError:
            return False, _("Write the time of the poster in seconds, within the video.")
        return True, _("A new poster is being made.")

    def _reset(self, file: Any) -> Said:
        done = file.reset_poster()
        return done, _("The first poster is shown again.") if done else _("It is shown already.")
