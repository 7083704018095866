"""Fixtures: a bucket, and a proxy that injects faults."""

from __future__ import annotations

from tests.servers.fixtures import bucket, fault_proxy, faults

__all__ = ["bucket", "fault_proxy", "faults"]
