"""``{% load shift_media %}``."""
