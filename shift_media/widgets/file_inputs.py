"""Form inputs: files with previews, and with direct uploads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.forms.widgets import ClearableFileInput
from django.urls import reverse
from django.utils.translation import gettext as _

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.resizes.resize import Resize

PREVIEW: Final = "240x160"
"""The size in pixels of the picture in the input."""

SUFFIX: Final = "-upload"
"""The name of a file input with this suffix is the name of the input with its ticket."""

SCRIPTS: Final = [
    "shift_media/picker-order.js",
    "shift_media/picker-limits.js",
    "shift_media/picker-file.js",
    "shift_media/picker.js",
    "shift_media/picker-page.js",
]
"""The scripts of the picker, in the order in which they are loaded."""

PLACE: Final = ":file"
"""Stands for a file of the form in the list of tickets, so that all files stay in their order."""

_file_of_ticket: Callable[[str], Any] | None = None


def register_tickets(file_of_ticket: Callable[[str], Any]) -> None:
    """Let the inputs return the file of a ticket, which `shift_media.direct` knows how to make."""
    global _file_of_ticket  # noqa: PLW0603 (set once, when the app is ready)
    _file_of_ticket = file_of_ticket


class MediaInput(ClearableFileInput):
    """Django's ``ClearableFileInput``, with a preview of the current file and of the chosen ones.

    With its script, files are dropped, pasted, checked against the limits of the field, shown
    before they are sent, and put in order. Without it, the input is a plain one. It takes the
    ticket of a direct upload instead of a file, so that each form does.

    Args:
        multiple: whether it takes several files. Its value is then a list, for a form field such
            as `shift_media.forms.MediaFilesField`, which sets this itself.
    """

    template_name = "shift_media/widgets/media_input.html"
    picture_size = PREVIEW
    limits: Any = None
    """The `UploadLimits` of the files, which the form field sets here."""
    # Of one form, because each form has its own copy of the widget.
    _tickets: tuple[Any, ...] = ()
    _refused: frozenset[Any] = frozenset()

    class Media:
        """The style sheet and the scripts."""

        css = {"all": ["shift_media/media-input.css"]}
        js = SCRIPTS

    def __init__(self, attrs: dict[str, Any] | None = None, *, multiple: bool = False) -> None:
        self.allow_multiple_selected = multiple
        super().__init__(attrs)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return the file, or the list of files: those that were sent, and those of tickets."""
        if self.allow_multiple_selected:
            sent = self._sent_files(data, files, name)
            self._tickets = tuple(getattr(file, "ticket", None) for file in sent)
            return sent
        token = data.get(f"{name}{SUFFIX}")
        if token and files.get(name) is None and _file_of_ticket is not None:
            files = {name: _file_of_ticket(str(token))}
        self._tickets = (getattr(files.get(name), "ticket", None),)
        return super().value_from_datadict(data, files, name)

    def _sent_files(self, data: Any, files: Any, name: str) -> list[Any]:
        """Return all files in the order of the list of tickets; those that it lacks come first.

        A ticket is one file, however often it is sent: each file is read, and gets a row.
        """
        sent = files.getlist(name) if hasattr(files, "getlist") else files.get(name) or []
        tokens = data.getlist(f"{name}{SUFFIX}") if hasattr(data, "getlist") else []
        unplaced = max(0, len(sent) - tokens.count(PLACE))
        found, placed, known = list(sent[:unplaced]), iter(sent[unplaced:]), set()
        for token in tokens:
            if token == PLACE:
                found += [file for file in [next(placed, None)] if file is not None]
            elif token and token not in known and _file_of_ticket is not None:
                known.add(token)
                found.append(_file_of_ticket(str(token)))
        return found

    def forget(self, file: Any) -> None:
        """Do not show the upload of a file again, because the form has refused it."""
        self._refused |= {getattr(file, "ticket", None)}

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return True if the form sent neither a file nor a ticket, and did not clear it."""
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and not data.get(f"{name}{SUFFIX}")

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the preview and the name of the current file, the limits and the kept uploads."""
        context = super().get_context(name, value, attrs)
        widget, current = context["widget"], self.format_value(value)
        widget["preview"] = _preview(current, self.picture_size)
        widget["current_name"] = _display_name(current)
        if getattr(current, "old_file", None) is not None:
            widget["required"] = True  # There is nothing to clear in this column.
        widget["multiple"] = self.allow_multiple_selected
        widget["data"] = {"texts": json.dumps(picker_texts())}
        if self.limits is not None:
            widget["limits"] = self.limits.as_text()
            limits = self.limits.as_data()
            widget["data"]["limits"] = json.dumps(limits) if limits else None
            widget["data"]["max-files"] = self.limits.max_files
        widget["kept"] = [
            {"name": ticket.name, "token": ticket.token, "index": index}
            for index, ticket in enumerate(self._tickets)
            if ticket is not None and ticket not in self._refused
        ]
        if widget["kept"]:
            widget["attrs"].pop("required", None)
            widget["data"]["required"] = self.is_required
        if widget.get("limits"):
            known = [widget["attrs"].get("aria-describedby"), _limits_id(widget)]
            widget["attrs"]["aria-describedby"] = " ".join(filter(None, known))
        return context


