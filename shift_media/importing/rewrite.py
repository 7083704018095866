"""Links in texts: old addresses of imported files become those of their originals.

A text may be HTML, Markdown or anything else in which a URL stands. In a column of JSON, such as
the body of a page that is made of blocks, each string is a text.
"""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from django.conf import settings as django_settings
from django.core.files.storage import Storage
from django.db import models, router
from django.db.models import Value
from django.db.models.functions import Cast
from django.utils.encoding import filepath_to_uri

from shift_media.conf import settings
from shift_media.importing.addresses import current_file
from shift_media.importing.plan import ImportPlan, PlanError
from shift_media.storages import MediaStorage, unwrap

_PAGE: Final = 100
_CLOSING: Final = ")]}?#&"
"""Characters that may end a URL, whatever follows."""
_PUNCTUATION: Final = ".,;:!*_|"
"""Characters that may stand behind a URL, if no letter or digit follows."""
_MOST_ENDS: Final = 100
"""Places at which the name in one URL is looked for to end: each takes a query."""
_JSON_STRING: Final = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?')
"""A string in JSON, with the colon behind it if it is a key."""
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d+)?")

Find = Callable[[str], str | None]
"""Returns the new URL for an old name; None for a name that was not imported."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is replaced."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RewrittenRow:
    """A row whose text has links to imported files.

    Attributes:
        pk: its primary key.
        links: the links that are replaced.
        problem: why the row was left as it is; empty if it was not.
    """

    pk: Any
    links: tuple[Link, ...]
    problem: str = ""


def rewrite_text(
    text: str, prefix: str, hosts: Sequence[str], find: Find
) -> tuple[str, tuple[Link, ...]]:
    """Return a text with new links, and the links that were replaced.

    Args:
        text: the text.
        prefix: what the old storage puts before a name: ``/media/``, or a URL with a host.
        hosts: the hosts of the site, which may stand before a ``prefix`` without one.
        find: returns the new URL of a name.
    """
    links: list[Link] = []

    def replace(match: re.Match[str]) -> str:
        rest, origin = match["rest"], match["origin"] or ""
        for end in _ends(rest):
            new = find(unquote(html.unescape(rest[:end])))
            if new is not None:
                before = f"{origin}{match['prefix']}{rest[:end]}"
                after = f"{origin}{new}" if new.startswith("/") and not _is_url(new) else new
                links.append(Link(before, after))
                return after + rest[end:]
        return match[0]

    return _pattern(prefix, hosts).sub(replace, text), tuple(links)


def _pattern(prefix: str, hosts: Sequence[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(host) for host in hosts)
    origin = rf"(?P<origin>(?:https?:)?//(?:{names}))?" if hosts and not _is_url(prefix) else ""
    origin = origin or "(?P<origin>)"
    # Not in the middle of another path or host.
    return re.compile(
        rf"(?<![\w/.:%-]){origin}(?P<prefix>{re.escape(prefix)})(?P<rest>[^\s\"'<>\\]+)"
    )


def _ends(rest: str) -> Iterator[int]:
    """Yield where a name may end, longest first."""
    yield len(rest)
    inside = (at for at in range(1, len(rest)) if _may_end(rest, at))
    yield from reversed(list(islice(inside, _MOST_ENDS)))


def _may_end(rest: str, at: int) -> bool:
    follows = rest[at + 1 : at + 2]
    return rest[at] in _CLOSING or (rest[at] in _PUNCTUATION and not follows.isalnum())


def _is_url(text: str) -> bool:
    return bool(urlsplit(text).netloc)


class RewriteRun:
    """One run over the texts of a column.

    Args:
        plan: the import whose links are rewritten.
        model: the model with the texts.
        column: the name of its text field.
        dry_run: change nothing.
        stop: set it to end the run in order.
    """

    def __init__(
        self,
        plan: ImportPlan,
        model: type[models.Model],
        column: str,
        *,
        dry_run: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        field = model._meta.get_field(column)
        self._is_json = getattr(field, "get_internal_type", str)() == "JSONField"
        if not (self._is_json or isinstance(field, models.CharField | models.TextField)):
            raise PlanError(
                f"{field} has no texts: name a CharField, a TextField or a JSONField, or a field "
                "of another package with a column of JSON."
            )
        target = unwrap(plan.target)
        if isinstance(target, MediaStorage) and target.originals == "private":
            raise PlanError("The files are private: their URLs expire, so texts cannot have them.")
        self._plan, self._model, self._column = plan, model, column
        self._max_length = None if self._is_json else getattr(field, "max_length", None)
        self._dry_run = dry_run
        self._stop = stop or threading.Event()
        self._prefix = find_prefix(plan.storage)
        self._hosts = _hosts()

    def outcomes(self) -> Iterator[RewrittenRow]:
        """Rewrite the texts, and yield each row that has links."""
        last: Any = None
        rows = self._rows()
        while not self._stop.is_set():
            following = rows if last is None else rows.filter(pk__gt=last)
            page = list(following.values_list("pk", "_text")[:_PAGE])
            if not page:
                return
            last = page[-1][0]
            for pk, text in page:
                new, links = self._rewrite(text)
                if links:
                    yield self._write(pk, text, new, links)

    @property
    def _using(self) -> str:
        """The alias of the database: that of the import, if it is not the usual one."""
        using = self._plan.using
        is_usual = using == router.db_for_write(self._plan.model)
        return router.db_for_write(self._model) if is_usual else using

    def _rows(self) -> models.QuerySet[Any]:
        rows: models.QuerySet[Any] = models.QuerySet(model=self._model, using=self._using)
        # The column of a JSON field is compared as the text that the database has.
        text = Cast(self._column, models.TextField()) if self._is_json else models.F(self._column)
        with_prefix: models.QuerySet[Any] = rows.annotate(_text=text)
        return with_prefix.filter(_text__contains=self._prefix).order_by("pk")

    def _rewrite(self, text: str) -> tuple[Any, tuple[Link, ...]]:
        """Return the new value of the column, and the links that were replaced."""
        if not self._is_json:
            return rewrite_text(text, self._prefix, self._hosts, self._find)
        links: list[Link] = []

        def replace(literal: re.Match[str]) -> str:
            if literal[2]:
                return literal[0]
            value = json.loads(literal[1])
            new, found = rewrite_text(value, self._prefix, self._hosts, self._find)
            links.extend(found)
            return json.dumps(new) if new != value else literal[0]

        # All else stays as it is written, because a number would lose digits as a float.
        return _JSON_STRING.sub(replace, text), tuple(links)

    def _find(self, name: str) -> str | None:
        for record in self._plan.records.for_name(name):
            file = current_file(record)
            if file is not None:
                return str(file.url)
        return None

    def _write(self, pk: Any, old: str, new: Any, links: tuple[Link, ...]) -> RewrittenRow:
        if self._max_length is not None and len(new) > self._max_length:
            return RewrittenRow(pk, links, f"The text would be longer than {self._max_length}.")
        if self._dry_run:
            return RewrittenRow(pk, links)
        same = self._rows().filter(pk=pk, _text=old)
        # Past the field, which may take values of a class of its own.
        text = Value(new, models.TextField())
        value = Cast(text, models.JSONField()) if self._is_json else new
        if not same.order_by().update(**{self._column: value}):
            return RewrittenRow(pk, links, "The row was changed meanwhile: run it again.")
        return RewrittenRow(pk, links)


def find_prefix(storage: Storage) -> str:
    """Return what a storage puts before the names of its files; raise `PlanError` without one."""
    probe = "a/b.jpg"
    try:
        url = str(storage.url(probe))
    except (NotImplementedError, ValueError) as error:
        raise PlanError("The old storage has no URLs, so no text has them.") from error
    prefix = url.partition("?")[0].removesuffix(filepath_to_uri(probe) or probe)
    if not prefix.endswith("/"):
        raise PlanError(f"{url} does not end with the name of its file.")
    return prefix


def _hosts() -> list[str]:
    """Return the hosts of the site that can stand before a path."""
    hosts = [host for host in django_settings.ALLOWED_HOSTS if _HOST.fullmatch(host)]
    site = urlsplit(settings.SITE_URL or "").netloc
    return list(dict.fromkeys([*([site] if site else []), *hosts]))
