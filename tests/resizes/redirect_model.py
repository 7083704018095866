"""A model of one resize in a bucket, a CDN, a browser and two app servers, explored to its end.

A *setting* is what does not change: the bucket's rule, what the CDN keeps, whether the bucket
loses writes, whether the servers share a cache. A *state* is where the browser's request is, and
what each part has at the moment. `explore` follows every step from every state, so a loop in the
graph of steps that the parts take by themselves is a loop that a browser would be in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal, Protocol

Kept = Literal["", "redirect", "error", "picture"]

PUBLIC, APP = "public URL", "app"
ENDS = frozenset({"picture", "404", "422", "503"})
"""What a visit may end in."""


@dataclass(frozen=True)
class Setting:
    """What does not change during an exploration.

    Attributes:
        rule: the bucket's answer to a missing key. 301, 302 and 307 lead to the app; at 403 and
            404 the CDN asks the app itself (origin failover), which answers with the bytes.
        cdn_keeps: what the CDN keeps although nothing permits it: ``redirect``, ``error``.
        loses: whether the bucket loses every write.
        shares_cache: whether the two app servers share a cache.
    """

    rule: int = 307
    cdn_keeps: frozenset[str] = frozenset()
    loses: bool = False
    shares_cache: bool = True

    @property
    def delivery(self) -> str:
        """How the app answers if it has made the resize."""
        return "content" if self.rule in (403, 404) else "redirect"


@dataclass(frozen=True)
class State:
    """Where the request of the browser is, and what each part has.

    Attributes:
        at: `PUBLIC`, `APP`, or what the visit ended in.
        stored: whether the bucket has the resize.
        original: ``good``, ``bad`` (no decoder reads it) or ``gone``.
        made: the app servers that remember that they made the resize.
        failed: whether the app servers remember that the original is bad.
        cdn: what the CDN keeps for the public URL.
        browser: what the browser keeps for the public URL and for the app's.
    """

    at: str = PUBLIC
    stored: bool = False
    original: str = "good"
    made: frozenset[int] = frozenset()
    failed: bool = False
    cdn: Kept = ""
    browser: tuple[Kept, Kept] = ("", "")


@dataclass(frozen=True)
class Question:
    """What an app server finds when a request arrives.

    Attributes:
        fault: ``""``, or ``crash`` (the process dies after its PUT), ``full`` (the queue is),
            ``storage`` (S3 answers with errors).
    """

    stored: bool
    original: str
    made: bool
    failed: bool
    delivery: str
    fault: str = ""


@dataclass(frozen=True)
class Answer:
    """What the app answers, and what it leaves behind.

    Attributes:
        status: 200, 302 or an error; 301 by naive apps.
        kept: whether caches may keep the answer.
        stored: whether the bucket has the resize after a write that it does not lose.
        made: whether the server remembers that it made the resize.
        failed: whether the server remembers that the original is bad.
    """

    status: int
    kept: bool
    stored: bool
    made: bool
    failed: bool


class App(Protocol):
    """An app server."""

    def answer(self, question: Question) -> Answer:
        """Return the answer to a request for the resize."""


@dataclass(frozen=True)
class Step:
    """A step from one state to another.

    Attributes:
        label: what happens.
        by_parts: True if the parts take the step by themselves while a request is on its way;
            False for an event from outside, such as a deletion, and for a new visit.
    """

    label: str
    state: State
    by_parts: bool = True


@dataclass
class Graph:
    """Every reachable state, and the steps from each."""

    setting: Setting
    steps: dict[State, list[Step]] = field(default_factory=dict)

    def ends(self) -> set[str]:
        """Return what visits end in."""
        return {state.at for state in self.steps} - {PUBLIC, APP}

    def longest_visit(self) -> int:
        """Return the most steps of a visit in which nothing happens from outside.

        Raises `Loop` if a visit never ends.
        """
        lengths: dict[State, int] = {}
        for start in self.steps:
            self._measure(start, lengths)
        return max(lengths.values())

    def _measure(self, start: State, lengths: dict[State, int]) -> None:
        path: list[tuple[State, Iterator[State]]] = [(start, self._following(start))]
        on_path = {start}
        while path:
            state, following = path[-1]
            successor = next((each for each in following if each not in lengths), None)
            if successor is None:
                known = [lengths[each] for each in self._following(state)]
                lengths[state] = 1 + max(known) if known else 0
                on_path.discard(state)
                path.pop()
            elif successor in on_path:
                raise Loop([each for each, _ in path])
            else:
                on_path.add(successor)
                path.append((successor, self._following(successor)))

    def _following(self, state: State) -> Iterator[State]:
        return (step.state for step in self.steps[state] if step.by_parts)


class Loop(Exception):
    """A visit that never ends; its argument is the states from the first one on."""


def settings() -> Iterator[Setting]:
    """Yield every setting that the documentation permits."""
    keeps = [(), ("redirect",), ("error",), ("redirect", "error")]
    for rule, kept, loses, shares in product((302, 307, 403, 404), keeps, *[(False, True)] * 2):
        yield Setting(rule, frozenset(kept), loses, shares)


def explore(app: App, setting: Setting) -> Graph:
    """Follow every step from a first visit of a good and of a bad original."""
    graph = Graph(setting)
    waiting = deque([State(), State(original="bad")])
    while waiting:
        state = waiting.popleft()
        if state in graph.steps:
            continue
        graph.steps[state] = [*_steps(app, setting, state), *_events(setting, state)]
        waiting.extend(step.state for step in graph.steps[state])
    return graph


def _steps(app: App, setting: Setting, state: State) -> Iterable[Step]:
    if state.at == PUBLIC:
        return _from_public(app, setting, state)
    if state.at == APP:
        return _from_app(app, setting, state)
    return [Step("the page is shown again", replace(state, at=PUBLIC), by_parts=False)]


def _from_public(app: App, setting: Setting, state: State) -> Iterator[Step]:
    if state.browser[0]:
        at = APP if state.browser[0] == "redirect" else "picture"
        yield Step("the browser has kept the answer", replace(state, at=at))
    elif state.cdn:
        ends = {"redirect": APP, "error": "404", "picture": "picture"}
        yield Step("the CDN has kept the answer", replace(state, at=ends[state.cdn]))
    elif state.stored:
        yield Step("the bucket has it", _with_picture(state))
    elif setting.delivery == "content":
        yield from _failover(app, setting, state)
    else:
        kept: Kept = "redirect" if "redirect" in setting.cdn_keeps else ""
        browser: Kept = "redirect" if setting.rule == 301 else ""
        sent = replace(state, at=APP, cdn=kept, browser=(browser, state.browser[1]))
        yield Step(f"the bucket answers {setting.rule}", sent)


def _with_picture(state: State) -> State:
    return replace(state, at="picture", cdn="picture", browser=("picture", state.browser[1]))


def _failover(app: App, setting: Setting, state: State) -> Iterator[Step]:
    """The CDN asks the app for what the bucket lacks, and answers with what it gets."""
    for label, answer, after in _answers(app, setting, state):
        if answer.status == 200:
            yield Step(
                label, _with_picture(after) if answer.kept else replace(after, at="picture")
            )
        else:
            kept: Kept = "error" if answer.status == 404 and "error" in setting.cdn_keeps else ""
            yield Step(label, replace(after, at=str(answer.status), cdn=kept))


def _from_app(app: App, setting: Setting, state: State) -> Iterator[Step]:
    if state.browser[1]:
        at = PUBLIC if state.browser[1] == "redirect" else "picture"
        yield Step("the browser has kept the answer", replace(state, at=at))
        return
    for label, answer, after in _answers(app, setting, state):
        if answer.status in (301, 302):
            # Browsers keep a 301 whatever its headers say.
            is_kept = answer.kept or answer.status == 301
            kept: Kept = "redirect" if is_kept else ""
            yield Step(label, replace(after, at=PUBLIC, browser=(state.browser[0], kept)))
        elif answer.status == 200:
            kept = "picture" if answer.kept else ""
            yield Step(label, replace(after, at="picture", browser=(state.browser[0], kept)))
        else:
            yield Step(label, replace(after, at=str(answer.status)))


def _answers(app: App, setting: Setting, state: State) -> Iterator[tuple[str, Answer, State]]:
    """Yield the answer of each app server, without a fault and with each, and the state after."""
    for server, fault in product((0, 1), ("", "crash", "full", "storage")):
        question = Question(
            state.stored,
            state.original,
            server in state.made,
            state.failed,
            setting.delivery,
            fault,
        )
        answer = app.answer(question)
        servers = {0, 1} if setting.shares_cache else {server}
        made = state.made | servers if answer.made else state.made - servers
        stored = answer.stored and not (setting.loses and not state.stored)
        after = replace(state, stored=stored, made=frozenset(made), failed=answer.failed)
        yield f"the app answers {answer.status}{fault and f' ({fault})'}", answer, after


def _events(setting: Setting, state: State) -> Iterator[Step]:
    """Yield what may happen from outside at any moment."""
    if state.stored:
        yield Step("the bucket loses it", replace(state, stored=False), by_parts=False)
    elif state.original == "good" and not setting.loses:
        everyone = frozenset({0, 1} if setting.shares_cache else {1})
        other = replace(state, stored=True, made=state.made | everyone)
        yield Step("another request makes it", other, by_parts=False)
    if state.original != "gone":
        # The server that deletes forgets what it made; another one may still remember.
        for made in {frozenset[int](), state.made - {0}}:
            gone = replace(state, stored=False, original="gone", made=made)
            yield Step("the row is deleted", gone, by_parts=False)
    for server in state.made:
        servers = {0, 1} if setting.shares_cache else {server}
        # It expires, the clock is set, or the cache drops it.
        forgotten = replace(state, made=state.made - servers)
        yield Step("a server forgets that it made it", forgotten, by_parts=False)
    if state.failed:
        yield Step("the failure expires", replace(state, failed=False), by_parts=False)
    if state.cdn:
        yield Step("the CDN's copy expires", replace(state, cdn=""), by_parts=False)
    if any(state.browser):
        yield Step("the browser's copies expire", replace(state, browser=("", "")), by_parts=False)
