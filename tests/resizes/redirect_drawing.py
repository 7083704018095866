"""The state diagram of the redirect model, drawn from its graphs.

``DJANGO_SETTINGS_MODULE=tests.settings python -m tests.resizes.redirect_drawing`` writes it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

import django
from django.test.utils import setup_test_environment

from tests.parts import ROOT
from tests.resizes.redirect_model import APP, PUBLIC, Graph, State, explore, settings

DRAWING: Final = ROOT / "docs" / "explanation" / "redirects.svg"

_PLACES: Final = {
    "public URL: stored": (120, 60),
    "public URL: missing": (120, 300),
    "app: stored": (560, 150),
    "app: missing": (560, 300),
    "app: missing, but made lately": (560, 450),
    "picture": (930, 60),
    "404": (930, 230),
    "422": (930, 330),
    "503": (930, 450),
}
_SHORT: Final = {
    "the bucket answers 302": "302 or 307",
    "the bucket answers 307": "302 or 307",
    "the CDN has kept the answer": "the CDN kept it",
    "the app answers 302": "302",
    "the app answers 200": "200",
    "the app answers 404": "no original",
    "the app answers 422": "no decoder reads it",
    "the bucket has it": "200",
}
_T0, _T1, _T2 = 0.3, 0.5, 0.2
"""The place of a label: the weights of a quadratic curve's three points, before its middle."""

_BEND: Final = 26  # pixels

Edge = tuple[str, str]

_HEAD: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 510" width="1010" height="510"
     role="img" aria-labelledby="title" font-family="sans-serif" font-size="13">
  <!-- Written by tests/resizes/redirect_drawing.py from the model. -->
  <title id="title">Where a request for a resize can be, and where it goes</title>
  <style>
    .paper { fill: #ffffff; }
    .box { fill: #eaf1f8; stroke: #5b7c9d; }
    .end { fill: #eef5e6; stroke: #6f8f4a; }
    .name { fill: #1b2733; text-anchor: middle; }
    .note { fill: #53606d; text-anchor: middle; }
    .edge { stroke: #53606d; fill: none; marker-end: url(#tip); }
    .label { fill: #1b2733; text-anchor: middle; font-size: 12px;
             paint-order: stroke; stroke: #ffffff; stroke-width: 5px; }
  </style>
  <defs>
    <marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">
      <path d="M0,0 L9,4 L0,8 z" fill="#53606d"/>
    </marker>
  </defs>
  <rect class="paper" width="100%" height="100%" rx="8"/>"""

_FOOT: Final = """\
  <text class="note" x="900" y="492">full queue, fault of S3, crash</text>
</svg>
"""


def edges(graphs: Iterable[Graph]) -> dict[Edge, set[str]]:
    """Return the steps of a visit between the boxes of the diagram, each with its labels.

    Left out are faults, which lead from each box of the app to a 503, and pictures that the
    browser or the CDN has kept.
    """
    found: dict[Edge, set[str]] = {}
    for graph in graphs:
        for state, steps in graph.steps.items():
            for step in steps if state.at in (PUBLIC, APP) else ():
                is_kept = "kept" in step.label and step.state.at == "picture"
                if step.by_parts and "(" not in step.label and not is_kept:
                    edge = (_box(state), _box(step.state))
                    found.setdefault(edge, set()).add(_SHORT.get(step.label, step.label))
    return found


def draw(graphs: Iterable[Graph]) -> str:
    """Return the diagram of the graphs with a redirect as SVG."""
    redirecting = [graph for graph in graphs if graph.setting.delivery == "redirect"]
    lines = [_line(edge, labels) for edge, labels in sorted(edges(redirecting).items())]
    boxes = [_draw_box(name, x, y) for name, (x, y) in _PLACES.items()]
    return "\n".join([_HEAD, *lines, *boxes, _FOOT])


def _box(state: State) -> str:
    if state.at == PUBLIC:
        return f"public URL: {'stored' if state.stored else 'missing'}"
    if state.at != APP:
        return state.at
    if state.stored:
        return "app: stored"
    return "app: missing, but made lately" if state.made else "app: missing"


def _draw_box(name: str, x: int, y: int) -> str:
    kind = "box" if ":" in name else "end"
    width, height = _half(name)
    return (
        f'  <rect class="{kind}" x="{x - width}" y="{y - height}" width="{2 * width}" '
        f'height="{2 * height}" rx="6"/>\n'
        f'  <text class="name" x="{x}" y="{y + 5}">{escape(name)}</text>'
    )


def _line(edge: Edge, labels: set[str]) -> str:
    """Draw an arrow, bent to its left so that the one back is beside it."""
    (x1, y1), (x2, y2) = (_PLACES[name] for name in edge)
    length = math.hypot(x2 - x1, y2 - y1)
    bend = (y2 - y1) / length * _BEND, (x1 - x2) / length * _BEND
    over = (x1 + x2) / 2 + bend[0], (y1 + y2) / 2 + bend[1]
    start, end = _at_border(edge[0], over), _at_border(edge[1], over)
    x, y = (_T0 * start[n] + _T1 * over[n] + _T2 * end[n] for n in (0, 1))
    spans = "".join(
        f'<tspan x="{x:.0f}" dy="{13 if number else 0}">{escape(text)}</tspan>'
        for number, text in enumerate(sorted(labels))
    )
    path = "M{:.0f},{:.0f} Q{:.0f},{:.0f} {:.0f},{:.0f}".format(*start, *over, *end)
    return (
        f'  <path class="edge" d="{path}"/>\n'
        f'  <text class="label" x="{x:.0f}" y="{y - 6 * len(labels) + 10:.0f}">{spans}</text>'
    )


def _at_border(name: str, towards: tuple[float, float]) -> tuple[float, float]:
    """Return where a line from the centre of a box to a point leaves the box."""
    x, y = _PLACES[name]
    dx, dy = towards[0] - x, towards[1] - y
    width, height = _half(name)
    scale = min(width / abs(dx) if dx else math.inf, height / abs(dy) if dy else math.inf)
    return x + dx * scale, y + dy * scale


def _half(name: str) -> tuple[int, int]:
    """Return half the width and half the height of a box."""
    return (110 if ":" in name else 50), 20


def main() -> None:
    """Write the drawing again."""
    django.setup()
    setup_test_environment()
    from tests.resizes.redirect_apps import RealApp

    app = RealApp()
    DRAWING.write_text(draw(explore(app, setting) for setting in settings()))


if __name__ == "__main__":
    main()
