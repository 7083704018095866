"""The app of the album."""

import logging

from django.apps import AppConfig

from shift_media.signals import resize_created

logger = logging.getLogger("album")


class AlbumConfig(AppConfig):
    """Logs each resize that this host makes."""

    name = "album"

    def ready(self) -> None:
        """Connect the receiver."""
        resize_created.connect(log_resize)


def log_resize(key, size, **_):
    """Write a line for a resize, with its bytes."""
    logger.info("Made %s of %d bytes.", key, size)
