"""Configure Django and run the demonstration: ``python -m tests.evidence``."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from tests.evidence import videos  # noqa: E402 (it imports models)

videos.main()
