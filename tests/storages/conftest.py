"""The S3 servers."""

from __future__ import annotations

from tests.servers.fixtures import rgw, seaweedfs

__all__ = ["rgw", "seaweedfs"]
