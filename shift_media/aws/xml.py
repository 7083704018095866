"""Documents as XML, for the APIs of S3 and CloudFront and tools such as s3cmd."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any


def to_xml(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Return the body of a request as botocore sends it, indented.

    Raises botocore's ``ParamValidationError`` for parameters that the API does not accept.
    """
    from botocore import serialize
    from botocore.session import Session

    model = Session().get_service_model(service).operation_model(operation)
    create_serializer: Any = serialize.create_serializer
    request = create_serializer("rest-xml").serialize_to_request(dict(parameters), model)
    body: bytes = request["body"]
    # S3 and CloudFront use one namespace: as the default one it needs no prefixes.
    root = ET.fromstring(body)  # noqa: S314 (written by botocore a line ago)
    namespace = root.tag.partition("}")[0].removeprefix("{")
    ET.register_namespace("", namespace)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}'
