"""Requests compared with botocore's own description of the API.

botocore validates the names and types of what it sends, but neither enumerations nor the largest
values. Only MediaConvert itself would refuse those.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

SERVICE = "mediaconvert"


@functools.cache
def _input_shape(operation: str) -> Any:
    import botocore.session

    session: Any = botocore.session.get_session()
    return session.get_service_model(SERVICE).operation_model(operation).input_shape


def find_faults(request: Mapping[str, Any], operation: str = "CreateJob") -> Iterator[str]:
    """Yield what MediaConvert would refuse in a request, each with its path."""
    yield from _faults(request, _input_shape(operation), "")


def allowed(path: str, operation: str = "CreateJob") -> list[str]:
    """Return the values of an enumeration: ``"AccelerationSettings.Mode"``."""
    shape = _input_shape(operation)
    for name in path.split("."):
        shape = shape.members[name]
    return list(shape.enum)


def _faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, item in value.items():
            member_path = f"{path}.{name}".lstrip(".")
            if name not in shape.members:
                yield f"{member_path} is not in the API"
            else:
                yield from _faults(item, shape.members[name], member_path)
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            yield from _faults(item, shape.member, f"{path}[{number}]")
    elif shape.type_name == "map":
        for name, item in value.items():
            yield from _faults(item, shape.value, f"{path}[{name!r}]")
    else:
        yield from _scalar_faults(value, shape, path)


def _scalar_faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield f"{path} is {value!r}, not one of {', '.join(enum)}"
    size = len(value) if isinstance(value, str) else value
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if minimum is not None and size < minimum:
        yield f"{path} is {value!r}, which must be at least {minimum}"
    if maximum is not None and size > maximum:
        yield f"{path} is {value!r}, which must be at most {maximum}"


def default_region() -> str:
    """Return the region that boto3 is configured with; empty if there is none."""
    import botocore.session

    return str(botocore.session.get_session().get_config_variable("region") or "")
