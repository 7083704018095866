"""Header parsers of our own, one module per format, that decode no pixel and trust no length."""
