"""Runs as rows of figures: exact match per stratum and budget with intervals, and what more of each budget bought.

Knows no model and no file. Intervals of one cell are Wilson's; those of a gain are paired by question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist, mean

import numpy as np

from engine.analysis.estimate import Estimate, contrast
from engine.types import Budget, Run, Search

SPLITS = ("trained-phrasing", "untrained-phrasing")
Stratum = tuple[int, int, str]
"""Hops, operations, phrasing."""
Row = dict[str, object]


def wilson(hits: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share.

    (5, 10) -> about (.24, .76)
    """
    if not n:
        return 0.0, 1.0
    z, share = NormalDist().inv_cdf(0.975), hits / n
    middle = share + z * z / (2 * n)
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def row(runs: Sequence[Run]) -> Row:
    """Figures of runs that share stratum and budget."""
    hits = [run.scores.em or 0.0 for run in runs]
    seen = [run.scores.em or 0.0 for run in runs if run.scores.evidence_recall == 1.0]
    low, high = wilson(sum(hits), len(hits))
    searches = sum(run.trace.search.used for run in runs)
    gold = sum(
        (run.scores.evidence_recall or 0.0) * len(run.question.supporting_ids) for run in runs
    )
    return {
        "n": len(runs),
        "em": round(mean(hits), 3),
        "interval": [round(low, 3), round(high, 3)],
        "f1": round(mean(run.scores.f1 or 0.0 for run in runs), 3),
        "em_given_passages": round(mean(seen), 3) if seen else None,
        "n_given_passages": len(seen),
        "evidence": round(mean(run.scores.evidence_recall or 0.0 for run in runs), 3),
        "searches": round(searches / len(runs), 2),
        "gold_per_search": round(gold / searches, 3) if searches else None,
        "thinking": round(mean(run.trace.thinking_tokens for run in runs), 1),
    }


def strata(runs: Iterable[Run]) -> Mapping[Stratum, Mapping[Budget, Mapping[str, Run]]]:
    """Runs by stratum, budget and question; each also under the phrasing `all`."""
    cells: dict[Stratum, dict[Budget, dict[str, Run]]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        q = run.question
        for phrasing in (*[s for s in SPLITS if s in q.tags], "all"):
            cells[q.hops or 0, q.operations or 0, phrasing][run.config.budget][q.id] = run
    return cells


def table(runs: Iterable[Run]) -> list[Row]:
    """One row for each stratum, phrasing and budget, then for both phrasings together."""
    return [
        {**_named(stratum), "search": b.search, "think": b.think, **row(list(part.values()))}
        for stratum, cells in sorted(strata(runs).items())
        for b, part in sorted(cells.items())
    ]


def gains(runs: Iterable[Run]) -> list[Row]:
    """Per stratum: exact match at the largest budget pair less that with the least of one of the two, paired."""
    rows = []
    for stratum, cells in sorted(strata(runs).items()):
        most = max(cells, key=lambda b: (b.search, b.think))
        for axis in ("search", "think"):
            line = [b for b in cells if _other(b, axis) == _other(most, axis)]
            least = min(line, key=lambda b: int(getattr(b, axis)))
            if least == most:
                continue
            both = cells[most].keys() & cells[least].keys()
            pairs = [
                (cells[most][q].scores.em or 0.0, cells[least][q].scores.em or 0.0) for q in both
            ]
            gain = contrast(np.array([a - b for a, b in pairs]))
            rows.append(
                {
                    **_named(stratum),
                    "gain_from": axis,
                    "least": getattr(least, axis),
                    "most": getattr(most, axis),
                    "n": len(both),
                    **_told(gain),
                }
            )
    return rows


def _other(budget: Budget, axis: str) -> int:
    return budget.think if axis == "search" else budget.search


def _named(stratum: Stratum) -> Row:
    return dict(zip(("hops", "operations", "phrasing"), stratum, strict=True))


def _told(gain: object) -> Row:
    if not isinstance(gain, Estimate):
        return {"gain": None, "interval": None}
    return {"gain": round(gain.value, 3), "interval": [round(gain.low, 3), round(gain.high, 3)]}


def told(run: Run) -> str:
    """A run on a few lines, for reading what went wrong."""
    lines = [f"? {run.question.text} = {run.question.answers[0]} | said: {run.trace.answer}"]
    for step in run.trace.steps:
        text = getattr(step, "query", "") or getattr(step, "text", "")
        if isinstance(step, Search) or step.kind in ("thought", "answer"):
            lines.append(f"    {step.kind}: {text!r}")
        elif step.kind == "reading":
            lines += [
                f"        {r.passage.title}: {r.passage.text}"
                for r in getattr(step, "passages", ())
            ]
    return "\n".join(lines)
