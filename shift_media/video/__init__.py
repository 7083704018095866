"""The vocabulary of renditions: profiles, frame sizes, encodings, and the plan for one source."""
