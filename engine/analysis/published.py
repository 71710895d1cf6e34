"""Figures from papers: which of them form a curve, and what to beware of when reading one.

Two sources are never put on one curve: baselines differ by implementer, metrics by definition. A curve is one source,
system, model, data set, strategy and metric over one unit of one budget, the other held; at least three levels. Each is
scaled to its own best and its own largest budget, so that shapes can be compared where levels cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Axis = Literal["search", "think"]
FEWEST = 3
GRADES: Mapping[str, str] = {
    "primary": "read in the paper's own text or repository",
    "secondary": "read in somebody else's transcription: check before quoting",
    "image": "read by eye from a picture of a table",
    "digitised": "taken from the coordinates of the authors' figure",
    "recomputed": "computed from traces that the authors ship",
}
CAUTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "strategy",
        "OBSERVED",
        "Grouped by the searches that were used: this is how hard the questions were, not what a budget buys.",
    ),
    (
        "search_unit",
        "observed",
        "Grouped by the searches that were used: this is how hard the questions were, not what a budget buys.",
    ),
    (
        "search_unit",
        "effective_context",
        "The axis counts input tokens of all calls, and each point is the best configuration within it.",
    ),
    (
        "search_unit",
        "max_",
        "The axis is a cap, and agents often use far less of it than they may.",
    ),
    (
        "search_unit",
        "avg_",
        "The axis is what was used, an outcome, and not a budget that was set.",
    ),
    (
        "reasoning_unit",
        "avg_",
        "The axis is what was used, an outcome, and not a budget that was set.",
    ),
    (
        "reasoning_unit",
        "context_window",
        "The axis caps the agent's whole context, searching and thinking together.",
    ),
    ("reasoning_unit", "training", "The axis is a training budget, not one of inference."),
    (
        "metric",
        "cover-EM",
        "Cover-EM asks for the gold words anywhere in the answer: some points above exact match.",
    ),
    ("metric", "judge", "Judged by a model: not comparable with exact match."),
    ("metric", "pass@", "Right in any of k samples: an upper bound, never an accuracy."),
    ("source", "FlashRAG", "A re-implementation: its baselines differ from the papers' own."),
    (
        "source",
        "Search-R1",
        "Later papers quote other versions of these figures; do not merge them.",
    ),
    (
        "source",
        "CoRAG",
        "Its ITER-RETGEN and IterDRAG rows are single points of those papers' curves.",
    ),
    (
        "source",
        "DeepDive",
        "The README's prose names other values than its figure; the figure was used.",
    ),
    ("source", "IterResearch", "Copies of this paper give different ends of the curve."),
    (
        "source",
        "BATS",
        "Two tables of the paper disagree on one cell (10.0 and 9.7); both are kept.",
    ),
    (
        "source",
        "rejection-sampling",
        "Rejection by length keeps the easy questions: shorter looks better.",
    ),
)
"""Field, what it contains, what to say."""


class Figure(NamedTuple):
    """One published number."""

    system: str
    model: str | None
    model_params_b: float | None
    dataset: str
    strategy: str | None
    search_budget: float | None
    search_unit: str | None
    reasoning_budget: float | None
    reasoning_level: str | None
    """Where the budget is a word: low, medium, high."""
    reasoning_unit: str | None
    metric: str
    value: float
    source: str
    evidence: str


@dataclass(frozen=True, slots=True)
class PublishedCurve:
    """Figures of one source that differ in one budget alone."""

    source: str
    name: str
    dataset: str
    metric: str
    axis: Axis
    unit: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    evidence: tuple[str, ...]
    cautions: tuple[str, ...]

    def scaled(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Budgets over the largest, scores over the best."""
        return over_best(self.x, self.y)


def over_best(
    x: Sequence[float], y: Sequence[float]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Both over their largest, for budgets above zero; nothing where nothing is above zero.

    over_best((0, 2, 4), (10, 20, 40)) -> (0.5, 1.0), (0.5, 1.0)
    """
    kept = [(a, b) for a, b in zip(x, y, strict=True) if a > 0]
    top, most = max((b for _, b in kept), default=0.0), max((a for a, _ in kept), default=0.0)
    if top <= 0 or most <= 0:
        return (), ()
    return tuple(a / most for a, _ in kept), tuple(b / top for _, b in kept)


def published_curves(figures: Iterable[Figure]) -> tuple[PublishedCurve, ...]:
    """All curves among the figures, by source and name."""
    every = list(figures)
    found = [*_along(every, "search"), *_along(every, "think")]
    return tuple(sorted(found, key=lambda c: (c.source, c.name, c.dataset, c.metric)))


def _along(figures: Sequence[Figure], axis: Axis) -> list[PublishedCurve]:
    groups: dict[tuple[object, ...], list[Figure]] = {}
    for f in figures:
        x, unit, other = _places(f, axis)
        if x is not None and unit is not None:
            same = (f.source, f.system, f.model, f.model_params_b, f.dataset, f.strategy, f.metric)
            groups.setdefault((*same, unit, other), []).append(f)
    return [
        _curve(some, axis)
        for some in groups.values()
        if len({_places(f, axis)[0] for f in some}) >= FEWEST
    ]


def _places(f: Figure, axis: Axis) -> tuple[float | None, str | None, object]:
    """The budget along an axis, its unit, and the other budget."""
    if axis == "search":
        return f.search_budget, f.search_unit, (f.reasoning_budget, f.reasoning_level)
    return f.reasoning_budget, f.reasoning_unit, f.search_budget


def _curve(some: Sequence[Figure], axis: Axis) -> PublishedCurve:
    points: dict[float, list[float]] = {}
    for f in some:
        place = _places(f, axis)[0]
        assert place is not None
        points.setdefault(place, []).append(f.value)
    first = some[0]
    unit = first.search_unit if axis == "search" else first.reasoning_unit
    said = dict.fromkeys(filter(None, (first.system, first.model, first.strategy)))
    x = tuple(sorted(points))
    return PublishedCurve(
        first.source,
        " · ".join(said),
        first.dataset,
        first.metric,
        axis,
        unit or "",
        x,
        tuple(sum(points[v]) / len(points[v]) for v in x),
        tuple(sorted({f.evidence for f in some})),
        cautions(some),
    )


def cautions(figures: Iterable[Figure]) -> tuple[str, ...]:
    """What to beware of in these figures, each once."""
    said: dict[str, None] = {}
    for f in figures:
        if f.evidence != "primary":
            said[f"{f.evidence.capitalize()}: {GRADES.get(f.evidence, 'of unknown standing')}."] = (
                None
            )
        for field, part, text in CAUTIONS:
            if part in str(getattr(f, field) or ""):
                said[text] = None
    return tuple(said)


def searched(figures: Iterable[Figure], words: str) -> list[Figure]:
    """Figures in which every word occurs somewhere, in any case."""
    wanted = words.lower().split()
    return [f for f in figures if all(w in _text(f) for w in wanted)]


def _text(f: Figure) -> str:
    return " ".join(str(v) for v in f if v is not None).lower()
