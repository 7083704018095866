"""Every state that a request for a resize can be in, with the view of the app in the middle."""

from __future__ import annotations

import dataclasses

import pytest

from tests.resizes import redirect_model
from tests.resizes.redirect_apps import NaiveApp, RealApp
from tests.resizes.redirect_drawing import DRAWING, draw
from tests.resizes.redirect_model import ENDS, Graph, Loop, Setting, State, explore

LOST = Setting(loses=True)
KEPT_BY_CDN = Setting(cdn_keeps=frozenset({"redirect"}))


@pytest.fixture(scope="module")
def graphs() -> list[Graph]:
    app = RealApp()
    return [explore(app, setting) for setting in redirect_model.settings()]


@pytest.mark.slow
@pytest.mark.acceptance(83)
def test_no_visit_loops_in_any_reachable_state(graphs: list[Graph]) -> None:
    for graph in graphs:
        # Each of two servers without a shared cache makes a lost resize once, then answers.
        servers = 1 if graph.setting.shares_cache else 2
        redirects = 2 * servers if graph.setting.loses else 2
        assert graph.longest_visit() <= redirects + 2, graph.setting


@pytest.mark.slow
@pytest.mark.acceptance(83)
def test_every_visit_ends_in_picture_404_422_or_503(graphs: list[Graph]) -> None:
    assert [graph.ends() for graph in graphs] == [ENDS] * len(graphs)


@pytest.mark.slow
@pytest.mark.acceptance(83)
def test_every_state_of_each_part_is_reached(graphs: list[Graph]) -> None:
    states = {state for graph in graphs for state in graph.steps}
    assert {state.original for state in states} == {"good", "bad", "gone"}
    assert {state.cdn for state in states} == {"", "redirect", "error", "picture"}
    assert {state.made for state in states} == {frozenset(), *map(frozenset, [{0}, {1}, {0, 1}])}
    assert {state.browser for state in states} == {
        (public, app) for public in ("", "picture") for app in ("", "picture")
    }
    assert sum(len(graph.steps) for graph in graphs) > 2000


@pytest.mark.slow
def test_diagram_of_the_docs_is_drawn_from_the_model(graphs: list[Graph]) -> None:
    command = "DJANGO_SETTINGS_MODULE=tests.settings python -m tests.resizes.redirect_drawing"
    assert DRAWING.read_text() == draw(graphs), f"Draw it again: {command}"


@pytest.mark.parametrize("setting", [LOST, KEPT_BY_CDN], ids=["lost-writes", "kept-redirect"])
def test_app_that_always_redirects_loops(setting: Setting) -> None:
    with pytest.raises(Loop):
        explore(NaiveApp(), setting).longest_visit()


def test_app_that_redirects_by_301_loops_once_the_bucket_has_lost_the_resize() -> None:
    with pytest.raises(Loop) as caught:
        explore(NaiveApp(301), Setting()).longest_visit()
    assert any(state.browser[1] == "redirect" for state in caught.value.args[0])


def test_app_that_always_redirects_ends_while_nothing_is_kept_or_lost() -> None:
    assert explore(NaiveApp(), Setting()).longest_visit() == 3


@pytest.mark.slow
def test_rule_with_301_does_not_loop_with_the_view() -> None:
    assert explore(RealApp(), Setting(301)).longest_visit() <= 4


def test_loop_that_begins_in_no_first_visit_is_found() -> None:
    first, second = State(at="app"), State(at="public URL", stored=True)
    steps = {
        first: [redirect_model.Step("a", second)],
        second: [redirect_model.Step("b", first)],
        dataclasses.replace(first, at="picture"): [],
    }
    with pytest.raises(Loop):
        Graph(Setting(), steps).longest_visit()