class DirectInput(MediaInput):
    """A `MediaInput` that uploads each file to its storage as soon as it is chosen.

    Use it for a `MediaField` that ``SHIFT_MEDIA["UPLOADS"]`` names, on a site with
    `shift_media.direct.middleware.DirectUploadMiddleware`: ``widgets = {"image": DirectInput}``,
    and ``{{ form.media }}`` on the page. The input shows the progress, and an upload can be
    paused, continued and tried again. The form is sent after the uploads, with tickets instead of
    files. Without the script, or if an upload fails, the form sends the file.
    ``class PhotoInput(DirectInput, FocalInput)`` has a focal point too.

    Args:
        url: URL of the view ``shift_media:upload``; by default the one that is included.
        multiple: whether it takes several files.
    """

    upload_field: str | None = None
    """The label of the field, ``"gallery.photo.image"``, which its form field sets here."""

    class Media:
        """The scripts that upload."""

        js = [
            "shift_media/vendor/spark-md5.min.js",
            "shift_media/direct-hashes.js",
            "shift_media/direct-parts.js",
            "shift_media/direct-transport.js",
        ]

    def __init__(
        self,
        attrs: dict[str, Any] | None = None,
        url: str | None = None,
        *,
        multiple: bool = False,
    ) -> None:
        super().__init__(attrs, multiple=multiple)
        self.url = url

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the URL for uploads."""
        context = super().get_context(name, value, attrs)
        allowed = {label.lower() for label in settings.UPLOADS}
        if self.upload_field is not None and self.upload_field in allowed:
            context["widget"]["data"] |= {
                "upload-url": self.url or reverse("shift_media:upload"),
                "upload-field": self.upload_field,
                "upload-parts": settings.UPLOAD_PARTS_ABOVE,
            }
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


def _limits_id(widget: dict[str, Any]) -> str:
    return f"{widget['attrs'].get('id') or widget['name']}_limits"


def picker_texts() -> dict[str, str]:
    """Return the sentences of the script in the active language."""
    return {
        "added": _("{name} is in the list."),
        "cancel": _("Cancel"),
        "checking": _("is checked"),
        "completing": _("is completed"),
        "done": _("uploaded"),
        "failed": _("It will be sent with the form instead."),
        "files": _("Files: {count}"),
        "hashing": _("is read"),
        "moved": _("{name} is number {place} of {count} now."),
        "paused": _("paused"),
        "pixels": _("{width} × {height} pixels"),
        "ready": _("is sent with the form"),
        "refused": _("Remove or replace the files that are not accepted."),
        "remaining": _("{time} left"),
        "removed": _("{name} is removed."),
        "sending": _("The form is sent as soon as the uploads are complete."),
        "too_many": _("{name}: at most {limit} files are allowed."),
        "twice": _("{name} is in the list already."),
        "waiting": _("waits"),
        "offline": _("waits for the network"),
        "wrong_type": _("This type of file is not accepted."),
    }
