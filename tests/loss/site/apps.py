from __future__ import annotations

from django.apps import AppConfig


class LossConfig(AppConfig):
    name = "tests.loss.site"
    label = "loss"
    default_auto_field = "django.db.models.BigAutoField"
