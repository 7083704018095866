"""The rules of a field as its input shows them, and as the script of the input checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from shift_media.core.formats import accepted_formats
from shift_media.validators.errors import MESSAGES, alternatives, size_text
from shift_media.validators.rules import (
    NO_RULES,
    FileRules,
    parse_ratio,
    ratio_text,
    seconds_text,
    sides_text,
)

MOST_NAMES: Final = 8
"""The most formats that are listed. More would not be read."""

SEEN: Final = "{seen}"
"""The place in a message into which the script writes what it has seen."""

Limit = dict[str, Any]

# Lazy, because this module is imported before there are settings, which gettext_noop() needs.
_PHRASES: Final[tuple[tuple[str, Promise, Callable[[Any], str]], ...]] = (
    ("min_bytes", _("at least %s"), size_text),
    ("min_size", _("at least %s"), sides_text),
    ("max_size", _("at most %s"), sides_text),
    ("ratio", _("ratio %s"), ratio_text),
    ("min_duration", _("at least %s"), seconds_text),
    ("max_duration", _("at most %s"), seconds_text),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """The limits of an input, for its page and its script.

    Attributes:
        accept: accepted content types.
        max_bytes: the largest size of a file.
        rules: the rules for the facts of a file.
        max_files: the most files of an input for several.
    """

    accept: Sequence[str] = ("*/*",)
    max_bytes: int | None = None
    rules: FileRules = NO_RULES
    max_files: int | None = None

    def as_text(self) -> str:
        """Return the limits as a line for people: ``"JPEG or PNG · up to 25 MB"``."""
        return " · ".join(self._phrases())

    def as_data(self) -> list[Limit]:
        """Return the limits that a browser can check before it sends a file.

        Each has a ``fact``, the ``least`` and the ``most`` value of it, and the ``message`` for a
        file that breaks it. The server checks the same ones, and those that only it can check.
        """
        return [limit for limit in self._limits() if limit["least"] or limit["most"]]

    def _phrases(self) -> Iterator[str]:
        names = [format.name for format in accepted_formats(self.accept)]
        if "*/*" not in self.accept and len(names) <= MOST_NAMES:
            yield alternatives(names)
        if self.max_bytes is not None:
            yield gettext("up to %s") % size_text(self.max_bytes)
        for name, phrase, text in _PHRASES:
            if (value := getattr(self.rules, name)) is not None:
                yield str(phrase) % text(value)
        if self.rules.with_audio is not None:
            yield gettext("with sound") if self.rules.with_audio else gettext("without sound")
        if self.max_files is not None:
            most = self.max_files
            yield ngettext("at most %s file", "at most %s files", most) % most

    def _limits(self) -> Iterator[Limit]:
        rules = self.rules
        if self.max_bytes is not None:
            yield _limit("bytes", "too_large", size_text(self.max_bytes), most=self.max_bytes)
        if rules.min_bytes is not None:
            yield _limit("bytes", "too_small", size_text(rules.min_bytes), least=rules.min_bytes)
        for fact, index in (("width", 0), ("height", 1)):
            if rules.min_size is not None:
                text, least = sides_text(rules.min_size), rules.min_size[index]
                yield _limit(fact, "picture_too_small", text, least=least)
            if rules.max_size is not None:
                text, most = sides_text(rules.max_size), rules.max_size[index]
                yield _limit(fact, "picture_too_large", text, most=most)
        if rules.ratio is not None:
            wanted, tolerance = parse_ratio(rules.ratio)
            bounds = {"least": wanted * (1 - tolerance), "most": wanted * (1 + tolerance)}
            yield _limit("ratio", "wrong_ratio", ratio_text(rules.ratio), **bounds)
        if rules.min_duration is not None:
            text = seconds_text(rules.min_duration)
            yield _limit("seconds", "too_short", text, least=rules.min_duration)
        if rules.max_duration is not None:
            text = seconds_text(rules.max_duration)
            yield _limit("seconds", "too_long", text, most=rules.max_duration)


def _limit(
    fact: str, code: str, text: str, *, least: float | None = None, most: float | None = None
) -> Limit:
    values = {"seen": SEEN, "size": SEEN, "limit": text, "ratio": text}
    message = str(MESSAGES[code]) % values
    return {"fact": fact, "least": least, "most": most, "message": message}
