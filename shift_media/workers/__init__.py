"""Decoding of files of any origin, in worker processes with limits, which may crash.

This module imports nothing, because the workers import a module beside it.
"""
