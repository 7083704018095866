"""`MediaItem`, the abstract model of one file in a collection."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from django.core import checks
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from shift_media.collections.owned import OwnedItems
from shift_media.collections.rules import Collection
from shift_media.fields import MediaField


class MediaItem(models.Model):
    """One file of an object, with a description and a place among the others.

    A subclass names the object and the rules::

        class AlbumPicture(MediaItem):
            album = models.ForeignKey(Album, models.CASCADE, related_name="pictures")
            collection = Collection(owner="album", max=50, require_alt=True)

    It may declare ``file`` again, with other arguments of a `MediaField`; its ``metadata_field``
    must stay ``"file_meta"``.
    """

    file = MediaField(metadata_field="file_meta")
    file_meta = models.JSONField(default=dict, editable=False)
    alt = models.CharField(
        _("description"),
        max_length=300,
        blank=True,
        help_text=_("What the picture shows, for those who cannot see it."),
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    position = models.PositiveIntegerField(default=0, editable=False)
    properties = models.JSONField(default=dict, editable=False)

    collection: ClassVar[Collection]

    class Meta:
        """In the order of the collection."""

        abstract = True
        ordering: ClassVar[Any] = ["position", "pk"]

    def __str__(self) -> str:
        known = self.file.known_metadata if self.file else None
        return self.title or self.alt or (known.original_name if known else "") or str(self.pk)

    @classmethod
    def of(cls, owner: models.Model, using: str | None = None) -> OwnedItems[Self]:
        """Return the files of an object, to add to and to order."""
        return OwnedItems(cls, owner, using)

    def clean(self) -> None:
        """Refuse a missing description where the rules ask for one."""
        super().clean()
        try:
            self.collection.check_alt(self.alt)
        except ValidationError as error:
            raise ValidationError({"alt": error}) from error

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        """Check the rules, too."""
        found: list[checks.CheckMessage] = super().check(**kwargs)
        return [
            *found,
            *(
                checks.Error(
                    f"The collection of {cls._meta.label} is wrong: {problem}",
                    hint='Write collection = Collection(owner="album", max=50).',
                    obj=cls,
                    id="shift_media.E014",
                )
                for problem in _find_problems(cls)
            ),
        ]


def _find_problems(model: type[MediaItem]) -> list[str]:
    rules = getattr(model, "collection", None)
    if not isinstance(rules, Collection):
        return [f"it must be a Collection, got {rules!r}."]
    try:
        owner = model._meta.get_field(rules.owner)
    except FieldDoesNotExist:
        return [f"owner is {rules.owner!r}, which is not a field of the model."]
    if not isinstance(owner, models.ForeignKey):
        return [f"owner is {rules.owner!r}, which is not a ForeignKey."]
    return list(rules.problems())
