"""The page that shows the album and takes files."""

from django.urls import reverse_lazy
from django.views.generic import CreateView

from album.models import Item
from shift_media.transcoding.files import prefetch_renditions


class Album(CreateView):
    """All files, the newest first, and the form for another one."""

    model = Item
    fields = ("file",)
    template_name = "album.html"
    success_url = reverse_lazy("album")

    def get_context_data(self, **context):
        """Add the files and their renditions, with two queries."""
        items = prefetch_renditions(Item.objects.order_by("-pk")[:100])
        return super().get_context_data(items=items, **context)
