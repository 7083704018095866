"""Videos become renditions: the transcoders, and the services that run their jobs."""
