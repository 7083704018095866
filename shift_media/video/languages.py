"""The languages of tracks, as HTML and HLS name them (BCP 47)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

UNKNOWN_LANGUAGE = "und"

_TWO_LETTERS = dict(
    pair.split(":")
    for pair in (
        "ara:ar bul:bg cat:ca ces:cs cze:cs chi:zh zho:zh dan:da deu:de ger:de dut:nl nld:nl"
        " ell:el gre:el eng:en est:et fin:fi fra:fr fre:fr heb:he hin:hi hrv:hr hun:hu ind:id"
        " ita:it jpn:ja kor:ko lav:lv lit:lt may:ms msa:ms nob:nb nor:no per:fa fas:fa pol:pl"
        " por:pt ron:ro rum:ro rus:ru slk:sk slo:sk slv:sl spa:es srp:sr swe:sv tam:ta tha:th"
        " tur:tr ukr:uk vie:vi"
    ).split()
)
"""Languages of ISO 639-2 by those of ISO 639-1, which HTML and HLS use (BCP 47)."""

_LANGUAGE = re.compile(r"[a-z]{2,3}")


def is_language(text: str) -> bool:
    """Return True for a code of two or three lower-case letters."""
    return _LANGUAGE.fullmatch(text) is not None


def parse_language(text: str) -> str:
    """Return a language that a container names; ``und`` for what is none."""
    lower = text.lower()
    known = lower if _LANGUAGE.fullmatch(lower) else UNKNOWN_LANGUAGE
    return _TWO_LETTERS.get(known, known)


def name_languages(found: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Yield number, language and name of each track; ``found`` has number and language.

    The name of the second track of a language is numbered: ``en-2``.
    """
    counts = dict[str, int]()
    for stream, given in found:
        language = parse_language(given)
        counts[language] = counts.get(language, 0) + 1
        number = f"-{counts[language]}" if counts[language] > 1 else ""
        yield stream, language, f"{language}{number}"
