"""The metadata of an original, which is known without a request to the storage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Final, Literal

from shift_media.core.rasters import RASTER_SIDE, scaled_size
from shift_media.core.spec import Crop, Focal

_DRAWING: Final = "image/svg+xml"

PENDING, FAILED = "pending", "failed"
"""The states of a file that is not stored: a task is to store it, or could not."""

ANALYSING = "analysing"
"""The state of a stored file of which a task is still to read facts."""


FileState = Literal["stored", "pending", "failed", "analysing"]
"""The state of a file, as an API says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The facts of an original, stored beside it in the row as one flat JSON object.

    Attributes:
        content_type: as it is stored and served, from the format table.
        size: bytes.
        sha256: of the bytes, 64 hex digits; empty if only the header was read.
        width, height: pixels, upright; None for a file without pixels. Of a drawing, and of the
            first page of a PDF: CSS pixels.
        duration: seconds of a video or a sound; None for still images.
        frames: 1 for a still image.
        has_alpha: whether any transparency is possible.
        placeholder: a data URI of at most 400 bytes, to show while the picture loads.
        color: mean colour, ``"#rrggbb"``.
        original_name: the client's file name. It is data: escape it in HTML.
        focal: the point in percent that ``fill`` keeps in view, or None for the centre.
        fps: frames per second of a video.
        codecs: of a video or a sound, picture first: ``"h264, aac"``; empty if they are not known.
        channels: of the sound; 0 without sound, None if that is not known.
        hdr: whether a video's light is PQ or HLG, which most screens cannot show.
        pages: of a PDF; None for other files, and if they could not be counted.
        camera: maker and model. It and the following are kept on request; see ``keep_metadata``.
        taken_at: local time of the exposure in ISO 8601, with its offset from UTC if known.
        gps: latitude and longitude of the place in degrees.
        palette: up to five colours, ``"#rrggbb"``, the most frequent first.
        blurhash: 28 characters from which an app draws a placeholder, see blurha.sh.
        poster: of a video whose poster was replaced, the attempt that has made the new one.
        extra: what the functions in ``keep_metadata`` have returned.
        state: ``"pending"`` until a task has stored a large direct upload, ``"failed"`` if it
            could not, ``"analysing"`` until a task has read the facts of a stored file; empty for
            all other files.
        crops: the boxes that ``fill`` cuts out, by ratio: ``{"4x3": Crop(0, 120, 1600, 1200)}``.
    """

    content_type: str
    size: int
    sha256: str = ""
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frames: int | None = None
    has_alpha: bool = False
    placeholder: str = ""
    color: str = ""
    original_name: str = ""
    focal: Focal | None = None
    fps: float | None = None
    codecs: str = ""
    channels: int | None = None
    hdr: bool = False
    pages: int | None = None
    camera: str = ""
    taken_at: str = ""
    gps: tuple[float, float] | None = None
    palette: tuple[str, ...] = ()
    blurhash: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    state: str = ""
    # New facts stand at the end, because pickles have them in this order.
    poster: str = ""
    crops: Mapping[str, Crop] = field(default_factory=dict, hash=False)

    @property
    def resizable_size(self) -> tuple[int, int] | None:
        """The width and height that resizes are planned for; None if they are not known.

        A drawing or a page has a picture of any size, of which the largest is taken.
        """
        if not self.width or not self.height:
            return None
        size = (self.width, self.height)
        is_scalable = self.pages is not None or self.content_type == _DRAWING
        return scaled_size(size, RASTER_SIDE) if is_scalable else size

    def to_json(self, key: str) -> dict[str, Any]:
        """Return the flat JSON object, with the key that it describes.

        Facts that few files have are left out where they are empty.
        """
        data = asdict(self)
        data["focal"] = list(self.focal) if self.focal else None
        data["crops"] = {ratio: list(box) for ratio, box in self.crops.items()}
        for name in _RARE:
            if not data[name]:
                del data[name]
            elif isinstance(data[name], tuple):
                data[name] = list(data[name])
        return {"key": key, **data}

    @classmethod
    def from_json(cls, data: object, key: str) -> Metadata | None:
        """Parse the JSON object of ``key``; None if it is absent, malformed or another key's."""
        if not isinstance(data, Mapping) or data.get("key") != key:
            return None
        known = {name: data[name] for name in _NAMES if name in data}
        try:
            known["focal"] = Focal(*known["focal"]) if known.get("focal") else None
            if known.get("crops"):
                known["crops"] = {name: Crop(*box) for name, box in known["crops"].items()}
            for name in _PAIRS_AND_LISTS:
                if known.get(name):
                    known[name] = tuple(known[name])
            return cls(**known)
        except (TypeError, AttributeError):
            return None


def _set_state(metadata: Metadata, state: list[Any]) -> None:
    """Restore a pickle, also one that was made when there were fewer facts."""
    values = dict(zip(_NAMES, state, strict=False))
    for each in fields(Metadata):
        empty = each.default_factory() if each.default_factory is not MISSING else each.default
        object.__setattr__(metadata, each.name, values.get(each.name, empty))


# Sites keep pickles of rows in their caches. The dataclass's own method leaves fields unset.
Metadata.__setstate__ = _set_state  # type: ignore[attr-defined]

_NAMES = tuple(each.name for each in fields(Metadata))
_RARE: Final = (
    *("pages", "camera", "taken_at", "gps", "palette", "blurhash", "poster"),
    *("extra", "crops", "state"),
)
_PAIRS_AND_LISTS: Final = ("gps", "palette")
