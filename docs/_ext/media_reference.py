"""Directives that generate reference pages from the code, so that both always agree.

``media-settings`` lists the keys of ``SHIFT_MEDIA``, ``media-command`` the help of a management
command, ``media-errors`` the subclasses of `MediaError` with their codes and HTTP statuses,
``media-messages`` the sentences for uploads that are refused, ``media-metrics`` the metrics,
``media-s3-options`` the options of django-storages.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from typing import ClassVar

from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext import napoleon
from sphinx.util.docutils import SphinxDirective

from shift_media import conf
from shift_media.core.errors import BY_CODE, MediaError
from shift_media.metrics import METRICS
from shift_media.resizes.responses import STATUS
from shift_media.storages.s3.options import OPTIONS
from shift_media.validators import MESSAGES


class MediaSettings(SphinxDirective):
    """Describe every key of ``SHIFT_MEDIA`` by the docstring of the property that reads it."""

    def run(self) -> list[nodes.Node]:
        """Return one ``confval`` for each key, in the order of the code."""
        return self.parse_text_to_nodes("\n".join(_settings()))


def _settings() -> Iterator[str]:
    for name in conf.KEYS:
        yield f".. confval:: {name}"
        yield ""
        doc = inspect.getdoc(getattr(conf.Settings, name)) or ""
        yield from (f"   {line}" for line in doc.splitlines())
        yield ""


class MediaCommand(SphinxDirective):
    """Describe a management command by its ``--help``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return description, usage and options, without the options of every command."""
        return self.parse_text_to_nodes("\n".join(_command(self.arguments[0])))


def _command(name: str) -> Iterator[str]:
    parser = load_command_class("shift_media", name).create_parser("manage.py", name)
    common = _common_options()
    own = [action for action in parser._actions if not common & set(action.option_strings)]
    yield from (parser.description or "").splitlines()
    yield ""
    yield ".. code-block:: text"
    yield ""
    yield from (f"   {line}" for line in _usage(parser, own).splitlines())
    yield ""
    for action in own:
        yield from _option(action)


def _common_options() -> set[str]:
    parser = BaseCommand().create_parser("manage.py", "any")
    return {option for action in parser._actions for option in action.option_strings}


def _usage(parser: argparse.ArgumentParser, own: list[argparse.Action]) -> str:
    formatter = argparse.HelpFormatter(prog=parser.prog, width=88)
    formatter.add_usage(None, own, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def _option(action: argparse.Action) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction):
        for name, parser in action.choices.items():
            yield f"``{name}``"
            yield f"   {parser.description or ''}"
            yield ""
            for inner in parser._actions:
                if inner.help != argparse.SUPPRESS and "--help" not in inner.option_strings:
                    yield from (f"   {line}" for line in _option(inner))
        return
    values = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices and not action.metavar:
        values = "{" + ",".join(map(str, action.choices)) + "}"
    shown = values if isinstance(values, str) else " ".join(values)
    names = [f"{o} {shown}".strip() for o in action.option_strings] or [shown]
    yield ", ".join(f"``{name}``" for name in names)
    said = (action.help or "") % {**vars(action), "prog": "manage.py"}
    yield "   " + _plain(said.replace("*", r"\*"))
    yield ""


def _plain(sentence: str) -> str:
    """Return a sentence whose addresses, which are examples, do not become links."""
    return re.sub(r"\b(https?:|data:)", r"\\\1", sentence)


class MediaErrors(SphinxDirective):
    """List the errors with code, class, HTTP status and public sentence."""

    header: ClassVar = ("Code", "Class", "Status", "Public sentence")

    def run(self) -> list[nodes.Node]:
        """Return a table with one row for each class."""
        lines = [".. list-table::", "   :header-rows: 1", ""]
        rows = [self.header, *(_error(code, kind) for code, kind in BY_CODE.items())]
        for row in rows:
            lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
        return self.parse_text_to_nodes("\n".join(lines))


def _error(code: str, kind: type[MediaError]) -> tuple[str, str, str, str]:
    status = next((STATUS[parent] for parent in kind.__mro__ if parent in STATUS), "")
    return f"``{code}``", f"``{kind.__name__}``", str(status), _plain(kind.public)


class MediaMessages(SphinxDirective):
    """List the codes of `InvalidMedia` with the sentences that users read."""

    def run(self) -> list[nodes.Node]:
        """Return a table with one row for each code."""
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 25 75", ""]
        lines += ["   * - Code", "     - Sentence"]
        for code, sentence in MESSAGES.items():
            lines += [f"   * - ``{code}``", f"     - {_plain(str(sentence))}"]
        return self.parse_text_to_nodes("\n".join(lines))


class MediaMetrics(SphinxDirective):
    """List the metrics as Prometheus names them."""

    def run(self) -> list[nodes.Node]:
        """Return a table with one row for each metric."""
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 40 20 40", ""]
        lines += ["   * - Metric", "     - Labels", "     - Meaning"]
        suffixes = {"counter": "_total", "level": "", "duration": "_seconds"}
        for metric in METRICS:
            labels = ", ".join(f"``{label}``" for label in metric.labels)
            lines += [f"   * - ``shift_media_{metric.name}{suffixes[metric.kind]}``"]
            lines += [f"     - {labels}", f"     - {metric.help}"]
        for name, label, meaning in _OF_WORK:
            lines += [f"   * - ``shift_media_{name}``", f"     - {label}", f"     - {meaning}"]
        return self.parse_text_to_nodes("\n".join(lines))


_OF_WORK = (
    ("jobs_in_state", "``state``", "Video jobs by state."),
    ("deletions_pending", "", "Deletions that are left to do."),
)


class MediaS3Options(SphinxDirective):
    """List the options of django-storages' `S3Storage`."""

    def run(self) -> list[nodes.Node]:
        """Return a table with one row for each option."""
        return self.parse_text_to_nodes(build_s3_options())


def build_s3_options() -> str:
    """Return the table of the options of `S3Storage` as reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 25 75", ""]
    lines += ["   * - Option", "     - Effect"]
    for name, option in OPTIONS.items():
        effect = option.effect or f"Refused: {option.refused}."
        lines += [f"   * - ``{name}``", f"     - {effect.replace('`', '``')}"]
    return "\n".join(lines)


def _sections_alone(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Apply napoleon to ``Args:`` sections, but not to attributes.

    Napoleon takes the text before a colon in an attribute's docstring for its type.
    """
    if what not in ("attribute", "data", "property"):
        napoleon._process_docstring(app, what, name, obj, options, lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.setup_extension("sphinx.ext.napoleon")
    for listener in list(app.events.listeners["autodoc-process-docstring"]):
        if listener.handler is napoleon._process_docstring:
            app.disconnect(listener.id)
    app.connect("autodoc-process-docstring", _sections_alone)
    app.add_directive("media-settings", MediaSettings)
    app.add_directive("media-command", MediaCommand)
    app.add_directive("media-errors", MediaErrors)
    app.add_directive("media-messages", MediaMessages)
    app.add_directive("media-metrics", MediaMetrics)
    app.add_directive("media-s3-options", MediaS3Options)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
