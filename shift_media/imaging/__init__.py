"""From bytes to pixels and back: headers, stripping, and the engine that makes resizes."""
