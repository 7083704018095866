"""Form inputs with a picture on which a focal point and crop boxes are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shift_media.core.crops import crop_to_percent, ratio_name
from shift_media.widgets.file_inputs import MediaInput


class Ratio(NamedTuple):
    """A ratio of crop boxes: how it is written, and its title, such as the names of presets."""

    label: str
    title: str


Ratios = Sequence[str] | Mapping[str, str]
"""Ratios of crop boxes, or titles by ratio."""


@dataclass(frozen=True, slots=True)
class FocalValue:
    """The value of a `FocalInput`: the value of a `MediaInput`, and numbers as text.

    Attributes:
        file: the value of a `MediaInput`.
        across, down: the focal point in percent.
        crops: left, top and width of each box in percent, by ratio.
    """

    file: Any
    across: str
    down: str
    crops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class FocalInput(MediaInput):
    """A `MediaInput` with a focal point: two numbers, which a click on the picture sets.

    Use it for a `MediaField` with a metadata field: ``widgets = {"image": FocalInput}`` in a form,
    ``formfield_overrides = {MediaField: {"widget": FocalInput}}`` in the admin. The numbers can be
    typed in without the script. With it, the point is moved by mouse, by touch or by the arrow
    keys, on the current picture or on one that is chosen and not sent yet.
    """

    template_name = "shift_media/widgets/focal_input.html"
    picture_size = "720x720"
    ratios: Mapping[str, Ratio] = {}
    # Of one form, because each form has its own copy of the widget.
    _sent: FocalValue | None = None

    class Media:
        """The script and the style sheet."""

        css = {"all": ["shift_media/focal-input.css"]}
        js = ["shift_media/focal-input.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the numbers: those that were sent, or those of the current file."""
        context = super().get_context(name, value, attrs)
        known = getattr(self.format_value(value), "known_metadata", None)
        shown = self._sent or FocalValue(None, *focal_text(known), crops_text(known))
        context["widget"]["focal"] = (shown.across, shown.down)
        context["widget"]["crops"] = [
            {
                "ratio": key,
                "label": ratio.label,
                "title": ratio.title,
                "name": f"{name}-{key}",
                "values": shown.crops.get(key, ()),
            }
            for key, ratio in self.ratios.items()
        ]
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return a `FocalValue`, or only the file if the form sent no numbers."""
        file = super().value_from_datadict(data, files, name)
        across, down = data.get(f"{name}-across"), data.get(f"{name}-down")
        if across is None or down is None:
            return file
        crops: dict[str, tuple[str, ...]] = {}
        for ratio in self.ratios:
            sent = [data.get(f"{name}-{ratio}-{side}") for side in ("left", "top", "width")]
            if None not in sent:
                crops[ratio] = tuple(str(number).strip() for number in sent)
        self._sent = FocalValue(file, across.strip(), down.strip(), crops)
        return self._sent

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Return True if the form sent neither a file nor numbers."""
        omitted = super().value_omitted_from_data(data, files, name)
        return omitted and f"{name}-across" not in data


class CropInput(FocalInput):
    """A `FocalInput` with a crop box for each of some ratios.

    ``widgets = {"image": CropInput(ratios=["16:9", "1:1"])}``. A resize with ``fill`` cuts out the
    box of its ratio, or else it cuts around the focal point.

    Args:
        ratios: ``"4:3"``, or sizes such as ``"400x300"``; by a dict each has a text that is shown
            as its title, such as the names of presets.
    """

    def __init__(
        self, attrs: dict[str, Any] | None = None, ratios: Ratios = (), **options: Any
    ) -> None:
        super().__init__(attrs, **options)
        self.ratios = named_ratios(ratios)


def named_ratios(ratios: Ratios) -> dict[str, Ratio]:
    """Return the ratios by their names, ``"7x3"`` for ``"21:9"``."""
    titles = ratios if isinstance(ratios, Mapping) else dict.fromkeys(ratios, "")
    names = {ratio_name(given): (given, title) for given, title in titles.items()}
    return {
        name: Ratio(given if ":" in given else name.replace("x", ":"), title)
        for name, (given, title) in names.items()
    }


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
