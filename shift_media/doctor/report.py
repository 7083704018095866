"""The output of ``media_doctor``: lines in colours, or one JSON document."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.management.color import Style

from shift_media.doctor.findings import Finding, Severity
from shift_media.doctor.redaction import redact

_WIDTH = 98
_INDENT = 10  # the longest severity and a space
_CODE_WIDTH = 19  # the longest code and two spaces

COLOURS = {
    Severity.OK: "SUCCESS",
    Severity.SKIPPED: "HTTP_NOT_MODIFIED",
    Severity.WARNING: "WARNING",
    Severity.ERROR: "ERROR",
}
"""Names of Django's styles, which ``DJANGO_COLORS`` changes."""


class TextReport:
    """Findings as lines: what was seen, and for problems why they matter and how to fix them.

    Args:
        out: The output stream.
        style: Django's styles; plain if the output is not a terminal.
        verbosity: with 2, why a check is made is written for all findings.
    """

    def __init__(self, out: OutputWrapper, style: Style, verbosity: int = 1) -> None:
        self._out = out
        self._style = style
        self._verbosity = verbosity

    def show(self, finding: Finding) -> None:
        """Write one finding."""
        colour = getattr(self._style, COLOURS[finding.severity])
        head = colour(f"{finding.severity:<{_INDENT - 1}}") + f" {finding.code:<{_CODE_WIDTH}}"
        seen = _wrap(redact(finding.seen), _INDENT + _CODE_WIDTH)
        self._out.write(head + seen)
        is_problem = finding.severity in (Severity.WARNING, Severity.ERROR)
        if is_problem or self._verbosity > 1:
            self._write_detail("Why:  ", finding.why)
        if is_problem:
            self._write_detail("Fix:  ", redact(finding.fix))
            if finding.run:  # In one line, so that it can be copied.
                self._out.write(f"{'':{_INDENT + _CODE_WIDTH}}Run:   {redact(finding.run)}")

    def _write_detail(self, label: str, text: str) -> None:
        if not text:
            return
        indent = _INDENT + _CODE_WIDTH
        self._out.write(f"{'':{indent}}{label} {_wrap(text, indent + len(label) + 1)}")

    def end(self, findings: Iterable[Finding]) -> None:
        """Write how many findings there were of each severity."""
        self._out.write("")
        self._out.write(f"{summary(findings)}.")


def _wrap(text: str, indent: int) -> str:
    """Break a text into lines; words stay whole, so that commands and URLs can be copied."""
    lines = textwrap.wrap(
        text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
    return f"\n{'':{indent}}".join(lines)


def summary(findings: Iterable[Finding]) -> str:
    """Count findings by severity, the most serious first: ``"1 error, 2 warnings, 9 ok"``."""
    counts = Counter(finding.severity for finding in findings)
    nouns = {Severity.ERROR: "error", Severity.WARNING: "warning"}
    parts = []
    for severity in reversed(Severity):
        if number := counts[severity]:
            word = nouns.get(severity, str(severity))
            plural = "s" if severity in nouns and number > 1 else ""
            parts.append(f"{number} {word}{plural}")
    return ", ".join(parts)


def as_json(about: dict[str, Any], findings: Iterable[Finding]) -> str:
    """Return one JSON document: the items of ``about``, and the list of findings."""
    items = [
        {
            "code": finding.code,
            "severity": str(finding.severity),
            "title": finding.title,
            "seen": redact(finding.seen),
            "why": finding.why,
            "fix": redact(finding.fix),
            "run": redact(finding.run),
        }
        for finding in findings
    ]
    return json.dumps({**about, "findings": items}, indent=2, ensure_ascii=False)
