"""The formset of a collection: several files at once, their order and their descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.db import models, transaction
from django.forms.formsets import DELETION_FIELD_NAME, ORDERING_FIELD_NAME
from django.forms.models import BaseInlineFormSet, inlineformset_factory
from django.utils.translation import gettext_lazy as _

from shift_media.collections.rules import Collection
from shift_media.forms import MediaFilesField, MediaFormField
from shift_media.widgets import DirectInput

if TYPE_CHECKING:
    from shift_media.collections.models import MediaItem
    from shift_media.collections.owned import OwnedItems

FIELDS = ("file", "title", "alt")
"""The fields of each item."""


class CollectionFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # of any model
    """The items of one object, and an input for new files.

    ``{{ formset }}`` renders them in order, and ``{{ formset.media }}`` the script by which they
    are dragged, and new files dropped. Without the script there are numbers and a plain input.
    """

    template_name = "shift_media/collections/formset.html"
    model: type[MediaItem]
    may_add: bool = True
    """False for users who may not add items: there is no input, and new files are ignored."""
    may_order: bool = True
    """False for users who may not change items."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("MediaFormField", self.model._meta.get_field("file").formfield())
        self.new_files = NewFiles(
            data=self.data if self.is_bound and self.may_add else None,
            files=self.files if self.is_bound and self.may_add else None,
            prefix=self.prefix,
            field=field,
            model=self.model,
        )

    @property
    def rules(self) -> Collection:
        """The rules of the collection."""
        return self.model.collection

    @property
    def media(self) -> forms.Media:
        """The scripts and style sheets of the inputs and of the collection."""
        own = forms.Media(
            css={"all": ["shift_media/collection.css"]}, js=["shift_media/collection.js"]
        )
        return super().media + self.new_files.media + own

    def is_multipart(self) -> bool:
        """Return True, because there is an input for files."""
        return True

    def has_changed(self) -> bool:
        """Return True for new files, too."""
        return super().has_changed() or bool(self.new_files.sent)

    def in_order(self) -> list[forms.ModelForm[Any]]:
        """Return the forms as they are shown: in the order that was sent, if any was."""
        shown = list(self.initial_forms)
        if not self.is_bound:
            return shown
        return sorted(shown, key=self._order_of)

    def _order_of(self, form: Any) -> tuple[bool, int]:
        value = form[ORDERING_FIELD_NAME].value()
        try:
            return False, int(value)
        except (TypeError, ValueError):
            return True, 0

    def is_valid(self) -> bool:
        """Return True if all items, the new files and the rules of the collection are right."""
        return (self.new_files.is_valid() or not self.may_add) and super().is_valid()

    def total_error_count(self) -> int:
        """Return the number of errors, with those of new files."""
        return super().total_error_count() + sum(map(len, self.new_files.errors.values()))

    def clean(self) -> None:
        """Refuse too many or too few files, or too many bytes."""
        super().clean()
        if any(self.errors) or self.new_files.errors:
            return
        items = self.new_files.build(self.model)
        for item in items:
            self.rules.check_alt(item.alt)
        new = [item.file for item in items]
        staying = [item.file for item in self._staying()]
        kept = self.rules.kept
        if kept is not None and len(new) <= kept:
            staying = staying[max(0, len(staying) + len(new) - kept) :]
        self.rules.check_count(len(staying) + len(new))
        self.rules.check_bytes(sum(file.size for file in (*staying, *new)))

    def _staying(self) -> list[MediaItem]:
        """Return the items that are not removed, with those that others have added meanwhile."""
        forms = self.in_order()
        shown = [form.instance for form in forms]
        stored = [] if self.instance.pk is None else self.model.of(self.instance).all()
        added = [item for item in stored if item not in shown]
        return [*(form.instance for form in forms if not self._is_leaving(form)), *added]

    def _is_leaving(self, form: Any) -> bool:
        return bool(form.cleaned_data.get(DELETION_FIELD_NAME))

    def save(self, commit: bool = True) -> list[Any]:
        """Save the changed items, remove the deleted ones, order all and add the new files.

        All of it happens in one transaction, or nothing. Raises ``ValueError`` for
        ``commit=False``, because the order is that of stored rows.
        """
        if not commit:
            raise ValueError("A collection is saved as a whole. Call save() without commit=False.")
        owned = self.model.of(self.instance)
        with transaction.atomic(using=owned.using):
            owned.lock()  # No item is added between the order and its check.
            self._present = {item.pk for item in owned.all()}
            saved = [item for item in super().save() if item.pk in self._present]
            self.changed_objects = [
                (item, names) for item, names in self.changed_objects if item.pk in self._present
            ]
            if self.may_order:
                self._reorder(owned)
            items = self.new_files.build(self.model, self.instance)
            if items:
                owned.add_items(items)
            self.new_objects: list[Any] = items
        return [*saved, *items]

    def save_existing(self, form: Any, obj: MediaItem, commit: bool = True) -> MediaItem:
        """Save a changed item, unless another user has removed it since the form was checked."""
        if obj.pk not in self._present:
            return obj
        saved: MediaItem = super().save_existing(form, obj, commit=commit)
        return saved

    def _reorder(self, owned: OwnedItems[Any]) -> None:
        """Put the rows into the order that was sent; rows that others have added stay behind."""
        present = [str(item.pk) for item in owned.all()]
        shown = [str(form.instance.pk) for form in self.in_order() if form.instance.pk is not None]
        wanted = [key for key in shown if key in present]
        wanted += [key for key in present if key not in wanted]
        if wanted != present:
            owned.reorder(wanted)


