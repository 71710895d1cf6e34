"""The search systems, one module each, and the one table that names them.

To add one: write a module with SOURCE, Knobs and play, and add its line to STRATEGIES.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from engine.errors import InputError, UnknownName
from engine.identity import content_hash, plain
from engine.run.budgets import doses
from engine.run.requests import Discard, End, Play, Reply, Request, Search, Think, Together, Write
from engine.strategies import (
    blocks,
    closed_book,
    corag,
    corag_search,
    deep_research,
    external,
    fan_out,
    iterative,
    r1_searcher,
    search_r1,
    self_ask,
    self_consistency,
    single_retrieval,
)
from engine.strategies.base import Knobs
from engine.types import Budget, Passage, Question, Ranked

STRATEGIES: dict[str, ModuleType] = {
    "closed_book": closed_book,
    "single_retrieval": single_retrieval,
    "fan_out": fan_out,
    "iterative": iterative,
    "self_ask": self_ask,
    "search_r1": search_r1,
    "r1_searcher": r1_searcher,
    "corag": corag,
    "corag_search": corag_search,
    "deep_research": deep_research,
    "self_consistency": self_consistency,
    "external": external,
}
PLAYED = tuple(n for n, module in STRATEGIES.items() if not getattr(module, "OUTSIDE", False))
"""Those that a model performs."""


def strategy(name: str) -> ModuleType:
    if name not in STRATEGIES:
        raise UnknownName("strategy", name, STRATEGIES)
    return STRATEGIES[name]


def knobs_of(name: str, given: Mapping[str, Any] | None = None) -> Knobs:
    """A strategy's knobs with defaults filled in; InputError names the knob that is wrong."""
    try:
        knobs: Knobs = strategy(name).Knobs(**dict(given or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "knobs"
        raise InputError(f"strategy {name}: knob {where}: {first['msg']}") from None
    return knobs


def start(name: str, question: Question, knobs: Knobs) -> Play:
    """A fresh generator of the strategy, ready for a driver."""
    play: Play = strategy(name).play(question, knobs)
    return play


def reachable(name: str, budget: Budget, given: Mapping[str, Any] | None = None) -> bool:
    """Whether the strategy, with these knobs, can make use of this cell."""
    knobs = knobs_of(name, given)
    return budget.search <= knobs.most_searches and doses(budget) <= knobs.forcible


def outside(name: str, given: Mapping[str, Any] | None = None) -> bool:
    """Whether the strategy, with these knobs, is performed by an agent of the user's own and not by a model."""
    inner = str(getattr(knobs_of(name, given), "strategy", ""))
    return getattr(strategy(name), "OUTSIDE", False) or (bool(inner) and outside(inner))


@cache
def prompt_hash(name: str, inner: str = "", texts: tuple[str, ...] = ()) -> str:
    """Hash of the strategy's prompt texts and of everything it asks in a fixed dialogue.

    It changes when any prompt text or the layout does, also of prompts that this dialogue does not reach. `inner` is
    the strategy that this one plays, where its knobs name one; `texts` are those that only its knobs lead to.
    """
    play = start(name, Question("q", "Which probe?"), knobs_of(name))
    parts = [_texts(blocks), _texts(strategy(name)), _asked(play)]
    inside = [prompt_hash(inner)] if inner else []
    return content_hash([*parts, *inside, *texts], 16)


def _asked(play: Play) -> list[Any]:
    """What a play asks, in plain values, when every reply is a probe."""
    asked: list[Any] = []
    reply, n = None, 0
    while n < 12:
        try:
            request = next(play) if reply is None else play.send(reply)
        except StopIteration:
            break
        if isinstance(request, End):
            reply = Reply()
            continue
        reply, n = _probe(n, request), n + 1
        if isinstance(request, Together):
            branches = request.branches
            asked.append([_plain(b) if isinstance(b, Request) else _asked(b) for b in branches])
            reply = replace(reply, replies=tuple(_probe(i, b) for i, b in enumerate(branches)))
        else:
            asked.append(_plain(request))
    play.close()
    return asked


def _plain(request: Request) -> list[Any]:
    hidden = isinstance(request, Search | Discard)
    shown: Any = getattr(request, "query", "") if hidden else plain(request)
    if isinstance(request, Think | Write):
        shown = {k: v for k, v in shown.items() if k not in ("ends", "again", "worth", "form")}
    return [type(request).__name__, shown]


def _probe(n: int, request: object) -> Reply:
    """A reply that is the same each time; in tagged turns it opens queries first, then the answer."""
    seen = Ranked(Passage("p", "Probe", "A probe."), 1, 0.5)
    ends = getattr(request, "ends", ()) or ("", "")
    return Reply(text=f"probe {n} {ends[n > 8]}".strip(), tokens=2, passages=(seen,))


def _texts(module: ModuleType) -> dict[str, str]:
    """The texts a module names in capitals."""
    named = vars(module).items()
    return {k: v for k, v in named if k.isupper() and k != "SOURCE" and isinstance(v, str)}
