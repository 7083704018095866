"""The schema of `MediaSerializerField` for drf-spectacular, which loads it if it is installed."""

from __future__ import annotations

from typing import Any, Final, get_args

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.plumbing import append_meta, build_basic_type, build_object_type
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.types import OpenApiTypes

from shift_media.conf import settings
from shift_media.core.metadata import FileState

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
        """Return the schema of a request or of a response.

        As of the framework's ``FileField``, requests differ from responses only with the setting
        ``COMPONENT_SPLIT_REQUEST`` of drf-spectacular. Otherwise both have one schema, which must
        be that of responses.
        """
        if direction == "request" and spectacular_settings.COMPONENT_SPLIT_REQUEST:
            return self._accepted()
        text = OpenApiTypes.URI if self.target.url_only else OpenApiTypes.STR
        schema = _object() if self.target.represents_object else build_basic_type(text)
        return schema if self.target.required else append_meta(schema, {"nullable": True})

    def _accepted(self) -> Any:
        """Return the schema of what a request may contain: a file, and the values of JSON."""
        text = build_basic_type(OpenApiTypes.STR)
        accepted = [build_basic_type(OpenApiTypes.BINARY)]
        if self._takes_tickets():
            accepted.append(_complete({"ticket": text}))
        if self.target.data_uris:
            accepted.append({**text, "pattern": "^data:"})
        if self.target.remote:
            accepted.append(_complete({"from_url": build_basic_type(OpenApiTypes.URI)}))
        return {"oneOf": accepted} if len(accepted) > 1 else accepted[0]

    def _takes_tickets(self) -> bool:
        field = self.target.model_field
        label = "" if field is None else f"{field.model._meta.label_lower}.{field.name}"
        return label in {name.lower() for name in settings.UPLOADS}


def _object() -> Any:
    size = {name: _nullable(OpenApiTypes.INT) for name in ("width", "height")}
    resize = _complete({"url": build_basic_type(OpenApiTypes.URI), **size})
    return _complete(
        {
            "url": build_basic_type(OpenApiTypes.URI),
            "state": {**build_basic_type(OpenApiTypes.STR), "enum": list(get_args(FileState))},
            **{name: _nullable(kind) for name, kind in _FACT_TYPES.items()},
            "resizes": build_object_type(additionalProperties=resize),
        }
    )


def _complete(properties: dict[str, Any]) -> Any:
    return build_object_type(properties=properties, required=list(properties))


def _nullable(kind: OpenApiTypes) -> Any:
    return append_meta(build_basic_type(kind), {"nullable": True})
