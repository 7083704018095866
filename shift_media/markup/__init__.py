"""HTML of resizes and videos, for every template engine."""
