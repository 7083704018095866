"""Documents as XML: what the APIs of S3 and CloudFront, and tools such as s3cmd, read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any


def to_xml(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Write the body of a request as botocore would send it, indented.

    Raises botocore's ``ParamValidationError`` for parameters that the API does not take.
    """
    from botocore import serialize
    from botocore.session import Session

    model = Session().get_service_model(service).operation_model(operation)
    make: Any = serialize.create_serializer
    request = make("rest-xml").serialize_to_request(dict(parameters), model)
    body: bytes = request["body"]
    # Named prefixes would be put before every name; S3's documents have one namespace.
    root = ET.fromstring(body)  # noqa: S314 (written by botocore a line ago)
    namespace = root.tag.partition("}")[0].removeprefix("{")
    ET.register_namespace("", namespace)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}'
