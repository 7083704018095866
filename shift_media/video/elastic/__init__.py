"""The vocabulary of Amazon Elastic Transcoder, which AWS closed: presets, names and jobs.

Its jobs can still be described in it, and are done by other transcoders.
"""
