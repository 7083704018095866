"""Form inputs: a file with its current picture, with a focal point, and with a direct upload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.forms.widgets import ClearableFileInput, FileInput
from django.urls import reverse
from django.utils.translation import gettext as _

from shift_media.conf import settings
from shift_media.core.crops import crop_to_percent, ratio_name
from shift_media.core.errors import MediaError
from shift_media.resizes.resize import Resize

PREVIEW: Final = "240x160"
"""The size in pixels of the picture in the input."""

SUFFIX: Final = "-upload"
"""The name of a file input with this suffix is the name of the input with its ticket."""

_file_of_ticket: Callable[[str], Any] | None = None


def register_tickets(file_of_ticket: Callable[[str], Any]) -> None:
    """Let the inputs return the file of a ticket, which `shift_media.direct` knows how to make."""
    global _file_of_ticket  # noqa: PLW0603 (set once, when the app is ready)
    _file_of_ticket = file_of_ticket


class MediaInput(ClearableFileInput):
    """Django's ``ClearableFileInput``, which also shows the current picture as a small resize.

    It takes the ticket of a direct upload instead of a file, so that each form does.
    """

    template_name = "shift_media/widgets/media_input.html"
    picture_size = PREVIEW
    _ticket: Any = None  # of one form, because each form has its own copy of the widget

    class Media:
        """The style sheet."""

        css = {"all": ["shift_media/media-input.css"]}

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return the file: the one that was sent, or that of the ticket that was sent."""
        token = data.get(f"{name}{SUFFIX}")
        if token and files.get(name) is None and _file_of_ticket is not None:
            files = {name: _file_of_ticket(str(token))}
        self._ticket = getattr(files.get(name), "ticket", None)
        return super().value_from_datadict(data, files, name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return True if the form sent neither a file nor a ticket, and did not clear it."""
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and not data.get(f"{name}{SUFFIX}")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the resize and the name of the current file."""
        context = super().get_context(name, value, attrs)
        current = self.format_value(value)
        context["widget"]["preview"] = _preview(current, self.picture_size)
        context["widget"]["current_name"] = _display_name(current)
        if getattr(current, "old_file", None) is not None:
            context["widget"]["required"] = True  # There is nothing to clear in this column.
        return context


class FilesInput(FileInput):
    """An input for several files, or for the tickets of several direct uploads."""

    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Any]:
        """Return the files that were sent, then those of tickets."""
        sent = files.getlist(name) if hasattr(files, "getlist") else files.get(name) or []
        tokens = data.getlist(f"{name}{SUFFIX}") if hasattr(data, "getlist") else []
        if _file_of_ticket is None:
            return list(sent)
        return [*sent, *(_file_of_ticket(str(token)) for token in tokens if token)]


