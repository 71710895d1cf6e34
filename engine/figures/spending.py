"""Analyses of allocation -> charts: fronts, the walk along one spend, fitted curves of both axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.analysis.allocation import Walk
from engine.analysis.axis import Read
from engine.analysis.curves import Curves
from engine.analysis.estimate import Estimate
from engine.analysis.frontier import OnFront
from engine.analysis.paired import Table
from engine.analysis.panel import Ints, Unknown
from engine.figures.lines import Kind, LinesInfo, Series
from engine.figures.palette import Identity, Key

UNITS = {
    "cost": "cost per question",
    "tokens": "tokens per question",
    "seconds": "seconds per question",
}


def front_info(
    table: Table | Unknown,
    front: Sequence[OnFront] | Unknown,
    looks: Mapping[Key, Identity],
    quality: str,
) -> LinesInfo:
    """Every cell as a point in its colour, and the front over all of them as steps."""
    if isinstance(table, Unknown) or isinstance(front, Unknown):
        why = table.why if isinstance(table, Unknown) else front.why  # type: ignore[union-attr]
        return LinesInfo("", quality, (), reason=why)
    means = table.y.mean(axis=0)
    groups = dict.fromkeys(c.group for c in table.cells)
    series = []
    for group in groups:
        places = [i for i, c in enumerate(table.cells) if c.group == group]
        look = looks[group.strategy, group.model]
        series.append(
            Series(
                look.label,
                look,
                tuple(float(table.spend[i]) for i in places),
                tuple(float(means[i]) for i in places),
                text=tuple(table.cells[i].name for i in places),
                line=False,
            )
        )
    ends = Identity("front", "#808080", "circle", "─")
    best = Series(
        "front: nothing cheaper is better",
        ends,
        tuple(f.spend for f in front),
        tuple(f.quality for f in front),
        text=tuple(
            f"{f.cell.name}; on the front in {f.share:.0%} of resampled sets" for f in front
        ),
        points=False,
        steps=True,
    )
    return LinesInfo(UNITS[table.unit], quality, (*series, best), log=bool((table.spend > 0).all()))


def walk_info(walk: Walk | Unknown, look: Identity, quality: str, chosen: int | None) -> LinesInfo:
    """Quality along a line of equal spend, by the searches of each split."""
    if isinstance(walk, Unknown):
        return LinesInfo("", quality, (), reason=walk.why)
    known = [m for m in walk.mixes if isinstance(m.quality, Estimate)]
    told = [m.quality for m in known if isinstance(m.quality, Estimate)]
    texts = tuple(
        f"search {m.point.search:.3g}, think {m.point.think:.4g}: {e.value:.3f}"
        for m, e in zip(known, told, strict=True)
    )
    one = Series(
        look.label,
        look,
        tuple(m.point.search for m in known),
        tuple(e.value for e in told),
        tuple(e.low for e in told),
        tuple(e.high for e in told),
        texts,
        "measured" if all(m.point.measured for m in known) else "interpolated",
    )
    mark = None if chosen is None or not known else known[min(chosen, len(known) - 1)].point.search
    return LinesInfo(
        "search budget of the split (queries)",
        quality,
        (one,),
        mark=mark,
    )


def axis_info(read: Read | Unknown, look: Identity, quality: str) -> LinesInfo:
    """The measured levels of one axis with bars, and the chosen curve with its band."""
    if isinstance(read, Unknown):
        return LinesInfo("", quality, (), reason=read.why)
    above = [i for i, level in enumerate(read.line.levels) if level > 0]
    cells = Series(
        "measured",
        look,
        tuple(float(read.line.levels[i]) for i in above),
        tuple(read.quality[i].value for i in above),
        tuple(read.quality[i].low for i in above),
        tuple(read.quality[i].high for i in above),
        line=False,
    )
    title = {"search": "search budget (queries)", "think": "reasoning budget (thinking tokens)"}
    series = (cells,) if not isinstance(read.curves, Curves) else (*_fit(read.curves, look), cells)
    return LinesInfo(title[read.line.axis], quality, series, log=True)


def _fit(found: Curves, look: Identity) -> tuple[Series, Series]:
    """The chosen curve within what was measured, and beyond it."""
    best, last = found.best, found.last

    def part(label: str, kind: Kind, places: Ints) -> Series:
        held = (best.x, best.curve, best.low, best.high)
        x, y, low, high = (tuple(float(v) for v in values[places]) for values in held)
        return Series(label, look, x, y, low, high, kind=kind, points=False)

    inside, outside = np.flatnonzero(best.x <= last), np.flatnonzero(best.x >= last)
    return (
        part(f"fit: {found.chosen}", "interpolated", inside),
        part("the fit beyond what was measured", "extrapolated", outside),
    )


def read_facts(read: Read) -> tuple[tuple[str, str], ...]:
    """What one axis says in numbers: trend, intercept, family, ceiling, knee and turn, each with its interval."""
    line, steady = read.line, read.trend.steadiness
    facts = [
        (
            "read at",
            f"{line.slice}, {len(line.questions)} questions at all {len(line.levels)} levels",
        ),
        ("trend", f"{read.trend.direction}, steadiness {spelt(steady)} (p {read.trend.p:.2g})"),
        ("at budget 0", "not measured" if read.zero is None else spelt(read.zero)),
    ]
    if isinstance(read.curves, Unknown):
        facts.append(("curve", f"none: {read.curves.why}"))
    else:
        best, also = read.curves.best, ", ".join(read.curves.also)
        facts.append(
            ("curve", read.curves.chosen + (f"; {also} fit unseen questions as well" * bool(also)))
        )
        facts.append(("ceiling", spelt(best.ceiling)))
        far = isinstance(best.knee, Estimate) and best.knee.value > read.curves.last
        facts.append(("knee (95 % of the ceiling)", spelt(best.knee) + ", extrapolated" * far))
    if isinstance(read.turn, Unknown):
        facts.append(("turn", f"none: {read.turn.why}"))
    elif isinstance(read.turn.vertex, Unknown):
        facts.append(("turn", f"none: {read.turn.vertex.why}"))
    elif read.turn.overthinking:
        told = f"best near {spelt(read.turn.vertex)}, then falls by {spelt(read.turn.drop)}"
        facts.append(("turn", told))
    else:
        facts.append(("turn", f"no fall is certain (vertex {spelt(read.turn.vertex)})"))
    return tuple(facts)


def spelt(value: Estimate | Unknown, digits: int = 3) -> str:
    """0.41 [0.35, 0.47], or why not."""
    if isinstance(value, Unknown):
        return value.why
    mean, low, high = (_digits(v, digits) for v in (value.value, value.low, value.high))
    return f"{mean} [{low}, {high}]"


def _digits(value: float, digits: int) -> str:
    """What rounding leaves of nothing is nothing; an end that is not bounded is infinite."""
    if abs(value) == float("inf"):
        return "∞" if value > 0 else "-∞"
    return "0" if abs(value) < 1e-12 else f"{value:.{digits}g}"
