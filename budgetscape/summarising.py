"""A sweep summed up from the store: rows in, one frozen value out, the same for page, export and snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from engine.analysis.allocation import next_unit
from engine.analysis.choice import Choice, choose
from engine.analysis.examples import KINDS, RULE, Example, anchor, examples
from engine.analysis.paired import MARGIN, table
from engine.analysis.panel import Group, Panel, Unknown, panels, unit_of
from engine.analysis.sentences import sentence
from engine.analysis.verdict import verdict
from engine.errors import BudgetscapeError
from engine.figures import summary_words as words
from engine.figures.dials import dials_info
from engine.figures.palette import Identity, Key, identities
from engine.figures.summary import Said, Shown, Side, SummaryInfo
from engine.figures.surface import METRICS, surface_info
from engine.figures.trace import verdict as graded
from engine.run.budgets import think_words
from engine.sweeps.picking import picked
from engine.sweeps.plan import Plan
from engine.types import Budget, Scores
from store.configurations import one_configuration
from store.corpora import load_questions
from store.history import CellRow, RunHead, Slice, Store
from store.scores import score_rows


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be summed up, and how it is judged."""

    sweep: str
    where: Slice
    """The sweep with its filters."""
    metric: str = "em"
    unit: str = ""
    """Empty: cost where every price is known, otherwise tokens."""
    margin: float = MARGIN


def summary(
    store: Store,
    wanted: Wanted,
    looks: Mapping[Key, Identity] | None = None,
    small: Collection[str] = (),
) -> SummaryInfo:
    """The whole summary; `small` are the models of which only the shape is to be read."""
    rows = score_rows(store, wanted.where, wanted.metric)
    some = tuple(sorted(panels(rows), key=lambda p: -int(p.ran().sum())))
    unit = wanted.unit or unit_of(some)
    measured = store.cells(wanted.where, wanted.metric)
    cells = one_configuration(measured)
    looks = looks or identities((c.strategy, c.model) for c in measured)
    surface = surface_info(cells.rows, wanted.metric, looks)
    held = table(some, unit)
    choice = held if isinstance(held, Unknown) else choose(held, wanted.margin)
    quality = METRICS[wanted.metric]
    dials = dials_info(cells.rows, surface)
    if not some:
        return SummaryInfo(
            wanted.sweep,
            words.asked([], []),
            "",
            quality,
            unit,
            surface,
            dials,
            words.card(choice, held),
            reason="No run with this score lies under these filters.",
        )
    panel, at = _looked_at(some, choice)
    shown = _shown(store, wanted, panel, measured, at)
    return SummaryInfo(
        sweep=wanted.sweep,
        question=words.asked(_of(some, "model"), _of(some, "index_name")),
        measured=words.extent(some, quality),
        quality=quality,
        unit=unit,
        surface=surface,
        dials=dials,
        card=words.card(choice, held),
        at=(choice.pick.search, choice.pick.think) if isinstance(choice, Choice) else None,
        said=(
            words.next_said(next_unit(panel, *at, unit), unit),
            Said("Does search scale like reasoning here?", sentence(verdict(panel, unit))),
        ),
        examples_of=panel.group.name,
        rule=RULE,
        examples=shown,
        caveats=words.caveats(
            cells.rows, some, choice, _extent(store, wanted, cells.left_out), small, unit
        ),
    )


def _of(some: Sequence[Panel], name: str) -> list[str]:
    return sorted({getattr(p.group, name) for p in some} - {""})


def _looked_at(some: Sequence[Panel], choice: Choice | Unknown) -> tuple[Panel, tuple[int, int]]:
    """The surface of the pick at the pick, where it has both budgets; else the largest surface at its best cell."""
    if isinstance(choice, Choice):
        own = next(p for p in some if p.group == choice.pick.group)
        if min(len(own.search), len(own.think)) > 1 or len(some) == 1:
            return own, (choice.pick.search, choice.pick.think)
    return some[0], anchor(some[0]) or (0, 0)


def _extent(store: Store, wanted: Wanted, left_out: int) -> words.Extent:
    return words.Extent(_planned(store, wanted), left_out)


