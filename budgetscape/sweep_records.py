"""What the journals already hold of a sweep, and what other sweeps tell of its cost: read once, before it starts.

Journals may be larger than the memory, so lines are looked at one after another and only sums, ids and a few measured
trajectories are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from engine.errors import Damaged, OtherPlan, Place
from engine.identity import plain
from engine.sweeps.jobs import Job
from engine.sweeps.plan import Plan
from engine.sweeps.quote import Group, Measured, as_if, groups
from engine.sweeps.record import from_body
from engine.sweeps.spend import Spend
from engine.sweeps.trajectory import Price, Trajectory
from engine.types import Usage
from store.home import Home
from store.journal import Line, journal_files, read, read_at

MOST_MEASURED = 200
"""Trajectories of each strategy and model that are kept to measure by."""
ENOUGH, FROM_HISTORY = 3, 8
"""Trajectories of its own that make history needless; most that history gives."""
MOST_LINES = 400
"""Lines of a file that history looks at."""
Pricer = Callable[[str], Price]


@dataclass
class Recorded:
    """What a sweep's journals say."""

    finished: set[str] = field(default_factory=set)
    """Ids of trajectories whose cells all have an answer."""
    measured: list[Measured] = field(default_factory=list)
    spent: Spend = Spend()
    quote: dict[str, Any] | None = None
    """The first quote that was given."""
    parts: dict[Group, Spend] = field(default_factory=dict)
    """Spent by each strategy on each model."""
    begun: bool = False
    """Its plan stands in a journal."""
    _tries: dict[str, tuple[Path, int, int]] = field(default_factory=dict)
    """Where the last failed try of a trajectory stands."""

    def pay(self, body: Mapping[str, Any]) -> Group:
        """Count what a trajectory took; returns whose it is."""
        group, paid = (body["config"]["strategy"], body["config"]["model"]), _paid(body)
        self.spent += paid
        self.add(group, paid)
        return group

    def add(self, group: Group, paid: Spend) -> None:
        """Count it to a strategy and model."""
        self.parts[group] = self.parts.get(group, Spend()) + paid

    def before(self, trajectory: str) -> Trajectory | None:
        """The last failed try, with what it had recorded."""
        if trajectory not in self._tries:
            return None
        line = read_at(*self._tries[trajectory])
        try:
            return from_body(line.body) if isinstance(line, Line) else None
        except Damaged:
            return None


def recorded(home: Home, plan: Plan, price: Pricer) -> Recorded:
    """Read a sweep's journals; OtherPlan when they were begun with another."""
    found, kept = Recorded(), Counter[Group]()
    for path in journal_files(home, plan.name):
        for line in read(path):
            if isinstance(line, Line):
                _take(found, kept, plan, path, line, price)
    for done in found.finished:
        found._tries.pop(done, None)
    return found


def _take(
    found: Recorded, kept: Counter[Group], plan: Plan, path: Path, line: Line, price: Pricer
) -> None:
    match line.kind:
        case "sweep":
            same_plan(plan, line)
            found.begun = True
        case "quote":
            found.quote = found.quote or line.body
        case "spent":
            found.spent += spend_from(line.body)
        case "failed":
            found._tries[line.id] = (path, line.start, line.size)
            found.pay(line.body)
        case "trajectory":
            found.finished.add(line.id)
            group = found.pay(line.body)
            kept[group] += 1
            if kept[group] <= MOST_MEASURED:
                found.measured.append(_measured(line.body, group, price))


def _paid(body: Mapping[str, Any]) -> Spend:
    usage = Usage(**body["paid"])
    return Spend(usage, body["paid_cost"] if usage != Usage() else 0.0)


def _measured(body: Mapping[str, Any], group: Group, price: Pricer) -> Measured:
    """As quote.measured, from the line as it stands: decoding thousands of trajectories would take minutes."""
    asked = sum((Usage(**c["usage"]) for c in body["calls"]), Usage(queries=len(body["found"])))
    asked = max(asked, Usage(**body["paid"]), key=lambda usage: usage.calls)
    tokens = asked.input_tokens + asked.completion_tokens
    seconds = sum(c["seconds"] for c in body["calls"]) or sum(r["seconds"] for r in body["runs"])
    return Measured(group, seconds, tokens, asked.calls, price(group[1])(asked))


