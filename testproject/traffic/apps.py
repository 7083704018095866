"""The panel as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class TrafficConfig(AppConfig):
    """Requests seen by the bucket and by the app."""

    name = "testproject.traffic"
