"""A bucket, and a proxy that makes faults."""

from __future__ import annotations

from tests.servers.fixtures import bucket, fault_proxy, faults

__all__ = ["bucket", "fault_proxy", "faults"]
