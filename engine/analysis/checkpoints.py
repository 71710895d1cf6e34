"""Training compute against inference cost: after how many questions does the longer trained model pay?

Compute is counted in FLOPs: 6 x parameters x tokens for training, 2 x parameters x tokens for a question. Two models of
one strategy are compared at the best quality of the one that was trained less: what it costs each of them per question
to be as good as that. The difference in training, over the difference per question, is the number of questions after
which more training pays; everything before the least trained model shown here was spent on both and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from engine.analysis.estimate import DRAWS, Estimate, draws, percentiles
from engine.analysis.paired import Table, table
from engine.analysis.panel import Bools, Floats, Panel, Unknown

FEWEST = 10


@dataclass(frozen=True, slots=True)
class Trained:
    """What is known of a model's making."""

    parameters: int
    tokens: float
    """Of training, beyond what all models compared have in common."""

    @property
    def training(self) -> float:
        """FLOPs."""
        return 6.0 * self.parameters * self.tokens


@dataclass(frozen=True, slots=True)
class Payoff:
    """Two models of one strategy."""

    strategy: str
    less: str
    more: str
    added_training: float
    """FLOPs."""
    quality: float | None
    """The best of the model that was trained less; None where no question ran in every cell."""
    less_flops: float | None
    """Per question, at the cheapest setting with that quality."""
    more_flops: float | None
    after: Estimate | Unknown
    """Questions after which more training pays; infinite where it never does."""
    questions: int


def payoffs(some: Sequence[Panel], trained: Mapping[str, Trained]) -> tuple[Payoff, ...]:
    """Every two models of one strategy whose training is known and differs, in the order of their training."""
    largest: dict[str, dict[str, Panel]] = {}
    for panel in sorted(some, key=lambda p: -int(p.ran().sum())):
        if panel.group.model in trained:
            largest.setdefault(panel.group.strategy, {}).setdefault(panel.group.model, panel)
    found = []
    for strategy in sorted(largest):
        models = sorted(largest[strategy], key=lambda m: (trained[m].training, m))
        for less, more in combinations(models, 2):
            if trained[less].training < trained[more].training:
                pair = largest[strategy][less], largest[strategy][more]
                found.append(_payoff(pair, (trained[less], trained[more])))
    return tuple(found)


def _payoff(pair: tuple[Panel, Panel], trained: tuple[Trained, Trained]) -> Payoff:
    added = trained[1].training - trained[0].training
    group = pair[0].group
    names = group.strategy, group.model, pair[1].group.model
    held = table(pair, "tokens")
    if isinstance(held, Unknown):
        return Payoff(*names, added, None, None, None, held, 0)
    questions = len(held.y)
    first = np.array([c.group == group for c in held.cells], dtype=np.bool_)
    if questions < FEWEST or not np.isfinite(held.spend).all() or not first.any() or first.all():
        why = Unknown(f"{questions} questions ran in all cells of both, {FEWEST} are needed")
        return Payoff(*names, added, None, None, None, why, questions)
    flops = 2.0 * held.spend * np.where(first, trained[0].parameters, trained[1].parameters)
    quality, less, more = (float(v[0]) for v in _cheapest(held.y.mean(axis=0)[None], flops, first))
    if quality <= 0:
        why = Unknown(f"{group.model} answers nothing right here: there is nothing to match")
        return Payoff(*names, added, quality, None, None, why, questions)
    return Payoff(
        *names,
        added,
        quality,
        less,
        more if np.isfinite(more) else None,
        _after(held, flops, first, added),
        questions,
    )


def _cheapest(means: Floats, flops: Floats, first: Bools) -> tuple[Floats, Floats, Floats]:
    """Of each set of means: the best quality of the first model, and what it costs either to be as good."""
    best = means[:, first].max(axis=1)
    enough = means >= best[:, None] - 1e-12
    costs = [np.where(enough & own, flops, np.inf).min(axis=1) for own in (first, ~first)]
    return best, costs[0], costs[1]


def _after(held: Table, flops: Floats, first: Bools, added: float) -> Estimate | Unknown:
    def questions(means: Floats) -> Floats:
        _, less, more = _cheapest(means, flops, first)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(more < less, added / (less - more), np.inf)

    one = float(questions(held.y.mean(axis=0)[None])[0])
    many = questions(draws(len(held.y), DRAWS) @ held.y)
    if not np.isfinite(one):
        return Unknown(
            "it never pays at this quality: the longer trained model costs no less per question"
        )
    return percentiles(one, many)


def sentence(payoff: Payoff) -> str:
    """One plain sentence."""
    head = f"{payoff.strategy}: {payoff.more} took {payoff.added_training:.2g} FLOPs more training than {payoff.less}"
    if payoff.less_flops is None or payoff.quality is None:
        why = payoff.after.why if isinstance(payoff.after, Unknown) else ""
        return f"{head}; whether that pays cannot be told: {why}."
    costs = f"at quality {payoff.quality:.3f} a question takes {payoff.less} {payoff.less_flops:.2g} FLOPs"
    if payoff.more_flops is None:
        return f"{head}; {costs}, and {payoff.more} never reaches it."
    costs += f" and {payoff.more} {payoff.more_flops:.2g}"
    if isinstance(payoff.after, Unknown):
        return f"{head}; {costs}: {payoff.after.why}."
    low, high = (_whole(v) for v in (payoff.after.low, payoff.after.high))
    return f"{head}; {costs}: it pays after {_whole(payoff.after.value)} questions [{low}, {high}]."


def _whole(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "never"
