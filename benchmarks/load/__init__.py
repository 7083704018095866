"""A site of two hosts under load, as users make it, with real servers: ``make load``."""
