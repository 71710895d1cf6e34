"""What is worth its price: Pareto fronts over cost, tokens or seconds, where two cross, and wide against deep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.estimate import DRAWS, Estimate, draws, percentiles
from engine.analysis.paired import Cell, Judged, Table, judged
from engine.analysis.panel import Bools, Floats, Group, Ints, Panel, Unknown
from engine.analysis.processes import but


@dataclass(frozen=True, slots=True)
class OnFront:
    """A cell that no cheaper or equally cheap cell beats."""

    cell: Cell
    spend: float
    quality: float
    share: float
    """Of resampled sets of questions in which it is on the front."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Two fronts: who leads at little spending and who at much."""

    one: Group
    two: Group
    at: Estimate | Unknown
    """The spend above which the other leads."""
    at_first: Estimate
    at_last: Estimate
    """One minus two at the smallest and the largest spend that both have."""
    first: float
    last: float

    @property
    def certain(self) -> bool:
        """Each leads for certain at one end."""
        ends = self.at_first, self.at_last
        return not any(e.tied for e in ends) and (ends[0].value > 0) != (ends[1].value > 0)


@dataclass(frozen=True, slots=True)
class WideDeep:
    """The same searches sent more at once, or one after another."""

    wide: Group
    deep: Group
    search: int
    think: int
    wide_minus_deep: Judged
    seconds_saved: float | None


def front(table: Table) -> tuple[OnFront, ...] | Unknown:
    """Cells in rising spend, each better than all before it."""
    if not np.isfinite(table.spend).all():
        return Unknown(f"{table.unit} of some cells is unknown: choose another unit")
    means = table.y.mean(axis=0)
    order = np.asarray(np.lexsort((-means, table.spend)), dtype=np.int64)
    resampled = draws(len(table.y), DRAWS) @ table.y
    shares = _on(resampled, order).mean(axis=0)
    places = np.flatnonzero(_on(means[None], order)[0])
    return tuple(
        OnFront(
            table.cells[order[p]],
            float(table.spend[order[p]]),
            float(means[order[p]]),
            float(shares[p]),
        )
        for p in places
    )


def _on(means: Floats, order: Ints) -> Bools:
    """Whether each cell, in this order, is better than all before it."""
    sorted_means = means[:, order]
    best = np.maximum.accumulate(sorted_means, axis=1)
    before = np.concatenate([np.full((len(means), 1), -np.inf), best[:, :-1]], axis=1)
    return np.asarray(sorted_means > before + 1e-12, dtype=np.bool_)


def fronts_cross(table: Table) -> tuple[Crossing, ...]:
    """Every pair of surfaces whose best within a spend changes places."""
    if not np.isfinite(table.spend).all():
        return ()
    groups = list(dict.fromkeys(c.group for c in table.cells))
    pairs = [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]
    found = [_crossing(table, a, b) for a, b in pairs]
    return tuple(c for c in found if c is not None)


def _crossing(table: Table, one: Group, two: Group) -> Crossing | None:
    a = np.array([c.group == one for c in table.cells], dtype=np.bool_)
    b = np.array([c.group == two for c in table.cells], dtype=np.bool_)
    first = max(table.spend[a].min(), table.spend[b].min())
    spends = np.unique(table.spend[a | b])
    spends = spends[spends >= first]
    if len(spends) < 2:
        return None
    means = table.y.mean(axis=0)[None]
    many = draws(len(table.y), DRAWS) @ table.y
    lead = _lead(means, table.spend, a, b, spends)[0]
    leads = _lead(many, table.spend, a, b, spends)
    if lead[0] == 0 or lead[-1] == 0 or (lead[0] > 0) == (lead[-1] > 0):
        return None
    ends = [percentiles(float(lead[i]), leads[:, i]) for i in (0, -1)]
    if isinstance(ends[0], Unknown) or isinstance(ends[1], Unknown):
        return None
    sign = np.sign(lead[0])
    turns = np.array([_turn(sign * row, spends) for row in leads])
    at = percentiles(float(_turn(sign * lead, spends)), turns)
    return Crossing(one, two, at, ends[0], ends[1], float(first), float(spends[-1]))


def _lead(means: Floats, spend: Floats, a: Bools, b: Bools, spends: Floats) -> Floats:
    """Best of one minus best of the other within each spend, sets x spends."""
    within = spend[None, :] <= spends[:, None]
    best = [np.where(within & some, means[:, None, :], -np.inf).max(axis=2) for some in (a, b)]
    return np.asarray(best[0] - best[1])


def _turn(lead: Floats, spends: Floats) -> float:
    """The first spend from which the lead is lost for good; infinite where it never is."""
    kept = np.flatnonzero(lead > 0)
    if not len(kept):
        return float(spends[0])
    return float(spends[kept[-1] + 1]) if kept[-1] + 1 < len(spends) else float("inf")


def wide_deep(some: tuple[Panel, ...]) -> tuple[WideDeep, ...]:
    """Surfaces that differ in width alone, compared cell by cell."""
    found = []
    for deep in some:
        for wide in some:
            same = but(deep.group, "width") == but(wide.group, "width")
            widths = deep.group.width, wide.group.width
            if same and None not in widths and widths[0] < widths[1]:  # type: ignore[operator]
                found += _cells_apart(wide, deep)
    return tuple(found)


def _cells_apart(wide: Panel, deep: Panel) -> list[WideDeep]:
    _, rows_w, rows_d = np.intersect1d(wide.questions, deep.questions, return_indices=True)
    seconds = wide.mean("seconds"), deep.mean("seconds")
    found = []
    for s in sorted(set(wide.search) & set(deep.search)):
        for t in sorted(set(wide.think) & set(deep.think)):
            at_w = wide.search.index(s), wide.think.index(t)
            at_d = deep.search.index(s), deep.think.index(t)
            apart = judged(wide.y[rows_w][:, *at_w], deep.y[rows_d][:, *at_d])
            if isinstance(apart, Unknown) or s < 2:
                continue
            saved = float(seconds[1][at_d] - seconds[0][at_w])
            found.append(
                WideDeep(wide.group, deep.group, s, t, apart, saved if np.isfinite(saved) else None)
            )
    return found
