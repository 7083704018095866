"""The gallery's forms: uploads, a focal point, a resize to try."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest

from shift_media.core.errors import InvalidSpec, LimitExceeded
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import LOSSLESS, MODES
from shift_media.fields import MediaField
from shift_media.resizes.resize import Resize
from shift_media.widgets import DirectInput
from testproject.gallery.models import Album, Clip, Photo

COLOR = RegexValidator(r"^#?[0-9A-Fa-f]{6}$", 'Write six hex digits, such as "ff8800".')


def may_upload(request: HttpRequest, field: MediaField) -> bool:
    """Return True: every visitor may upload, because this is a demonstration."""
    return True


class PhotoForm(forms.ModelForm):  # type: ignore[type-arg]
    """An upload of one picture."""

    class Meta:
        """Only the file."""

        model = Photo
        fields: ClassVar = ["image"]


class DetailsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The title and the description of a picture."""

    class Meta:
        """The texts."""

        model = Photo
        fields: ClassVar = ["title", "alt"]


class ClipForm(forms.ModelForm):  # type: ignore[type-arg]
    """An upload of one video, which goes on its way as soon as it is chosen."""

    class Meta:
        """Only the file."""

        model = Clip
        fields: ClassVar = ["video"]
        widgets: ClassVar = {"video": DirectInput}
        labels: ClassVar = {"video": "Add a video"}


class AlbumForm(forms.ModelForm):  # type: ignore[type-arg]
    """The title of an album. Its pictures have a formset."""

    class Meta:
        """Only the title."""

        model = Album
        fields: ClassVar = ["title"]


class FocalForm(forms.Form):
    """The point that `fill` keeps in view, in percent from the left and from the top."""

    x = forms.IntegerField(min_value=0, max_value=100, label="Left, %")
    y = forms.IntegerField(min_value=0, max_value=100, label="Top, %")


class ResizeForm(forms.Form):
    """A resize to try. Every visitor may request any resize, because this is a demonstration."""

    size = forms.CharField(
        max_length=9,
        initial="480x360",
        help_text="480x360, 480x or x360",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    mode = forms.ChoiceField(
        choices=[(mode, mode) for mode in MODES], initial="fit", required=False
    )
    format = forms.ChoiceField(
        choices=[("", "as uploaded"), *((f.extension, f.name) for f in RESIZE_FORMATS.values())],
        required=False,
    )
    quality = forms.IntegerField(
        min_value=1, max_value=99, required=False, help_text="1 to 99, or empty"
    )
    crop = forms.RegexField(
        r"^\s*\d+(?:\s*,\s*\d+){3}\s*$",
        required=False,
        help_text="x, y, width, height in pixels of the original",
        error_messages={"invalid": "Write four whole numbers: x, y, width, height."},
    )
    background = forms.CharField(
        max_length=7, required=False, validators=[COLOR], help_text="ff8800; with pad or JPEG"
    )
    upscale = forms.BooleanField(required=False, label="Enlarge")

    def __init__(self, *args: Any, photo: Photo, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.photo = photo
        self.resize: Resize | None = None

    def clean(self) -> dict[str, Any]:
        """Build the resize, or add an error that says why it cannot be built."""
        options = self.options()
        if self.errors:
            return self.cleaned_data
        try:
            self.resize = self.photo.image.resize(self.cleaned_data["size"], **options)
        except LimitExceeded as error:
            self.add_error("size", f"{error.public} Sides and area have limits.")
        except InvalidSpec as error:
            # The detail quotes only what the visitor typed, so it may be shown.
            self.add_error(None, str(error))
        return self.cleaned_data

    def options(self) -> dict[str, Any]:
        """Return the options beside the size, without defaults."""
        options = {
            name: value for name, value in self.cleaned_data.items() if value and name != "size"
        }
        if options.get("format", str(self.photo.image).rpartition(".")[2]) in LOSSLESS:
            options.pop("quality", None)
        if "crop" in options:
            options["crop"] = tuple(int(number) for number in options["crop"].split(","))
        return options

    def code(self) -> str:
        """Return the template tag for this resize, or Python code if it has a crop."""
        options = self.options()
        if options.get("mode") == "fit":
            del options["mode"]
        size = self.cleaned_data["size"]
        arguments = [f"{name}={_literal(value)}" for name, value in options.items()]
        if "crop" in options:  # A template cannot contain a tuple.
            return f"photo.image.resize({', '.join([_literal(size), *arguments])})"
        return f"{{% resize_img photo.image {' '.join([_literal(size), *arguments])} %}}"


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
