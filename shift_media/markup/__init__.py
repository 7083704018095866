"""HTML and JSON of media files, for every template engine and API."""
