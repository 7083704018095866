"""The panel as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class TrafficConfig(AppConfig):
    """The log of requests to the bucket and the app, and its panel."""

    name = "testproject.traffic"
