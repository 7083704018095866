"""The form field: refuses what a MediaField would, with the same words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

from shift_media.core.formats import accepted_formats
from shift_media.validators import IMAGES, InvalidMedia, inspect, seekable
from shift_media.widgets import DirectInput, MediaInput, Pointed


class MediaFormField(forms.FileField):
    """A `FileField` that looks at the content of a file.

    Args:
        accept: what is accepted, by content: ``["image/*"]``, ``["video/mp4"]``.
        max_bytes: the largest size.
        upload_field: the label of the `MediaField`, for a `DirectInput`.
    """

    widget = MediaInput

    def __init__(
        self,
        *,
        accept: Iterable[str] = IMAGES,
        max_bytes: int | None = None,
        upload_field: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.accept = list(accept)
        self.max_bytes = max_bytes
        super().__init__(**kwargs)
        widget: Any = self.widget  # The class above; an instance from here on.
        if isinstance(widget, DirectInput):
            widget.upload_field = upload_field

    def to_python(self, data: Any) -> File[Any] | None:
        """Give the file; raises `InvalidMedia` for one that is not accepted."""
        given: File[Any] | None = super().to_python(data)
        if given is None:
            return None
        file = seekable(given, self.max_bytes)
        try:
            inspect(file, accept=self.accept, max_bytes=self.max_bytes)
        except InvalidMedia as error:
            error.message = self.error_messages.get(str(error.code), error.message)
            raise
        return file

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Give the file, which remembers the focal point that a `FocalInput` was sent with it."""
        if not isinstance(data, Pointed):
            return super().clean(data, initial)
        file = super().clean(data.file, initial)
        if file:
            file.asked_focal = _focal(data)
        return file

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Give the file to show again."""
        return super().bound_data(data.file if isinstance(data, Pointed) else data, initial)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Tell whether there is another file or another focal point."""
        if not isinstance(data, Pointed):
            return super().has_changed(initial, data)
        known = getattr(initial, "known_metadata", None)
        before = known.focal if known else None
        shown = tuple(map(str, before)) if before else ("", "")
        moved = bool(initial) and (data.across, data.down) != shown
        return super().has_changed(initial, data.file) or (moved and not self.disabled)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let browsers offer the accepted files only, by type and by extension."""
        attrs = super().widget_attrs(widget)
        if isinstance(widget, forms.FileInput) and "accept" not in widget.attrs:
            attrs["accept"] = ",".join(_hints(self.accept))
        return attrs


def _focal(data: Pointed) -> tuple[int, int] | None:
    """Read the two numbers; none at all is the centre."""
    given = (data.across, data.down)
    if given == ("", ""):
        return None
    if not all(n.isascii() and n.isdigit() and len(n) <= 3 and int(n) <= 100 for n in given):
        raise forms.ValidationError(
            _("The focal point is two whole numbers from 0 to 100, or none."), code="focal"
        )
    return int(data.across), int(data.down)


def _hints(accept: list[str]) -> list[str]:
    """List accepted types and extensions; ``image/*`` as it is would offer HEIC and SVG too."""
    if "*/*" in accept:
        return []
    formats = accepted_formats(accept)
    return [format.content_type for format in formats] + [f".{f.extension}" for f in formats]
