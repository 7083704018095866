"""The compiled tags ``resize_url`` and ``resize``."""

from __future__ import annotations

import html
import logging
from typing import Any, ClassVar

from django import template
from django.conf import settings as django_settings
from django.template.base import FilterExpression, Parser, Token, Variable, token_kwargs
from django.utils.html import conditional_escape

from shift_media.core.errors import InvalidSpec, MediaError
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize

logger = logging.getLogger("shift_media")


_PLACES = ("file", "size")
_KNOWN = frozenset(("size", *OPTIONS))


class ResizeNode(template.Node):
    """Give a resize, or put it into a variable.

    It is what a ``simple_tag`` would be, but for what the template spells out, which is resolved
    once and not in each round of a loop.

    Args:
        file: the expression that gives the file.
        asked: the expressions of ``size`` and the options.
        target: the variable to set, or None to render.
    """

    child_nodelists = ()
    gives_url: ClassVar[bool] = False

    def __init__(
        self, file: FilterExpression, asked: dict[str, FilterExpression], target: str | None
    ) -> None:
        self.file = file
        self.target = target
        self.unknown = sorted(asked.keys() - _KNOWN)
        nothing = template.Context()
        self.variables = {name: e for name, e in asked.items() if not _is_literal(e)}
        self.literals = {
            name: e.resolve(nothing) for name, e in asked.items() if name not in self.variables
        }

    @classmethod
    def parse(cls, parser: Parser, token: Token) -> ResizeNode:
        """Read ``{% tag file size option=value … as target %}``."""
        tag, *bits = token.split_contents()
        target = None
        if len(bits) >= 2 and bits[-2] == "as":
            target, bits = bits[-1], bits[:-2]
        asked: dict[str, FilterExpression] = {}
        for place, bit in enumerate(bits):
            named = token_kwargs([bit], parser)
            if not named and place < len(_PLACES):
                named = {_PLACES[place]: parser.compile_filter(bit)}
            if not named or named.keys() & asked.keys():
                raise template.TemplateSyntaxError(f"{tag!r} has no place for {bit!r}.")
            asked |= named
        for name in _PLACES:
            if name not in asked:
                raise template.TemplateSyntaxError(f"{tag!r} needs a {name}.")
        return cls(asked.pop("file"), asked, target)

    def render(self, context: template.Context) -> str:
        """Render it, or set the variable; an empty field gives nothing."""
        file = self.file.resolve(context)
        given: Any = self._give(file, context) if file else ""
        if self.target is not None:
            context[self.target] = given
            return ""
        if not context.autoescape:
            return str(given)
        # For a plain string both are the same, but Django's first looks whether it is a lazy one.
        return html.escape(given) if type(given) is str else conditional_escape(given)

    def _give(self, file: Any, context: template.Context) -> Resize | str:
        asked = self.literals
        if self.variables:
            asked = {**asked, **{name: e.resolve(context) for name, e in self.variables.items()}}
        try:
            if self.unknown:
                raise unknown_option(self.unknown[0])
            made: Resize = file.resize(**asked)
            url = made.url  # Read for `resize` too: what is wrong must show here.
        except MediaError as error:
            report(error, "resize")
            return ""
        return url if self.gives_url else made


class ResizeUrlNode(ResizeNode):
    """Give the URL of a resize."""

    gives_url = True


def _is_literal(expression: FilterExpression) -> bool:
    """Tell whether an expression is the same in every context."""
    value = expression.var
    if isinstance(value, Variable):
        return value.literal is not None and not expression.filters
    return not expression.filters


def unknown_option(name: str) -> InvalidSpec:
    """Make the error for what is no option of a resize."""
    return InvalidSpec(f"{name!r} is not an option of a resize: use one of {', '.join(OPTIONS)}.")


def report(error: MediaError, what: str) -> None:
    """Raise an error where somebody develops, and log it where somebody visits."""
    if django_settings.DEBUG:
        raise error
    logger.warning("A %s in a template failed: %s: %s", what, error.code, error)
