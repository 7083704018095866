"""From bytes to pixels and back: header parsers, stripping and the engine, without Django."""
