"""The input for a media file: the current picture, a new file, and a box to clear it."""

from __future__ import annotations

from typing import Any, Final

from django.forms.widgets import ClearableFileInput

from shift_media.core.errors import MediaError
from shift_media.resizes import Resize

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
