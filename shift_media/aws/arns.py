"""Amazon Resource Names: ``arn:partition:service:region:account:resource``."""

from __future__ import annotations

import re

_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|\*|):(.+)")


def bucket_arn(bucket: str, partition: str = "aws") -> str:
    """Name a bucket; ``partition`` is another one in China and for the US government."""
    return f"arn:{partition}:s3:::{bucket}"


def check_arn(arn: str, service: str, example: str) -> str:
    """Give an ARN of a service back; raises `ValueError` for anything else."""
    match = _ARN.fullmatch(arn)
    if match is None or match[2] != service:
        raise ValueError(f"{arn!r} is no ARN of {service}: write one such as {example}")
    return arn


def partition_of(arn: str) -> str:
    """Tell the partition: ``"aws"``, or the one of China or of the US government."""
    return arn.split(":", 2)[1]


def region_of(arn: str) -> str:
    """Tell the region, empty for services that have none."""
    return arn.split(":", 4)[3]


def account_of(arn: str) -> str:
    """Tell the account: twelve digits."""
    return arn.split(":", 5)[4]