class DescribedInput(DirectInput):
    """An input for several files, with a description for each: ``files-alt`` beside ``files``.

    Args:
        length: the most characters of a description.
        required: whether each file needs one.
    """

    template_name = "shift_media/widgets/described_input.html"

    def __init__(self, length: int | None, *, required: bool) -> None:
        super().__init__(multiple=True)
        self.length, self.required = length, required
        self.alts: list[str] = []

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return the files, and keep their descriptions, which are sent in the same order."""
        self.alts = data.getlist(f"{name}-alt") if hasattr(data, "getlist") else []
        return super().value_from_datadict(data, files, name)

    def alt_of(self, index: int) -> str:
        """Return the description of a file by its place among the others."""
        return self.alts[index].strip() if index < len(self.alts) else ""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the rules of the descriptions, and those of kept uploads."""
        context = super().get_context(name, value, attrs)
        widget = context["widget"]
        widget |= {"alt_length": self.length, "alt_required": self.required}
        for kept in widget["kept"]:
            kept["alt"] = self.alt_of(kept["index"])
        return context


class NewFiles(forms.Form):
    """The input for new files, and a description for each of them that the script has shown."""

    def __init__(
        self, *args: Any, field: MediaFormField, model: type[MediaItem], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        rules = model.collection
        widget = DescribedInput(_length_of_alt(model), required=rules.require_alt)
        self.fields["new"] = MediaFilesField.like(
            field,
            required=False,
            label=_("Add files"),
            widget=widget,
            max_files=rules.kept or rules.max,
        )

    @property
    def sent(self) -> list[Any]:
        """The files that were sent, before they are checked."""
        sent: list[Any] = self["new"].data if self.is_bound else []
        return sent

    def build(self, model: type[MediaItem], owner: models.Model | None = None) -> list[MediaItem]:
        """Return unsaved rows for the accepted files."""
        if not self.is_bound:
            return []
        values = {} if owner is None else {model.collection.owner: owner}
        return [
            model(file=file, alt=alt[: _length_of_alt(model)], **values)
            for file, alt in self._described()
        ]

    def _described(self) -> Iterator[tuple[Any, str]]:
        widget = cast("DescribedInput", self.fields["new"].widget)
        for index, file in enumerate(self.cleaned_data["new"]):
            yield file, widget.alt_of(index)


def _length_of_alt(model: type[MediaItem]) -> int | None:
    return model._meta.get_field("alt").max_length


def collection_formset(
    owner: type[models.Model], model: type[MediaItem], **kwargs: Any
) -> type[CollectionFormSet]:
    """Return the class of formsets for the items of an object.

    Args:
        owner: the model of the object.
        model: the model of the items.
        kwargs: of Django's ``inlineformset_factory``, such as ``fields``.
    """
    options = {"formset": CollectionFormSet, "fields": FIELDS, "extra": 0, **kwargs}
    found = inlineformset_factory(
        owner, model, fk_name=model.collection.owner, can_order=True, **options
    )
    return cast("type[CollectionFormSet]", found)
