"""A gallery of photographs: upload, look, resize, delete."""
