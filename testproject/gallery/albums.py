"""The gallery's albums: several pictures in an order, which one form adds, describes and moves."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import DeleteView

from shift_media.archives import zip_response
from shift_media.collections.forms import collection_formset
from testproject.gallery.forms import AlbumForm
from testproject.gallery.models import Album, AlbumPicture

MAX_ALBUMS = 48
"""Albums on the page; the newest are shown."""

AlbumPictures = collection_formset(Album, AlbumPicture)


@require_safe
def album_list(request: HttpRequest) -> HttpResponse:
    """Show the albums, each by its first picture."""
    albums = Album.objects.prefetch_related("pictures")[:MAX_ALBUMS]
    return render(request, "gallery/albums.html", {"albums": albums})


@require_safe
def album(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the pictures of an album."""
    album = get_object_or_404(Album.objects.prefetch_related("pictures"), pk=pk)
    return render(request, "gallery/album.html", {"album": album})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Show the form of an album, new or stored; save the one that is posted."""
    album = Album() if pk is None else get_object_or_404(Album, pk=pk)
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = AlbumForm(sent[0], instance=album)
    pictures = AlbumPictures(*sent, instance=album)
    if form.is_bound and form.is_valid() and pictures.is_valid():
        form.save()
        pictures.save()
        return redirect(album)
    context = {"album": album, "form": form, "pictures": pictures}
    failed = bool(form.errors or pictures.total_error_count())
    return render(request, "gallery/album_form.html", context, status=422 if failed else 200)


@require_safe
def download(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Send the originals of an album as a ZIP archive."""
    album = get_object_or_404(Album, pk=pk)
    return zip_response(request, (item.file for item in album.pictures.all()), f"{album}.zip")


class AlbumDelete(DeleteView):  # type: ignore[type-arg]
    """Ask for confirmation, then delete an album with its pictures."""

    model = Album
    template_name = "gallery/album_delete.html"
    context_object_name = "album"
    success_url = reverse_lazy("gallery:albums")


album_delete = AlbumDelete.as_view()
