"""The input of media files in the admin: crop boxes, focal point, player, jobs and facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shift_media.admin.panel import render_panel
from shift_media.widgets import CropInput, DirectInput, MediaInput, named_ratios


class PanelInput(DirectInput, MediaInput):
    """An input with the panel of the current file, for fields without pictures."""

    site: str = "admin"
    """The name of the admin site, which its `ModelAdmin` sets here."""

    template_name = "shift_media/admin/panel_input.html"
    input_template = "shift_media/widgets/media_input.html"
    has_picture: bool = False
    """True if the input itself shows the picture."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the panel, for a file that is stored."""
        context = super().get_context(name, value, attrs)
        file: Any = self.format_value(value)
        is_stored = file and getattr(file, "_committed", False) and hasattr(file, "field")
        widget = context["widget"]
        widget["input_template"] = self.input_template
        if not self.has_picture:
            widget["preview"] = None
        if is_stored and file.instance.pk is not None:
            options = {"may_change": True, "with_picture": not self.has_picture}
            widget["panel"] = render_panel(file, self.site, **options)
        return context


class FramedInput(PanelInput, CropInput):  # type: ignore[misc]  # whose classes Media differ
    """The same for fields with pictures, whose focal point and crop boxes can be stored."""

    input_template = "shift_media/widgets/focal_input.html"
    has_picture = True

    def __init__(self, ratios: Sequence[str] | Mapping[str, str] = ()) -> None:
        super().__init__()
        self.ratios = named_ratios(ratios)
