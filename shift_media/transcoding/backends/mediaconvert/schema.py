"""Requests held against botocore's own description of the API.

botocore checks names and types of what it sends, but neither enumerations nor the largest values:
what is wrong there would come back from MediaConvert only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

SERVICE = "mediaconvert"


@functools.cache
def _input_of(operation: str) -> Any:
    import botocore.session

    session: Any = botocore.session.get_session()
    return session.get_service_model(SERVICE).operation_model(operation).input_shape


def faults(request: Mapping[str, Any], operation: str = "CreateJob") -> Iterator[str]:
    """Tell what MediaConvert would refuse in a request, each with its path."""
    yield from _faults(request, _input_of(operation), "")


def allowed(path: str, operation: str = "CreateJob") -> list[str]:
    """List the values of an enumeration: ``"AccelerationSettings.Mode"``."""
    shape = _input_of(operation)
    for name in path.split("."):
        shape = shape.members[name]
    return list(shape.enum)


def _faults(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, item in value.items():
            where = f"{path}.{name}".lstrip(".")
            if name not in shape.members:
                yield f"{where} is not in the API"
            else:
                yield from _faults(item, shape.members[name], where)
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
    measured = len(value) if isinstance(value, str) else value
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and measured < least:
        yield f"{path} is {value!r}: at least {least}"
    if most is not None and measured > most:
        yield f"{path} is {value!r}: at most {most}"


def default_region() -> str:
    """Name the region that boto3 is configured with; empty where there is none."""
    import botocore.session

    return str(botocore.session.get_session().get_config_variable("region") or "")