def same_plan(plan: Plan, line: Line) -> None:
    """Refuse another plan under a name that is taken, and say where they differ."""
    if line.body["hash"] != plan.hash:
        raise OtherPlan(plan.name, list(_differences(line.body["plan"], plain(plan.content))))


def _differences(
    then: Mapping[str, Any], now: Mapping[str, Any], place: Place = ()
) -> Iterator[tuple[Place, Any, Any]]:
    """Every key, however deep, whose values are not the same; caps are no part of a plan."""
    for key in [*now, *(k for k in then if k not in now)]:
        was, is_, at = then.get(key), now.get(key), (*place, key)
        if was == is_ or at[0] == "caps":
            continue
        tables = isinstance(was or is_, dict)
        yield from (tables and list(_differences(was or {}, is_ or {}, at))) or [(at, was, is_)]


# ------------------------------------------------------------------------------------------- spend as JSON


def spend_body(spend: Spend) -> dict[str, Any]:
    body: dict[str, Any] = plain(spend)
    return body


def part_bodies(parts: Mapping[Group, Spend]) -> list[dict[str, Any]]:
    """What each strategy on each model took, as JSON types."""
    return [
        {
            "strategy": g[0],
            "model": g[1],
            "calls": s.usage.calls,
            "tokens": s.tokens,
            "cost": s.cost,
        }
        for g, s in parts.items()
    ]


def spend_from(body: Mapping[str, Any]) -> Spend:
    return Spend(Usage(**body["usage"]), body["cost"], body["seconds"])


def larger(journals: Spend, tokens: int, cost: float | None, seconds: float) -> Spend:
    """What was spent, where a status says more than the journals: its process was killed with calls under way."""
    lost = max(0, tokens - journals.tokens)
    usage = replace(journals.usage, input_tokens=journals.usage.input_tokens + lost)
    known = None if journals.cost is None or cost is None else max(journals.cost, cost)
    return Spend(usage, known, max(seconds, journals.seconds))


# ------------------------------------------------------------------------------------------- history


async def history(
    home: Home, plan: Plan, jobs: Sequence[Job], own: Sequence[Measured], price: Pricer
) -> list[Measured]:
    """What other sweeps tell of each strategy and model that this one has measured too little of."""
    had = Counter(m.group for m in own)
    wanted = {g: some[0] for g, some in groups(jobs).items() if had[g] < ENOUGH}
    told: list[Measured] = []
    count = Counter[Group]()
    for line in _lines_of_others(home, plan.name) if wanted else ():
        group = _group_of(line.body, wanted)
        if group is None:
            continue
        trajectory = _decoded(line)
        if trajectory is None:
            continue
        like = await as_if(trajectory, wanted[group].budgets, price(group[1]))
        if like is not None:
            told.append(like)
            count[group] += 1
            if count[group] >= FROM_HISTORY:
                del wanted[group]
                if not wanted:
                    break
    return told


def _lines_of_others(home: Home, sweep: str) -> Iterator[Line]:
    """Trajectories of other sweeps, the newest files first, so many of each at most."""
    for path in reversed(journal_files(home)):
        if path.parent.name != sweep:
            lines = (x for x in read(path) if isinstance(x, Line) and x.kind == "trajectory")
            yield from islice(lines, MOST_LINES)


def _group_of(body: Mapping[str, Any], wanted: Mapping[Group, Job]) -> Group | None:
    """The wanted group that a trajectory was run like, its prompts, knobs and model being the same."""
    config = body.get("config", {})
    group = (config.get("strategy", ""), config.get("model", ""))
    job = wanted.get(group)
    if job is None:
        return None
    same = ("knobs", "prompt_hash", "fingerprint", "decoding")
    ours = plain(job.config)
    return group if all(config.get(k) == ours[k] for k in same) else None


def _decoded(line: Line) -> Trajectory | None:
    try:
        return from_body(line.body)
    except Damaged:
        return None
