"""The form field, with the rules and the messages of a `MediaField`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

from shift_media.core.formats import accepted_formats
from shift_media.validators import (
    IMAGES,
    FileRules,
    InvalidMedia,
    Rule,
    inspect,
    refused_if_busy,
    run_rules,
    seekable,
    too_many_files,
)
from shift_media.validators.limits import UploadLimits
from shift_media.widgets import (
    DirectInput,
    FocalValue,
    MediaInput,
    crops_text,
    focal_text,
)

_NOT_NAMED = frozenset(["heic"])
"""Extensions of formats that the ``accept`` of an input does not name."""

_PERCENT: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?", re.ASCII)


class MediaFormField(forms.FileField):
    """Django's ``FileField``, which reads the type of a file from its bytes.

    Args:
        accept: accepted content types: ``["image/*"]``, ``["video/mp4"]``.
        rules: functions, as of a `MediaField`; they are called with None instead of a row.
        kwargs: the other rules of a `MediaField`, such as ``min_size``, and Django's arguments.
        upload_field: the label of the `MediaField`, which a `DirectInput` needs.
        preview: whether an image is decoded; False if a task does it, see ``analyse``.
    """

    widget: type[forms.FileInput] = MediaInput

    def __init__(
        self,
        *,
        accept: Iterable[str] = IMAGES,
        max_bytes: int | None = None,
        upload_field: str | None = None,
        rules: Iterable[Rule] = (),
        preview: bool = True,
        **kwargs: Any,
    ) -> None:
        self.accept = list(accept)
        self.max_bytes = max_bytes
        self.upload_field = upload_field
        self.rules = list(rules)
        self.preview = preview
        self.file_rules = FileRules.take(kwargs)
        self.file_rules.check_values()
        super().__init__(**kwargs)
        widget: Any = self.widget  # an instance, which Django has made of the class above
        if isinstance(widget, MediaInput):
            widget.limits = self.limits
        if isinstance(widget, DirectInput):
            widget.upload_field = upload_field

    @property
    def limits(self) -> UploadLimits:
        """The limits that the input shows, and that its script checks before a file is sent."""
        return UploadLimits(accept=self.accept, max_bytes=self.max_bytes, rules=self.file_rules)

    def to_python(self, data: Any) -> File[Any] | None:
        """Return the file; raise `InvalidMedia` if it is not accepted."""
        upload: File[Any] | None = super().to_python(data)
        if upload is None:
            return None
        file = seekable(upload, self.max_bytes)
        try:
            with refused_if_busy():
                inspection = inspect(
                    file,
                    accept=self.accept,
                    max_bytes=self.max_bytes,
                    rules=self.file_rules,
                    preview=self.preview,
                )
            run_rules(self.rules, file, inspection, None)
        except InvalidMedia as error:
            error.message = self.error_messages.get(str(error.code), error.message)
            raise
        return file

    def clean(self, data: Any, initial: Any = None) -> Any:
        """Return the file, on which the focal point of a `FocalInput` is set as ``form_focal``.

        The crop boxes of a `CropInput` are set as ``form_crops``, in percent.
        """
        try:
            return self._clean(data, initial)
        except InvalidMedia as error:
            widget: Any = self.widget
            if isinstance(widget, MediaInput) and error.code != "upload_unread":
                # The same ticket would be refused again, unless only the storage failed.
                widget.forget(data.file if isinstance(data, FocalValue) else data)
            raise

    def _clean(self, data: Any, initial: Any) -> Any:
        if not isinstance(data, FocalValue):
            return super().clean(data, initial)
        file = super().clean(data.file, initial)
        focal = _parse_focal(data) if file else None
        crops = _parse_crops(data.crops) if file else {}
        chosen = focal is not None or any(crops.values())
        if chosen and getattr(file, "old_file", None) is not None:
            raise forms.ValidationError(
                _("This picture has no focal point yet. Upload it again to set one."), code="focal"
            )
        if file:
            file.form_focal = focal
            file.form_crops = crops
        return file

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the file that a form with errors shows again."""
        return super().bound_data(data.file if isinstance(data, FocalValue) else data, initial)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return True for another file or another focal point."""
        if not isinstance(data, FocalValue):
            return super().has_changed(initial, data)
        known = getattr(initial, "known_metadata", None)
        shown = crops_text(known)
        moved = (data.across, data.down) != focal_text(known) or any(
            numbers != shown.get(ratio, ("", "", "")) for ratio, numbers in data.crops.items()
        )
        moved = bool(initial) and moved
        return super().has_changed(initial, data.file) or (moved and not self.disabled)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Add ``accept``, so that browsers offer only the accepted types."""
        attrs = super().widget_attrs(widget)
        accepted = _accept_attribute(self.accept)
        if isinstance(widget, forms.FileInput) and "accept" not in widget.attrs and accepted:
            attrs["accept"] = ",".join(accepted)
        return attrs


