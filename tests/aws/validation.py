"""Validation of documents against botocore's model of AWS's API."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from botocore.model import ServiceModel, Shape
from botocore.session import Session
from botocore.validate import ParamValidator


@lru_cache
def service(name: str) -> ServiceModel:
    return Session().get_service_model(name)


def faults(api: str, operation: str, parameters: dict[str, Any]) -> str:
    """Return the faults: wrong names and types, missing members, values outside an enum."""
    shape = service(api).operation_model(operation).input_shape
    assert shape is not None
    report: str = ParamValidator().validate(parameters, shape).generate_report()
    return "\n".join(filter(None, [report, *enum_faults(parameters, shape, operation)]))


def enum_faults(value: Any, shape: Shape, where: str) -> list[str]:
    """Return values outside the enums, which botocore does not check."""
    if shape.type_name == "structure":
        known = [(name, shape.members[name]) for name in value if name in shape.members]
        return [f for name, s in known for f in enum_faults(value[name], s, f"{where}.{name}")]
    if shape.type_name == "list":
        return [fault for item in value for fault in enum_faults(item, shape.member, where)]
    enum = getattr(shape, "enum", None)
    return [f"{where}: {value!r} is none of {enum}"] if enum and value not in enum else []
