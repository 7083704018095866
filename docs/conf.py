"""Configuration of Sphinx for ``make docs``.

Django is set up with the gallery's settings, because the reference is generated from the code.
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

import shift_media  # noqa: E402 (needs sys.path)

project = "shift_media"
author = "the shift_media developers"
copyright = "2026, the shift_media developers"
version = release = shift_media.__version__

extensions = ["sphinx.ext.autodoc", "media_reference", "acceptance"]
html_theme = "furo"
html_title = f"shift_media {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(HERE / "_ext/scorer.js")

# Each reference to an object must have a target, but for those of Python and of type aliases.
nitpicky = True
nitpick_ignore_regex = [("py:class", r"collections\.abc\.\w+|.*\.spec_values\.(Crop|Focal)")]

# `make links` opens the others.
linkcheck_ignore = [r"http://127\.0\.0\.1"]
linkcheck_timeout = 20

smartquotes = False  # because "--" begins an option
default_role = "code"
autodoc_typehints = "none"  # because annotated signatures are too long to read
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
toc_object_entries = False