def _planned(store: Store, wanted: Wanted) -> int | None:
    """Questions under these filters that the sweep's plan asks for; None where plan or questions are not here."""
    try:
        plan = Plan.model_validate(store.plan(wanted.sweep))
        asked = picked(
            load_questions(store.home, plan.questions).questions, plan.strata, plan.limit
        )
    except (BudgetscapeError, ValidationError):
        return None
    hops, operations = wanted.where.hops, wanted.where.operations
    return sum(
        (hops is None or q.hops in hops) and (operations is None or q.operations in operations)
        for q in asked
    )


# ---------------------------------------------------------------------------------------------- examples


def _shown(
    store: Store, wanted: Wanted, panel: Panel, cells: Sequence[CellRow], at: tuple[int, int]
) -> tuple[Shown, ...]:
    found = []
    for more, one in zip(KINDS, examples(panel, *at), strict=True):
        if isinstance(one, Unknown):
            found.append(Shown(words.TITLES[more], "", f"No example: {one.why}."))
        else:
            found.append(_example(store, wanted, panel, cells, one))
    return tuple(found)


def _example(
    store: Store, wanted: Wanted, panel: Panel, cells: Sequence[CellRow], one: Example
) -> Shown:
    before, after = (
        _heads(store, wanted, panel, cells, one.question, at) for at in (one.before, one.after)
    )
    plain = Shown(words.TITLES[one.more], words.step(one), words.bought(one))
    pair = _pair(before, after, wanted.metric, one.change)
    if pair is None:
        return plain
    return replace(
        plain,
        question=pair[0].question,
        difficulty=words.difficulty(pair[0].hops, pair[0].operations),
        gold=_gold(store, pair[0].id),
        before=_side(pair[0]),
        after=_side(pair[1]),
    )


def _heads(
    store: Store,
    wanted: Wanted,
    panel: Panel,
    cells: Sequence[CellRow],
    question: str,
    at: tuple[int, int],
) -> dict[int, RunHead]:
    """The runs of one question in one cell, by seed."""
    group = panel.group
    row = next((c for c in cells if _is(c, group) and (c.search, c.think) == at), None)
    if row is None:
        return {}
    where = replace(
        wanted.where,
        strategies=(group.strategy,),
        models=(group.model,),
        config=group.config,
        search_mode=group.search_mode,
        think_mode=group.think_mode,
        search=row.search,
        think=row.asked,
        questions=(question,),
    )
    return {head.seed: head for head in store.runs(where)}


def _is(cell: CellRow, group: Group) -> bool:
    return (cell.strategy, cell.model, cell.config, cell.search_mode, cell.think_mode) == (
        group.strategy,
        group.model,
        group.config,
        group.search_mode,
        group.think_mode,
    )


def _pair(
    before: Mapping[int, RunHead], after: Mapping[int, RunHead], metric: str, change: float
) -> tuple[RunHead, RunHead] | None:
    """Both runs of one seed: the first that changed as the question did on average, else the first."""
    pairs = [(before[seed], after[seed]) for seed in sorted(before.keys() & after.keys())]

    def as_told(pair: tuple[RunHead, RunHead]) -> bool:
        least, most = (getattr(head, metric, None) for head in pair)
        return least is not None and most is not None and (most - least) * change > 0

    return next(filter(as_told, pairs), pairs[0] if pairs else None)


def _gold(store: Store, run_id: str) -> str:
    """The right answer; nothing where it is not known or the journal is damaged."""
    try:
        return next(iter(store.run(run_id).question.answers), "")
    except BudgetscapeError:
        return ""


def _side(head: RunHead) -> Side:
    budget = Budget(head.search, head.think, think_mode=head.think_mode)
    said, right = graded(Scores(em=head.em, f1=head.f1, contains=head.contains))
    return Side(
        head.id,
        f"{words.count(head.search, 'search', 'searches')}, {think_words(budget)}",
        f"used {words.count(head.search_used, 'search', 'searches')}, {head.think_used:,} thinking tokens, "
        f"{head.tokens:,} tokens in all{_shown_evidence(head.evidence_recall)}",
        head.answer,
        said,
        right,
    )


def _shown_evidence(recall: float | None) -> str:
    return "" if recall is None else f"; was shown {recall:.0%} of the evidence"
