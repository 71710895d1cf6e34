"""The searches behind a surface, read from the bodies of its runs: for one strategy and model at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.analysis.looks import Sent, sent
from engine.analysis.panel import Group
from engine.errors import BudgetscapeError
from store.history import Store
from store.values import Slice


def searches(
    store: Store, where: Slice, group: Group, told: Callable[[float], None] = lambda _: None
) -> tuple[Sent, ...]:
    """Every run of a surface at its largest search budget; `told` hears the share that is read.

    A trajectory whose journal is damaged is left out.
    """
    own = replace(
        where,
        strategies=(group.strategy,),
        models=(group.model,),
        config=group.config,
        search_mode=group.search_mode,
        think_mode=group.think_mode,
    )
    wanted: dict[str, set[str]] = {}
    for _, trajectory, run in store.places(own):
        wanted.setdefault(trajectory, set()).add(run)
    found: list[Sent] = []
    for done, (trajectory, runs) in enumerate(sorted(wanted.items())):
        told(done / len(wanted))
        try:
            body = store.trajectory(trajectory)
        except BudgetscapeError:
            continue
        found += [sent(run) for run in body.runs if run.id in runs]
    most = max((one.search for one in found), default=0)
    return tuple(one for one in found if one.search == most)
