"""The inputs for a media file: the current picture, a new file, a box to clear it, a point.

One sends what is chosen straight to where it is stored, before the form is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.forms.widgets import ClearableFileInput
from django.urls import reverse

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.resizes.resize import Resize

PREVIEW: Final = "240x160"
"""The box, in pixels, of the picture in the input."""


class MediaInput(ClearableFileInput):
    """A `ClearableFileInput` that shows the current picture as a small resize."""

    template_name = "shift_media/widgets/media_input.html"

    class Media:
        """Its style sheet."""

        css = {"all": ["shift_media/media-input.css"]}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the resize and what the file is called."""
        context = super().get_context(name, value, attrs)
        current = self.format_value(value)
        context["widget"]["preview"] = _preview(current)
        context["widget"]["current_name"] = _name(current)
        return context


@dataclass(frozen=True, slots=True)
class Pointed:
    """What a `FocalInput` was sent: a file as `MediaInput` gives it, and two numbers as text."""

    file: Any
    across: str
    down: str


class FocalInput(MediaInput):
    """A `MediaInput` with a focal point: two numbers, which a click on the picture sets.

    For the form field of a `MediaField` with a metadata field: ``widgets = {"image": FocalInput}``
    in a form, ``formfield_overrides = {MediaField: {"widget": FocalInput}}`` in the admin. The
    numbers work without the script, and the mark on the picture with the arrow keys.
    """

    template_name = "shift_media/widgets/focal_input.html"

    class Media:
        """Its script."""

        js = ["shift_media/focal-input.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the focal point of the current file."""
        context = super().get_context(name, value, attrs)
        known = getattr(self.format_value(value), "known_metadata", None)
        context["widget"]["focal"] = known.focal if known else None
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Give a `Pointed`; the file alone where no numbers were sent at all."""
        file = super().value_from_datadict(data, files, name)
        across, down = data.get(f"{name}-across"), data.get(f"{name}-down")
        if across is None or down is None:
            return file
        return Pointed(file, across.strip(), down.strip())

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Tell whether the form sent nothing for it."""
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and f"{name}-across" not in data


class DirectInput(MediaInput):
    """A `MediaInput` that sends a file to where it is stored as soon as it is chosen.

    For the form field of a `MediaField` that ``SHIFT_MEDIA["UPLOADS"]`` names, in a form that gets
    `shift_media.direct.files`: ``widgets = {"image": DirectInput}``, and ``{{ form.media }}`` on
    the page. It shows how far it has come; the form waits for it, and then carries a ticket.
    Where there is no script, or it fails, the form carries the file. With a focal point too:
    ``class PhotoInput(DirectInput, FocalInput)``.

    Args:
        url: of the view ``shift_media:upload``; default: the one of the site.
    """

    upload_field: str | None = None
    """The field's label, ``"gallery.photo.image"``: its form field writes it here."""

    class Media:
        """Its script."""

        js = ["shift_media/direct-upload.js"]

    def __init__(self, attrs: dict[str, Any] | None = None, url: str | None = None) -> None:
        super().__init__(attrs)
        self.url = url
        self._ticket: Any = None  # of the form that this widget is in; forms copy their widgets

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Give the file, and keep the ticket that it came by."""
        self._ticket = getattr(files.get(name), "ticket", None)
        return super().value_from_datadict(data, files, name)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add where to upload, and the ticket of what was uploaded before the form was refused."""
        context = super().get_context(name, value, attrs)
        allowed = {label.lower() for label in settings.UPLOADS}
        if self.upload_field is None or self.upload_field not in allowed:
            return context
        widget, ticket = context["widget"], self._ticket
        widget["upload"] = {"ticket": "", "name": ""}
        if ticket is not None:
            widget["upload"] = {"ticket": ticket.token, "name": ticket.name}
            widget["attrs"].pop("required", None)
        widget["attrs"] |= {
            "data-upload-url": self.url or reverse("shift_media:upload"),
            "data-upload-field": self.upload_field,
        }
        return context


def _preview(file: Any) -> Resize | None:
    if not file or not hasattr(file, "resize"):
        return None
    try:
        made: Resize = file.resize(PREVIEW)
        made.url  # noqa: B018 (what fails must fail here, not in the template)
    except MediaError:
        return None  # A video, a document, a name from before: it has its link.
    return made


def _name(file: Any) -> str:
    """Say what the client called it, where that is known without I/O, else the last of its key."""
    known = getattr(file, "known_metadata", None)
    return (known.original_name if known else "") or str(file or "").rpartition("/")[2]
