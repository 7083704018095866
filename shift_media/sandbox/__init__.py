"""Running other programs within limits on time, memory and output."""