@dataclass(frozen=True, slots=True)
class FocalValue:
    """The value of a `FocalInput`: the value of a `MediaInput`, and two numbers as text.

    That of a `CropInput` has three numbers for each ratio, too.
    """

    file: Any
    across: str
    down: str
    crops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class FocalInput(MediaInput):
    """A `MediaInput` with a focal point: two numbers, which a click on the picture sets.

    Use it for a `MediaField` with a metadata field: ``widgets = {"image": FocalInput}`` in a form,
    ``formfield_overrides = {MediaField: {"widget": FocalInput}}`` in the admin. The numbers can be
    typed in without the script. With it, the arrow keys move the mark on the picture.
    """

    template_name = "shift_media/widgets/focal_input.html"

    class Media:
        """The script."""

        js = ["shift_media/focal-input.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the focal point of the current file."""
        context = super().get_context(name, value, attrs)
        known = getattr(self.format_value(value), "known_metadata", None)
        context["widget"]["focal"] = known.focal if known else None
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return a `FocalValue`, or only the file if the form sent no numbers."""
        file = super().value_from_datadict(data, files, name)
        across, down = data.get(f"{name}-across"), data.get(f"{name}-down")
        if across is None or down is None:
            return file
        return FocalValue(file, across.strip(), down.strip())

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return True if the form sent neither a file nor numbers."""
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and f"{name}-across" not in data


class CropInput(FocalInput):
    """A `FocalInput` with crop boxes for some ratios, on the current picture or a chosen one.

    ``widgets = {"image": CropInput(ratios=["16:9", "1:1"])}``. What is cut out by ``fill`` for a
    resize of a ratio is the box of that ratio, or else it is around the focal point. The numbers
    can be typed in without the script. The picture of a file that is not sent yet is shown by it.

    Args:
        ratios: ``"4:3"``, or sizes such as ``"400x300"``; by a dict each has a text that is shown
            as its title, such as the names of presets.
    """

    template_name = "shift_media/widgets/crop_input.html"
    picture_size = "720x720"

    class Media:
        """The script and the style sheet, instead of the script of `FocalInput`."""

        extend = False
        css = {"all": ["shift_media/media-input.css", "shift_media/crop-input.css"]}
        js = ["shift_media/crop-input.js"]

    def __init__(
        self, attrs: dict[str, Any] | None = None, ratios: Sequence[str] | Mapping[str, str] = ()
    ) -> None:
        super().__init__(attrs)
        texts = ratios if isinstance(ratios, Mapping) else dict.fromkeys(ratios, "")
        self.ratios = {ratio_name(ratio): text for ratio, text in texts.items()}

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the boxes of the current file, in percent."""
        context = super().get_context(name, value, attrs)
        widget, known = (
            context["widget"],
            getattr(self.format_value(value), "known_metadata", None),
        )
        shown = FocalValue(None, *focal_text(known), crops_text(known))
        widget["focal_text"] = (shown.across, shown.down)
        widget["crops"] = [
            {
                "ratio": ratio,
                "label": ratio.replace("x", ":"),
                "presets": text,
                "name": f"{name}-{ratio}",
                "values": shown.crops.get(ratio, ()),
            }
            for ratio, text in self.ratios.items()
        ]
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return a `FocalValue` with the numbers of each ratio that were sent."""
        value = super().value_from_datadict(data, files, name)
        if not isinstance(value, FocalValue):
            return value
        crops: dict[str, tuple[str, ...]] = {}
        for ratio in self.ratios:
            sent = [data.get(f"{name}-{ratio}-{side}") for side in ("left", "top", "width")]
            if None not in sent:
                crops[ratio] = tuple(str(number).strip() for number in sent)
        return replace(value, crops=crops)


def focal_text(known: Any) -> tuple[str, str]:
    """Return the focal point of metadata as the inputs show it; two empty texts for the centre."""
    return (str(known.focal.x), str(known.focal.y)) if known and known.focal else ("", "")


def crops_text(known: Any) -> dict[str, tuple[str, ...]]:
    """Return the crop boxes of metadata as the inputs show them, in percent, by ratio."""
    size = known.resizable_size if known else None
    if not size:
        return {}
    percent = {ratio: crop_to_percent(box, *size) for ratio, box in known.crops.items()}
    return {ratio: tuple(f"{number:g}" for number in box) for ratio, box in percent.items()}


class DirectInput(MediaInput):
    """A `MediaInput` that uploads a file to its storage as soon as it is chosen.

    Use it for a `MediaField` that ``SHIFT_MEDIA["UPLOADS"]`` names, on a site with
    `shift_media.direct.middleware.DirectUploadMiddleware`: ``widgets = {"image": DirectInput}``,
    and ``{{ form.media }}`` on the page. The input shows the progress. The form is sent after the
    upload, with a ticket instead of the file. Without the script, or if the upload fails, the form
    sends the file. ``class PhotoInput(DirectInput, FocalInput)`` has a focal point too.

    Args:
        url: URL of the view ``shift_media:upload``; by default the one that is included.
    """

    upload_field: str | None = None
    """The label of the field, ``"gallery.photo.image"``, which its form field sets here."""
    max_bytes: int | None = None
    """The largest size of a file, which its form field sets here: larger ones are not sent."""
    limit_text: Any = ""
    """The same size as text: ``"25 MB"``."""
    min_bytes: int | None = None
    """The smallest size of a file, which its form field sets here: smaller ones are not sent."""
    least_text: Any = ""
    """The same size as text: ``"10 kB"``."""
    is_refused: bool = False
    """True if the form has refused the file, so that its ticket is not shown again."""

    class Media:
        """The script, and those that it uses."""

        js = [
            "shift_media/vendor/spark-md5.min.js",
            "shift_media/direct-hashes.js",
            "shift_media/direct-parts.js",
            "shift_media/direct-transport.js",
            "shift_media/direct-upload.js",
        ]

    def __init__(self, attrs: dict[str, Any] | None = None, url: str | None = None) -> None:
        super().__init__(attrs)
        self.url = url

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the URL for uploads, and the ticket of a file that is uploaded already."""
        context = super().get_context(name, value, attrs)
        allowed = {label.lower() for label in settings.UPLOADS}
        if self.upload_field is None or self.upload_field not in allowed:
            return context
        widget, ticket = context["widget"], self._ticket
        widget["upload"] = {"ticket": "", "name": ""}
        if ticket is not None and not self.is_refused:
            widget["upload"] = {"ticket": ticket.token, "name": ticket.name}
            widget["attrs"].pop("required", None)
        widget["attrs"] |= {
            "data-upload-url": self.url or reverse("shift_media:upload"),
            "data-upload-field": self.upload_field,
            "data-upload-parts": str(settings.UPLOAD_PARTS_ABOVE),
        }
        if self.max_bytes is not None:
            text = _("The file is too large; at most %s are allowed.") % self.limit_text
            limit = {"data-upload-limit": str(self.max_bytes), "data-upload-too-large": text}
            widget["attrs"] |= limit
        if self.min_bytes is not None:
            text = _("The file is too small; at least %s are needed.") % self.least_text
            least = {"data-upload-least": str(self.min_bytes), "data-upload-too-small": text}
            widget["attrs"] |= least
        widget["attrs"]["data-upload-wrong-type"] = _("This type of file is not accepted.")
        return context


def _preview(file: Any, size: str) -> Resize | None:
    if not file or not hasattr(file, "resize"):
        return None
    try:
        resize: Resize = file.resize(size)
        resize.url  # noqa: B018 (it may raise, and must do so here, not in the template)
    except MediaError:
        return None  # A video or a document has no picture; the template shows a link to it.
    return resize


def _display_name(file: Any) -> str:
    """Return the client's name of a file, if it is known without I/O, or else that in its key."""
    known = getattr(file, "known_metadata", None)
    name = getattr(file, "stored_name", "") or str(file or "")
    return (known.original_name if known else "") or name.rpartition("/")[2]
