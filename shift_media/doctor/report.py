"""How ``media_doctor`` shows its findings: lines in colours, or one JSON document."""

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
_INDENT = 10
_CODE = 19  # the longest code and two spaces

COLOURS = {
    Severity.OK: "SUCCESS",
    Severity.SKIPPED: "HTTP_NOT_MODIFIED",
    Severity.WARNING: "WARNING",
    Severity.ERROR: "ERROR",
}
"""Names of Django's styles, which ``DJANGO_COLORS`` changes."""


class Lines:
    """Findings as lines: what was seen, and where it is not well, why it matters and the cure.

    Args:
        out: where to.
        style: Django's; plain where the output is no terminal.
    """

    def __init__(self, out: OutputWrapper, style: Style) -> None:
        self._out = out
        self._style = style

    def show(self, finding: Finding) -> None:
        """Show one finding."""
        colour = getattr(self._style, COLOURS[finding.severity])
        head = colour(f"{finding.severity:<{_INDENT - 1}}") + f" {finding.code:<{_CODE}}"
        seen = _wrapped(redact(finding.seen), _INDENT + _CODE)
        self._out.write(head + seen)
        if finding.severity in (Severity.WARNING, Severity.ERROR):
            self._more("Why:  ", finding.why)
            self._more("Mend: ", redact(finding.mend))
            if finding.run:  # In one line, so that it can be copied.
                self._out.write(f"{'':{_INDENT + _CODE}}Run:   {redact(finding.run)}")

    def _more(self, name: str, text: str) -> None:
        if not text:
            return
        indent = _INDENT + _CODE
        self._out.write(f"{'':{indent}}{name} {_wrapped(text, indent + 7)}")

    def end(self, findings: Iterable[Finding]) -> None:
        """Show how many there were of each severity."""
        self._out.write("")
        self._out.write(f"{summary(findings)}.")


def _wrapped(text: str, indent: int) -> str:
    """Break a text into lines; a command that is to be copied stays in one piece."""
    lines = textwrap.wrap(
        text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False
    ) or [""]
    return f"\n{'':{indent}}".join(lines)


def summary(findings: Iterable[Finding]) -> str:
    """Count findings by severity, the worst first: ``"1 error, 2 warnings, 9 ok"``."""
    counts = Counter(finding.severity for finding in findings)
    words = {Severity.ERROR: "error", Severity.WARNING: "warning"}
    told = []
    for severity in reversed(Severity):
        if number := counts[severity]:
            word = words.get(severity, str(severity))
            plural = "s" if severity in words and number > 1 else ""
            told.append(f"{number} {word}{plural}")
    return ", ".join(told)


def as_json(about: dict[str, Any], findings: Iterable[Finding]) -> str:
    """Write what was looked at and the findings as one JSON document."""
    found = [
        {
            "code": finding.code,
            "severity": str(finding.severity),
            "title": finding.title,
            "seen": redact(finding.seen),
            "why": finding.why,
            "mend": redact(finding.mend),
            "run": redact(finding.run),
        }
        for finding in findings
    ]
    return json.dumps({**about, "findings": found}, indent=2, ensure_ascii=False)
