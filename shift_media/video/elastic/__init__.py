"""The vocabulary of Amazon Elastic Transcoder: presets, file names and jobs.

AWS closed the service. Projects may still describe their jobs in it, and other transcoders run
them.
"""
