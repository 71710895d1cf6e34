"""The application that this process holds, and the calls through which pages get their data.

Reads are cached by the store's version, so a run that has just been saved shows at once and nothing else is read twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from budgetscape.access import APPLICATION, Refused, through
from engine.analysis.rising import Tried, first_rising
from engine.errors import BudgetscapeError
from engine.figures.against import Beside, beside
from engine.figures.palette import Identity, Key, identities
from engine.figures.sheets import Mark, SurfaceInfo
from engine.figures.surface import METRICS
from engine.sweeps.checkpoints import SWEEP as CHECKPOINTS
from engine.types import Run
from pages.parts import state, visitor
from pages.parts.steps import Shown
from store.configurations import Cells, one_configuration
from store.history import CellRow, RunHead, Slice

if TYPE_CHECKING:
    from budgetscape.wiring import App
    from pages.parts.filtering import Filters

MOST_HEADS, MOST_TRIED = 500, 5_000
STRATEGY = "corag"
"""The one that a visitor begins with."""
UNMEASURED = tuple((search, think) for search in (0, 1, 2, 4) for think in (0, 32, 64, 128))
"""What the dials offer before anything was measured."""
LIVE = "live"
BESIDE = (LIVE, CHECKPOINTS)
"""What live questions leave: listed after the sweeps, and never what a run is compared with."""
POLL_S = 5.0
MARK_COLOUR = "#CC0052"
_opening = threading.Lock()
"""Held while the application opens, so that the warm-up and the first page do not open it twice."""
_opened: list[App] = []


def application() -> App:
    """The application as this visitor may use it: everything that spends or writes is behind this door."""
    return through(held_application(), visitor.role(), APPLICATION)


def held_application() -> App:
    """The one application of this process, opened at the first call; raises Refused where only views are shared."""
    if visitor.sharing_only():
        raise Refused("this server shows published views only")
    with _opening:
        if not _opened:
            from budgetscape import wiring  # takes seconds: models, Chroma, DuckDB

            _opened.append(wiring.open_app(os.environ))
        return _opened[0]


def close_application() -> None:
    with _opening:
        while _opened:
            _opened.pop().close()


def version() -> str:
    """Changes whenever something was stored; the application keeps up with sweeps of other processes."""
    store = held_application().store
    return f"{id(store)}:{store.version()}"


def looks() -> dict[Key, Identity]:
    """How every stored strategy and model looks, whatever is filtered."""
    return _looks(version())


@st.cache_data(max_entries=8, show_spinner=False)
def _looks(as_of: str) -> dict[Key, Identity]:  # noqa: ARG001  (the key of the cache)
    app = application()
    models = sorted(app.models(), key=lambda name: name != app.default_model)
    return identities(app.store.players(), models)


# ------------------------------------------------------------------------------------------------- cells


def sweeps() -> list[str]:
    """Names of the sweeps that have runs, the largest first, live runs last.

    A link may name one that ended a moment ago and is not taken in yet: then it is.
    """
    names = _sweeps(version())
    linked = state.shown_sweep()
    if linked and linked not in names:
        held_application().store.ingest()
        names = _sweeps(version())
    return names


@st.cache_data(max_entries=8, show_spinner=False)
def _sweeps(as_of: str) -> list[str]:  # noqa: ARG001  (the key of the cache)
    rows = [s for s in application().store.sweeps() if s.runs]
    return [s.name for s in sorted(rows, key=lambda s: (s.name in BESIDE, -s.runs, s.name))]


def known_sweeps() -> list[str]:
    """The same, where that needs no waiting: none while the application is still being opened."""
    return sweeps() if _opened else []


def default_cells(metric: str, model: str = "") -> tuple[CellRow, ...]:
    """Cells of the largest sweep that has the model, or of the largest: what a live run is compared with."""
    name = measuring(model)
    return _cells(version(), Slice(sweeps=(name,)), metric).rows if name else ()


def measuring(model: str) -> str | None:
    """The largest sweep that has the model, or the largest of all; None without any."""
    names = [name for name in sweeps() if name not in BESIDE]
    having = _models(version())  # a sweep without a single score is not in it
    return next((n for n in names if model in having.get(n, ())), next(iter(names), None))


@st.cache_data(max_entries=8, show_spinner=False)
def _models(as_of: str) -> dict[str, frozenset[str]]:  # noqa: ARG001  (the key of the cache)
    return application().store.models()


def cells(chosen: Filters) -> Cells:
    return _cells(version(), slice_of(chosen), chosen.metric)


def slice_of(chosen: Filters) -> Slice:
    return Slice(
        sweeps=(chosen.sweep,),
        strategies=chosen.strategies or None,
        models=chosen.models or None,
        hops=chosen.hops or None,
        operations=chosen.operations or None,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _cells(as_of: str, where: Slice, metric: str) -> Cells:  # noqa: ARG001  (the key of the cache)
    return one_configuration(application().store.cells(where, metric))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters of a sweep can be set to."""

    strategies: tuple[str, ...]
    models: tuple[str, ...]
    hops: tuple[int, ...]
    operations: tuple[int, ...]


