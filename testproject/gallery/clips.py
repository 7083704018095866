"""The gallery's pages for videos."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.generic import DeleteView

from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.models import TranscodeJob
from testproject.gallery.forms import ClipForm
from testproject.gallery.models import Clip

MAX_CLIPS = 48
"""Videos on the page; the newest are shown."""


@require_http_methods(["GET", "HEAD", "POST"])
def clip_list(request: HttpRequest) -> HttpResponse:
    """Show the videos and an upload form; store the video that is posted."""
    form = ClipForm(request.POST, request.FILES) if request.method == "POST" else ClipForm()
    if form.is_bound and form.is_valid():
        return redirect(form.save())
    clips = prefetch_renditions(Clip.objects.all()[:MAX_CLIPS])
    context = {"form": form, "clips": _with_jobs(clips)}
    return render(request, "gallery/clips.html", context, status=422 if form.errors else 200)


def _with_jobs(clips: list[Clip]) -> list[tuple[Clip, TranscodeJob | None]]:
    """Return each video with its newest job, by one query for all."""
    keys = [clip.video.key for clip in clips]
    jobs = TranscodeJob.objects.filter(original__in=keys, profile="web").order_by("pk")
    newest = {job.original: job for job in jobs}
    return [(clip, newest.get(clip.video.key)) for clip in clips]


@require_safe
def clip(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the player of a video, or the progress of its job."""
    clip = get_object_or_404(Clip, pk=pk)
    return render(request, "gallery/clip.html", {"clip": clip, **_job_context(clip)})


@require_safe
def state(request: HttpRequest, pk: int) -> JsonResponse:
    """Return the player or the progress of a video as HTML, and whether its job still runs."""
    clip = get_object_or_404(Clip, pk=pk)
    context = _job_context(clip)
    player = render_to_string("gallery/_player.html", {"clip": clip, **context}, request)
    return JsonResponse({"live": context["live"], "player": player})


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Submit the job of a video again."""
    clip = get_object_or_404(Clip, pk=pk)
    clip.video.transcode(force=True)
    return redirect(clip)


def _job_context(clip: Clip) -> dict[str, Any]:
    job = TranscodeJob.objects.of(clip.video.key, "web").first()
    return {"job": job, "live": job is not None and job.is_live}


class ClipDelete(DeleteView):  # type: ignore[type-arg]
    """Ask for confirmation, then delete a video with all its renditions."""

    model = Clip
    template_name = "gallery/clip_delete.html"
    context_object_name = "clip"
    success_url = reverse_lazy("gallery:clips")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete the video and add a message."""
        messages.success(self.request, f"“{self.object}” and its renditions were deleted.")
        return super().form_valid(form)


clip_delete = ClipDelete.as_view()
