"""Ceph's S3 gateway, which the demonstration starts too."""

from __future__ import annotations

from testproject.servers.rgw import RGW

__all__ = ["RGW"]
