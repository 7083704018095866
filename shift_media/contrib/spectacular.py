"""The schema of `MediaSerializerField` for drf-spectacular, which loads it if it is installed."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import append_meta, build_basic_type, build_object_type
from drf_spectacular.types import OpenApiTypes

_FACT_TYPES: Final = {
    "content_type": OpenApiTypes.STR,
    "size": OpenApiTypes.INT,
    "width": OpenApiTypes.INT,
    "height": OpenApiTypes.INT,
    "duration": OpenApiTypes.DOUBLE,
    "placeholder": OpenApiTypes.STR,
    "color": OpenApiTypes.STR,
}
"""The types of the facts; each is null if the metadata field lacks it."""


class MediaFieldSchema(OpenApiSerializerFieldExtension):  # type: ignore[misc]  # optional
    """An upload in a request, an object of URLs and facts in a response."""

    target_class = "shift_media.contrib.rest_framework.MediaSerializerField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> Any:
        """Return the schema of a request or of a response."""
        if direction == "request":
            return build_basic_type(OpenApiTypes.BINARY)
        if not self.target.represents_object:
            schema = build_basic_type(OpenApiTypes.STR)
        else:
            schema = _object()
        return schema if self.target.required else append_meta(schema, {"nullable": True})


def _object() -> Any:
    size = {name: _nullable(OpenApiTypes.INT) for name in ("width", "height")}
    resize = _complete({"url": build_basic_type(OpenApiTypes.URI), **size})
    return _complete(
        {
            "url": build_basic_type(OpenApiTypes.URI),
            **{name: _nullable(kind) for name, kind in _FACT_TYPES.items()},
            "resizes": build_object_type(additionalProperties=resize),
        }
    )


def _complete(properties: dict[str, Any]) -> Any:
    return build_object_type(properties=properties, required=list(properties))


def _nullable(kind: OpenApiTypes) -> Any:
    return append_meta(build_basic_type(kind), {"nullable": True})
