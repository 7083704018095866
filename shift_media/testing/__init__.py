"""Contracts that others can run on their own storages and transcoders."""

from __future__ import annotations

from shift_media.testing.storages import MediaStorageContract
from shift_media.testing.transcoders import TranscoderContract

__all__ = ["MediaStorageContract", "TranscoderContract"]
