"""The jobs of a plan: one for each question, configuration and sample, a spread of questions first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.errors import InputError
from engine.strategies import outside
from engine.sweeps.picking import picked
from engine.sweeps.plan import Plan
from engine.sweeps.trajectory import completed, id_of
from engine.types import Budget, Decoding, Question, RunConfig, ThinkControl


@dataclass(frozen=True, slots=True)
class Job:
    """One trajectory to run: all reachable cells of one question under one configuration."""

    id: str
    sweep: str
    question: Question
    config: RunConfig
    budgets: tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the names in a plan stand for on this machine, as hashes."""

    fingerprints: Mapping[str, str]
    """Per model name."""
    index_recipe: str = ""
    agents: frozenset[str] = frozenset()
    """The model names that stand for agents of the user's own."""
    controls: Mapping[str, ThinkControl] = field(default_factory=dict)
    """Per model name; `hard` where it is not told."""


def jobs(plan: Plan, questions: Sequence[Question], ground: Ground) -> Iterator[Job]:
    """All jobs of a plan, a spread of questions first: every strategy sees question 1 before any sees question 2.

    Agents of the user's own play `external`, models everything else; InputError for a strategy that nobody plays.
    """
    players = {name: _players(plan, name, ground) for name in plan.strategies}
    for seed in plan.draws:
        for question in picked(questions, plan.strata, plan.limit):
            for model in plan.models:
                for name in (s for s in plan.strategies if model in players[s]):
                    yield _job(plan, question, name, model, seed, ground)


def _players(plan: Plan, name: str, ground: Ground) -> list[str]:
    """The models, or the agents, of a plan that can play a strategy."""
    own = outside(name, plan.knobs.get(name, {}))
    found = [m for m in plan.models if (m in ground.agents) == own]
    if not found:
        what = "an agent of the endpoints file" if own else "a model"
        raise InputError(f"the strategy {name} needs {what} among the plan's models")
    return found


def _job(plan: Plan, question: Question, name: str, model: str, seed: int, ground: Ground) -> Job:
    control = ground.controls.get(model, "hard")
    grid = plan.budgets(control, model)
    if not grid:
        needed = "effort" if control == "effort" else "think"
        raise InputError(f"plan {plan.name}: model {model} needs `{needed}` in the plan")
    config = completed(
        RunConfig(
            strategy=name,
            model=model,
            index=plan.index,
            budget=max(grid),
            knobs=plan.knobs.get(name, {}),
            decoding=Decoding(plan.temperature, plan.top_p),
            seed=seed,
            fingerprint=ground.fingerprints[model],
            index_recipe=ground.index_recipe,
        )
    )
    cells = plan.cells(name, control, model)
    return Job(id_of(question, config, plan.name), plan.name, question, config, cells)
