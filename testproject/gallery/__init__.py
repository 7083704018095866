"""A gallery of pictures and videos: upload, view, resize, delete."""
