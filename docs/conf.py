"""How the documentation is built: ``make docs``, with warnings as errors.

The reference is read from the code, so Django is set up, with the gallery's settings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "testproject.settings")
django.setup()

import shift_media  # noqa: E402 (needs the path)

project = "shift_media"
author = "the shift_media developers"
copyright = "2026, the shift_media developers"
version = release = shift_media.__version__

extensions = ["sphinx.ext.autodoc", "media_reference"]
html_theme = "furo"
html_title = f"shift_media {release}"
html_copy_source = False

smartquotes = False  # "--" is an option here
default_role = "code"
autodoc_typehints = "none"  # the sentences say it, and the signatures are long
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
toc_object_entries = False
