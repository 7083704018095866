"""The gallery's pages of videos."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import DeleteView

from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.models import TranscodeJob
from testproject.gallery.forms import ClipForm
from testproject.gallery.models import MAX_VIDEO_BYTES, Clip

NEWEST = 48


@require_http_methods(["GET", "HEAD", "POST"])
def clip_list(request: HttpRequest) -> HttpResponse:
    """List the videos, and take another one."""
    form = ClipForm(request.POST, request.FILES) if request.method == "POST" else ClipForm()
    if form.is_bound and form.is_valid():
        return redirect(form.save())
    context = {
        "form": form,
        "clips": prefetch_renditions(Clip.objects.all()[:NEWEST]),
        "accept": ",".join(Clip._meta.get_field("video").accept),
        "max_bytes": MAX_VIDEO_BYTES,
    }
    return render(request, "gallery/clips.html", context, status=422 if form.errors else 200)


@require_safe
def clip(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a video as soon as it can be played, and until then how far it is."""
    clip = get_object_or_404(Clip, pk=pk)
    return render(request, "gallery/clip.html", {"clip": clip, **_progress(clip)})


@require_safe
def state(request: HttpRequest, pk: int) -> JsonResponse:
    """Tell the page how far its video is, and give it the player when it is ready."""
    clip = get_object_or_404(Clip, pk=pk)
    told = _progress(clip)
    player = render_to_string("gallery/_player.html", {"clip": clip, **told}, request)
    return JsonResponse({"live": told["live"], "player": player})


def _progress(clip: Clip) -> dict[str, Any]:
    job = TranscodeJob.objects.of(clip.video.key, "web").first()
    return {"job": job, "live": job is not None and job.is_live}


class ClipDelete(DeleteView):  # type: ignore[type-arg]
    """Ask, then delete a video with all its renditions."""

    model = Clip
    template_name = "gallery/clip_delete.html"
    context_object_name = "clip"
    success_url = reverse_lazy("gallery:clips")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it and say so."""
        messages.success(self.request, f"“{self.object}” and its renditions were deleted.")
        return super().form_valid(form)


clip_delete = ClipDelete.as_view()
