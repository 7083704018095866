"""`seed`, `demo` and `demo_s3`."""
