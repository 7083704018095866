"""The JSON of a media file: the same in each API of a site.

``media_json(photo.image, presets=["avatar", "800x"])``. The types are those of the answers, and
``manage.py media_types`` writes them in TypeScript.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, TypedDict, cast

from django.conf import settings as django_settings

from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.core.metadata import FileState
from shift_media.resizes.builder import has_resizes
from shift_media.resizes.legacy import guess_extension

logger = logging.getLogger("shift_media")

Absolute = Callable[[str], str]


class ResizeJSON(TypedDict):
    """A resize; its sides are null if those of the original are not known."""

    url: str
    width: int | None
    height: int | None


class FactsJSON(TypedDict):
    """Facts of an original; each is null if the metadata field lacks it."""

    content_type: str | None
    size: int | None
    width: int | None
    height: int | None
    duration: float | None
    placeholder: str | None
    color: str | None


class MediaJSON(FactsJSON):
    """A media file: its URL, its facts, and its resizes by the names that were asked for.

    ``state`` is ``"pending"`` until a task has stored the file: until then its URL answers 404. It
    is ``"failed"`` if the task could not, and ``"analysing"`` until a task has read the
    placeholder and the colour of a stored file.
    """

    url: str
    state: FileState
    resizes: dict[str, ResizeJSON]


FACTS: Final = tuple(FactsJSON.__annotations__)
"""The names of the facts of an original."""


def media_json(
    file: Any, presets: Sequence[str] | None = None, absolute: Absolute = str
) -> MediaJSON | None:
    """Return the JSON of a file without a query and without I/O; None for an empty field.

    Args:
        file: of a `MediaField`.
        presets: the resizes to include: names of presets, or sizes such as ``"400x300"``. By
            default all presets of the settings.
        absolute: called with each URL, such as ``request.build_absolute_uri``.
    """
    if not file:
        return None
    known = file.known_metadata
    facts = {name: getattr(known, name, None) for name in FACTS}
    resizes = _resizes(file, presets, absolute)
    head = {"url": absolute(file.url), "state": file.state}
    return cast("MediaJSON", {**head, **facts, "resizes": resizes})


def _resizes(
    file: Any, presets: Sequence[str] | None, absolute: Absolute
) -> dict[str, ResizeJSON]:
    names = settings.PRESETS if presets is None else presets
    stored = file.stored_name
    extension = guess_extension(stored) if file.is_legacy else stored.rpartition(".")[2]
    if not has_resizes(extension):
        return {}
    resizes: dict[str, ResizeJSON] = {}
    for name in names:
        try:
            resize = file.resize(name)
            url = absolute(resize.url)
        except MediaError as error:
            if django_settings.DEBUG:
                raise  # A wrong preset is a mistake in the code: show it.
            logger.warning("A resize was left out of a response: %s: %s", error.code, error)
        else:
            resizes[name] = {"url": url, "width": resize.width, "height": resize.height}
    return resizes
