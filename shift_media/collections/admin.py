"""The inline of a collection in the admin: ``inlines = [CollectionInline.of(AlbumPicture)]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib.admin.options import InlineModelAdmin
from django.http import HttpRequest

from shift_media.collections.forms import FIELDS, CollectionFormSet
from shift_media.collections.models import MediaItem

if TYPE_CHECKING:
    Inline = InlineModelAdmin[Any, Any]
else:
    Inline = InlineModelAdmin


class CollectionInline(Inline):
    """The items of an object: dropped in many at once, ordered and described.

    ``class PictureInline(CollectionInline): model = AlbumPicture``, or shorter
    ``CollectionInline.of(AlbumPicture)``.
    """

    template = "shift_media/collections/inline.html"
    formset = CollectionFormSet
    fields: ClassVar[Any] = FIELDS
    extra = 0

    @classmethod
    def of(cls, model: type[MediaItem]) -> type[CollectionInline]:
        """Return the inline of a model."""
        return cast(
            "type[CollectionInline]", type(f"{model.__name__}Inline", (cls,), {"model": model})
        )

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the class of the formset, whose items can be ordered."""
        self.fk_name = cast("type[MediaItem]", self.model).collection.owner
        found: Any = super().get_formset(request, obj, **{"can_order": True, **kwargs})
        found.may_add = self.has_add_permission(request, obj)
        found.may_order = self.has_change_permission(request, obj)
        return found