class MediaFilesField(MediaFormField):
    """A field for several files at once, whose value is a list.

    Each file is checked as by `MediaFormField`. Of several that are not accepted, each has an
    error with its name.

    Args:
        max_files: the most files.
        kwargs: those of a `MediaFormField`, such as ``widget=DirectInput``.
    """

    def __init__(self, *, max_files: int | None = None, **kwargs: Any) -> None:
        self.max_files = max_files
        super().__init__(**kwargs)
        widget: Any = self.widget  # an instance, which Django has made of the class
        if isinstance(widget, forms.FileInput):
            widget.allow_multiple_selected = True
            widget.attrs.setdefault("multiple", True)

    @property
    def limits(self) -> UploadLimits:
        """The limits of each file, and the most files."""
        return replace(super().limits, max_files=self.max_files)

    @classmethod
    def like(cls, field: MediaFormField, **kwargs: Any) -> MediaFilesField:
        """Return a field with the rules and the error messages of another one."""
        messages = {**field.error_messages, **kwargs.pop("error_messages", {})}
        return cls(
            error_messages=messages,
            accept=field.accept,
            max_bytes=field.max_bytes,
            rules=field.rules,
            upload_field=field.upload_field,
            preview=field.preview,
            **field.file_rules.given,
            **kwargs,
        )

    def clean(self, data: Any, initial: Any = None) -> list[File[Any]]:
        """Return the files; raise ``ValidationError`` for those that are not accepted."""
        if not data:
            if self.required:
                raise forms.ValidationError(self.error_messages["required"], code="required")
            return []
        if self.max_files is not None and len(data) > self.max_files:
            raise too_many_files(len(data), self.max_files)
        accepted, errors = [], []
        for file in data:
            try:
                accepted.append(super().clean(file, None))
            except forms.ValidationError as error:
                errors.append(_named(error, file))
        if errors:
            raise forms.ValidationError(errors)
        return accepted

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return True if files were sent: an empty list is none, as of an unused form of a set."""
        return bool(data) and super().has_changed(initial, data)


def _named(error: forms.ValidationError, file: Any) -> forms.ValidationError:
    """Return an error that begins with the name of its file."""
    name = str(getattr(file, "name", "")).rpartition("/")[2]
    params = {"name": name, "message": " ".join(error.messages)}
    return forms.ValidationError("%(name)s: %(message)s", code=error.code, params=params)


def _parse_focal(data: FocalValue) -> tuple[int, int] | None:
    """Return the focal point; None, which is the centre, for two empty inputs."""
    numbers = (data.across, data.down)
    if numbers == ("", ""):
        return None
    if not all(n.isascii() and n.isdigit() and len(n) <= 3 and int(n) <= 100 for n in numbers):
        raise forms.ValidationError(
            _("Write the focal point as two whole numbers from 0 to 100, or leave both empty."),
            code="focal",
        )
    return int(data.across), int(data.down)


def _parse_crops(
    crops: Mapping[str, tuple[str, ...]],
) -> dict[str, tuple[float, float, float] | None]:
    """Return the boxes by ratio, in percent; None for three empty inputs, which is no box."""
    parsed: dict[str, tuple[float, float, float] | None] = {}
    for ratio, numbers in crops.items():
        if not any(numbers):
            parsed[ratio] = None
            continue
        right = all(_PERCENT.fullmatch(n) and float(n) <= 100 for n in numbers)
        if not right or float(numbers[2]) == 0:
            raise forms.ValidationError(
                _(
                    "Write left, top and width of the crop %(ratio)s as three numbers from 0 to "
                    "100, such as 12.5, the width above 0, or leave all three empty."
                ),
                code="crop",
                params={"ratio": ratio.replace("x", ":")},
            )
        left, top, width = map(float, numbers)
        parsed[ratio] = (left, top, width)
    return parsed


def _accept_attribute(accept: list[str]) -> list[str]:
    """Return accepted types and extensions. Browsers take ``image/*`` to include HEIC and SVG.

    HEIC is never named, but ``image/*`` in its place, because Safari converts photos of other
    types to HEIC for an input that names it.
    """
    if "*/*" in accept:
        return []
    formats = accepted_formats(accept)
    named = [format for format in formats if format.extension not in _NOT_NAMED]
    wildcards = dict.fromkeys(f"{f.kind}/*" for f in formats if f.extension in _NOT_NAMED)
    return [*wildcards, *(f.content_type for f in named), *(f".{f.extension}" for f in named)]
