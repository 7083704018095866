"""Collect what users read, and compare the catalogues of shift_media/locale with it.

``python .ci/messages.py update`` writes the catalogues, as ``makemessages`` of Django would, but
needs Babel only. ``python .ci/messages.py check`` exits with 1 if a message has no translation, is
fuzzy or is not used any more.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "shift_media"
LOCALE = PACKAGE / "locale"

LANGUAGES = ("ar", "de", "es", "fr", "ja", "pt_BR", "zh_Hans")

KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}

Message = tuple[str | None, str | tuple[str, str]]
"""The context, and the message or its singular and plural."""


@cache
def messages() -> dict[Message, list[str]]:
    """Return each message with the files that contain it."""
    found: dict[Message, list[str]] = {}
    for path, source in sources():
        name = path.relative_to(ROOT).as_posix()
        for _line, function, texts, _comments in extract_python(
            io.BytesIO(source.encode()), list(KEYWORDS), [], {}
        ):
            if (message := message_of(function, texts)) is not None:
                files = found.setdefault(message, [])
                files.extend([name] if name not in files else [])
    return found


def sources() -> Iterator[tuple[Path, str]]:
    """Yield each module and template of the package, as Python code that calls ``gettext``."""
    from django.utils.translation.template import templatize

    for path in sorted(PACKAGE.rglob("*.py")):
        if "migrations" not in path.parts and "gettext" in (source := path.read_text()):
            yield path, source
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        code = templatize(path.read_text(), origin=str(path))
        yield path, "\n".join(line.strip() for line in code.splitlines())


def message_of(function: str, texts: object) -> Message | None:
    """Return the message of a call, or None if its text is not a literal."""
    parts = list(texts) if isinstance(texts, tuple | list) else [texts]
    context = parts.pop(0) if "pgettext" in function else None
    wanted = parts[: 2 if function.startswith(("ng", "np")) else 1]
    if not wanted or not all(isinstance(text, str) and text for text in wanted):
        return None
    return context, wanted[0] if len(wanted) == 1 else (wanted[0], wanted[1])


def path_of(language: str) -> Path:
    """Return the path of a language's catalogue."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def read(language: str) -> Catalog:
    """Return a language's catalogue, which is empty if there is no file yet."""
    path = path_of(language)
    if not path.exists():
        return Catalog(locale=language, domain="django")
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="django")


def update(language: str) -> None:
    """Write a catalogue with all messages, keep its translations, and drop what is not used."""
    old, found = read(language), messages()
    new = Catalog(
        locale=language, domain="django", project="django-shift-media", fuzzy=False,
        version="1", charset="utf-8",
        header_comment=f"# Translations of django-shift-media: {language}.",
    )  # fmt: skip
    for (context, text), files in sorted(
        found.items(), key=lambda item: (item[1][0], str(item[0]))
    ):
        kept = old.get(text if isinstance(text, str) else text[0], context)
        flags = {"python-format"} if is_format(text) else set()
        new.add(
            text,
            kept.string if kept else None,
            locations=[(name, None) for name in files],  # type: ignore[list-item]
            flags=flags,
            context=context,
        )
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    with path_of(language).open("wb") as file:
        write_po(file, new, width=96, omit_header=False, include_lineno=False)
    text = path_of(language).read_text()
    path_of(language).write_text(NOISE.sub("", text))


def is_format(text: str | tuple[str, str]) -> bool:
    """Return True if a message has placeholders."""
    return any(PLACEHOLDER.search(part) for part in ([text] if isinstance(text, str) else text))


NOISE = re.compile(
    r'^"(POT-Creation-Date|PO-Revision-Date|Report-Msgid|Last-Tran|Language-Team|Generated).*\n',
    re.MULTILINE,
)
"""Lines of a header that would change with each run, or that only have examples."""

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%?[sd]|\{\w*\}")


def problems(language: str) -> Iterator[str]:
    """Yield a line for each message that is missing, fuzzy, stale or has other placeholders."""
    catalog, found = read(language), messages()
    for context, text in found:
        entry = catalog.get(text if isinstance(text, str) else text[0], context)
        strings = as_list(entry.string) if entry else []
        if not strings or not all(strings):
            yield f"{language}: no translation of {text!r}"
        elif entry and entry.fuzzy:
            yield f"{language}: fuzzy translation of {text!r}"
        elif text and any(named(string) - named(text) for string in strings):
            yield f"{language}: other placeholders than {text!r}: {strings!r}"
        elif named(as_list(text)[-1]) - named(strings):
            yield f"{language}: a placeholder of {text!r} is missing: {strings!r}"
    used = {(context, text if isinstance(text, str) else text[0]) for context, text in found}
    for entry in catalog:
        if entry.id and (entry.context, as_list(entry.id)[0]) not in used:
            yield f"{language}: {as_list(entry.id)[0]!r} is not used any more"


def as_list(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return the forms of a message, of which most have one."""
    return [text] if isinstance(text, str) else list(text)


def named(text: str | tuple[str, ...] | list[str]) -> set[str]:
    """Return the placeholders of a message."""
    return {match[0] for part in as_list(text) for match in PLACEHOLDER.finditer(part)}


def main() -> None:
    """Update or check all catalogues."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "update":
        for language in LANGUAGES:
            update(language)
    elif command == "check":
        found = [line for language in LANGUAGES for line in problems(language)]
        print("\n".join(found) or f"{len(LANGUAGES)} catalogues are complete.")
        sys.exit(bool(found))
    else:
        sys.exit("Write: python .ci/messages.py update, or check")


if __name__ == "__main__":
    main()