def choices() -> Choices:
    return _choices(version())


@st.cache_data(max_entries=16, show_spinner=False)
def _choices(as_of: str) -> Choices:  # noqa: ARG001  (the key of the cache)
    rows = application().store.cells(by=("hops", "operations"))
    return Choices(
        strategies=tuple(sorted({r.strategy for r in rows})),
        models=tuple(sorted({r.model for r in rows})),
        hops=tuple(sorted({r.by[0] for r in rows} - {None})),
        operations=tuple(sorted({r.by[1] for r in rows} - {None})),
    )


def offered(cells: Sequence[CellRow]) -> Sequence[tuple[int, int]]:
    """Budgets for the dials beside those measured."""
    return () if cells else UNMEASURED


def start(info: SurfaceInfo) -> tuple[int, int]:
    """Where dials stand at first: the middle of what is offered."""
    searches, thinks = info.search.levels, info.think.levels
    return searches[len(searches) // 2], thinks[len(thinks) // 2]


def rising(model: str) -> str | None:
    """The easiest two-hop question that shows what searching buys, by what was measured before; None without that."""
    return _rising(version(), model)


@st.cache_data(max_entries=8, show_spinner=False)
def _rising(as_of: str, model: str) -> str | None:  # noqa: ARG001  (the key of the cache)
    name = measuring(model)
    if name is None:
        return None
    where = Slice(sweeps=(name,), strategies=(STRATEGY,), models=(model,), hops=(2,))
    heads = application().store.runs(where, limit=MOST_TRIED)
    heads.sort(key=lambda h: h.operations or 0)
    return first_rising(
        Tried(h.question_id, h.search, h.think, h.em) for h in heads if h.em is not None
    )


# -------------------------------------------------------------------------------------------------- runs


def heads(chosen: Filters, cell: state.Chosen, shown: Cells) -> list[RunHead]:
    """The runs of one shown cell, without their steps."""
    row = next((r for r in shown.rows if _is(r, cell)), None)
    if row is None:
        return []
    where = replace(
        slice_of(chosen),
        strategies=(row.strategy,),
        models=(row.model,),
        indexes=(row.index,),
        search=row.search,
        think=row.asked,
        config=row.config,
        search_mode=row.search_mode,
        think_mode=row.think_mode,
    )
    return application().store.runs(where, limit=MOST_HEADS)


def _is(row: CellRow, cell: state.Chosen) -> bool:
    return state.Chosen(row.strategy, row.model, row.search, row.think) == cell


def shown_run(run_id: str | None) -> Shown | None:
    """The run that a link names: a live one, a stored one, or None when there is no such run."""
    if not run_id:
        return None
    live = application().live.get(run_id)
    if live is not None:
        return _with_price(Shown.of_live(live))
    found = stored(run_id)
    return None if found is None else _with_price(Shown.of_run(found))


def live_run(run_id: str) -> Shown:
    live = application().live.get(run_id)
    assert live is not None, "a run that is under way is never forgotten"
    return _with_price(Shown.of_live(live))


def _with_price(shown: Shown) -> Shown:
    """What usage of its model costs; unknown for a model that is no longer named."""
    app = application()
    try:
        return replace(shown, price=app.price(shown.model), currency=app.currency(shown.model))
    except BudgetscapeError:
        return shown


def stored(run_id: str) -> Run | None:
    """A run of the store; None when it is not there or cannot be read."""
    return _stored(version(), run_id)


@st.cache_resource(max_entries=64, show_spinner=False)
def _stored(as_of: str, run_id: str) -> Run | None:  # noqa: ARG001  (the key of the cache)
    try:
        return application().store.run(run_id)
    except BudgetscapeError:
        return None


def keep_link(shown: Shown) -> None:
    """Point the link at the saved run, which outlives this process."""
    if shown.run is not None and stored(shown.run.id) is not None:
        state.show_run(shown.run.id)


def expected(shown: Shown | None, metric: str) -> Beside | None:
    """What the run that is shown is compared with; None while it is not over."""
    if shown is None or shown.run is None:
        return None
    cells = default_cells(metric, shown.run.config.model)
    return beside(cells, shown.run, metric, METRICS[metric])


def marks(shown: Shown | None, metric: str) -> list[Mark]:
    """The shown run beside its forecast on the surface; without gold a vertical line."""
    if shown is None or shown.run is None:
        return []
    z = getattr(shown.run.scores, metric, None)
    label = "the last run" if z is not None else "the last run (no gold answer is known)"
    used = shown.run.trace.think.used if shown.budget.effort else shown.budget.think
    held = expected(shown, metric)
    hangs = held.expected if held else None
    return [Mark(shown.budget.search, used, z, label, MARK_COLOUR, hangs)]


def keep_fresh() -> None:
    """Draw the page again when a sweep in another process has left new runs."""
    seen = version()

    @st.fragment(run_every=POLL_S)
    def look() -> None:
        if version() != seen:
            st.rerun()

    look()
