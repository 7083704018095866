"""The compiled tags ``resize_url`` and ``resize``.

docs/decisions/compiled-tags.rst says why they are not simple tags.
"""

from __future__ import annotations

import html
from typing import Any, ClassVar

from django import template
from django.template.base import FilterExpression, Parser, Token, Variable, token_kwargs
from django.utils.html import conditional_escape

from shift_media.core.errors import MediaError
from shift_media.markup.fallback import fallback_url
from shift_media.markup.files import as_file
from shift_media.markup.options import pop_flag, unknown_option_error
from shift_media.markup.rendering import report_error
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.builder import OPTIONS
from shift_media.resizes.resize import Resize

_POSITIONAL = ("file", "size")


class ResizeNode(template.Node):
    """A tag that renders a resize, or puts it into a variable.

    Literals of the template are resolved when it is compiled, and not in each round of a loop.

    Args:
        file: the expression of the file.
        arguments: the expressions of the size and the options.
        target: the variable to set, or None to render.
    """

    child_nodelists = ()
    names: ClassVar = frozenset(("size", *OPTIONS))
    """The names of arguments; the file has none here."""

    def __init__(
        self, file: FilterExpression, arguments: dict[str, FilterExpression], target: str | None
    ) -> None:
        self.file = file
        self.target = target
        self.unknown = sorted(arguments.keys() - self.names)
        empty = template.Context()
        self.variables = {name: e for name, e in arguments.items() if not _is_literal(e)}
        self.literals = {
            name: e.resolve(empty) for name, e in arguments.items() if name not in self.variables
        }

    @classmethod
    def parse(cls, parser: Parser, token: Token) -> ResizeNode:
        """Return the node of ``{% tag file size option=value … as target %}``."""
        tag, *bits = token.split_contents()
        target = None
        if len(bits) >= 2 and bits[-2] == "as":
            target, bits = bits[-1], bits[:-2]
        arguments: dict[str, FilterExpression] = {}
        for index, bit in enumerate(bits):
            argument = token_kwargs([bit], parser)
            if not argument and index < len(_POSITIONAL):
                argument = {_POSITIONAL[index]: parser.compile_filter(bit)}
            if not argument or argument.keys() & arguments.keys():
                raise template.TemplateSyntaxError(f"{tag!r} has no place for {bit!r}.")
            arguments |= argument
        for name in _POSITIONAL:
            if name not in arguments:
                raise template.TemplateSyntaxError(f"{tag!r} needs a {name}.")
        return cls(arguments.pop("file"), arguments, target)

    def render(self, context: template.Context) -> str:
        """Return the text of the tag, or set the variable."""
        file = self.file.resolve(context)
        value: Any = self._build(file, context) if file else self._fallback(context)
        if self.target is not None:
            context[self.target] = value
            return ""
        if not context.autoescape:
            return str(value)
        # The same for a plain string, without the checks for lazy and safe strings.
        return html.escape(value) if type(value) is str else conditional_escape(value)

    def _build(self, file: Any, context: template.Context) -> Resize | str:
        try:
            if self.unknown:
                raise unknown_option_error(self.unknown[0])
            return self._value(as_file(file), self._arguments(context))
        except MediaError as error:
            report_error(error, "resize")
            return self._fallback(context)

    def _arguments(self, context: template.Context) -> dict[str, Any]:
        if not self.variables:
            return self.literals
        variables = {name: e.resolve(context) for name, e in self.variables.items()}
        return {**self.literals, **variables}

    def _fallback(self, context: template.Context) -> str:
        """Return what an empty field renders, or a resize that fails."""
        return ""

    def _value(self, file: Any, arguments: dict[str, Any]) -> Resize | str:
        resize: Resize = file.resize(**arguments)
        resize.url  # noqa: B018  # so that an error is reported by this tag
        return resize


class ResizeUrlNode(ResizeNode):
    """A tag that renders the URL of a resize."""

    names: ClassVar = ResizeNode.names | {"absolute"}

    def _value(self, file: Any, arguments: dict[str, Any]) -> str:
        if "absolute" not in arguments:
            url: str = file.resize(**arguments).url
            return url
        arguments = dict(arguments)
        to_url = make_absolute if pop_flag(arguments, "absolute") else str
        return to_url(file.resize(**arguments).url)

    def _fallback(self, context: template.Context) -> str:
        try:
            return fallback_url(self._arguments(context).get("absolute"))
        except MediaError as error:
            report_error(error, "fallback picture")
            return ""


def _is_literal(expression: FilterExpression) -> bool:
    """Return True if an expression has the same value in every context."""
    value = expression.var
    if isinstance(value, Variable):
        return value.literal is not None and not expression.filters
    return not expression.filters
