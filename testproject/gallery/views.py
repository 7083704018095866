"""The gallery's pages. Every visitor may change everything, because this is a demonstration."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import DeleteView, ListView

from shift_media.core.errors import MediaError
from shift_media.core.formats import accepted_formats
from shift_media.resizes.resize import Resize
from testproject.gallery.forms import DetailsForm, FocalForm, PhotoForm, ResizeForm
from testproject.gallery.models import MAX_BYTES, Photo

BOX = "320x320"
MODES = {
    "fit": "The whole picture inside the box, in its own ratio.",
    "fill": "The box covered, cut around the focal point.",
    "pad": "The whole picture, centred on a canvas of the box.",
    "stretch": "Exactly the box, regardless of the ratio.",
}
Refusal = tuple[str, list[str]]


class PhotoList(ListView):  # type: ignore[type-arg]
    """The list of pictures, and the upload form."""

    model = Photo
    template_name = "gallery/list.html"
    context_object_name = "photos"
    paginate_by = 48
    extra_context = {
        "accept": ",".join(format.content_type for format in accepted_formats(["image/*"])),
        "max_bytes": MAX_BYTES,
    }


photo_list = PhotoList.as_view()


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Store the pictures of a form; respond with a page, or JSON if the client accepts no HTML."""
    stored, refused = _store_all(request.FILES.getlist("image"))
    if not stored and not refused:
        refused = [("", ["Choose at least one picture."])]
    if request.accepts("text/html"):
        return _page_after_upload(request, stored, refused)
    if refused:
        return JsonResponse({"errors": refused[0][1]}, status=422)
    tile = render_to_string("gallery/_photo_tile.html", {"photo": stored[0]}, request)
    url, count = stored[0].get_absolute_url(), Photo.objects.count()
    return JsonResponse({"url": url, "tile": tile, "count": count}, status=201)


def _store_all(uploads: list[UploadedFile[Any]]) -> tuple[list[Photo], list[Refusal]]:
    stored: list[Photo] = []
    refused: list[Refusal] = []
    for upload in uploads:
        form = PhotoForm(files=MultiValueDict({"image": [upload]}))
        if not form.is_valid():
            refused.append(
                (upload.name or "", [str(e) for errors in form.errors.values() for e in errors])
            )
            continue
        try:
            stored.append(form.save())
        except MediaError as error:  # Mostly of the storage; the form has checked the file.
            refused.append((upload.name or "", [error.public]))
    return stored, refused


def _page_after_upload(
    request: HttpRequest, stored: list[Photo], refused: list[Refusal]
) -> HttpResponse:
    if refused:
        page = PhotoList(extra_context={**PhotoList.extra_context, "refused": refused})
        page.setup(request)
        page.object_list = page.get_queryset()
        return render(request, page.template_name, page.get_context_data(), status=422)
    if len(stored) == 1:
        return redirect(stored[0])
    messages.success(request, f"{len(stored)} pictures added.")
    return redirect("gallery:list")


@require_safe
def photo(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a picture with its metadata and resizes."""
    photo = get_object_or_404(Photo, pk=pk)
    form = ResizeForm(request.GET if "size" in request.GET else None, photo=photo)
    x, y = photo.image.focal or (50, 50)
    context = {
        "photo": photo,
        "facts": photo.image.metadata,
        "focal_form": FocalForm({"x": x, "y": y}, label_suffix=""),
        "details_form": DetailsForm(instance=photo, label_suffix=""),
        "modes": _modes(photo),
        "formats": _formats(photo),
        "form": form,
        "resize": form.resize if form.is_bound and form.is_valid() else None,
    }
    return render(request, "gallery/photo.html", context)


def _modes(photo: Photo) -> list[tuple[str, str, Resize]]:
    return [(mode, text, photo.image.resize(BOX, mode=mode)) for mode, text in MODES.items()]


def _formats(photo: Photo) -> list[tuple[str, Resize]]:
    """Return one size in each format; GIF only for animations, because it has few colours."""
    names = {"JPEG": "jpg", "WebP": "webp", "AVIF": "avif", "PNG": "png"}
    if (photo.image.metadata.frames or 1) > 1:
        names = {"GIF": "gif", **names}
    return [(name, photo.image.resize("320x", format=format)) for name, format in names.items()]


@require_POST
def focal(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the focal point."""
    photo = get_object_or_404(Photo, pk=pk)
    form = FocalForm(request.POST)
    if form.is_valid():
        photo.image.focal = (form.cleaned_data["x"], form.cleaned_data["y"])
        photo.save(update_fields=["image_meta"])
        messages.success(request, "Focal point saved.")
    else:
        messages.error(request, "A focal point is two whole numbers from 0 to 100.")
    return HttpResponseRedirect(f"{photo.get_absolute_url()}#focal")


@require_POST
def details(request: HttpRequest, pk: int) -> HttpResponse:
    """Save the title and the description."""
    photo = get_object_or_404(Photo, pk=pk)
    form = DetailsForm(request.POST, instance=photo)
    if form.is_valid():
        form.save()
        messages.success(request, "Title and description saved.")
    else:
        messages.error(request, "The title or the description is too long.")
    return redirect(photo)


class PhotoDelete(DeleteView):  # type: ignore[type-arg]
    """Ask for confirmation, then delete a picture with all its resizes."""

    model = Photo
    template_name = "gallery/delete.html"
    context_object_name = "photo"
    success_url = reverse_lazy("gallery:list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete the picture and add a message."""
        messages.success(self.request, f"“{self.object}” and its resizes were deleted.")
        return super().form_valid(form)


photo_delete = PhotoDelete.as_view()
