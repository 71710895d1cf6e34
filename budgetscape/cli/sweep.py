"""`budgetscape sweep PLAN.toml`: quoted before, capped and shown during, resumable after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import click

from budgetscape.cli.amounts import amount, duration, outcome, quote_lines
from budgetscape.crew import Crew
from budgetscape.sweep_control import Status
from budgetscape.sweep_driver import Drive, stop_with_parent
from budgetscape.sweep_opening import ready
from budgetscape.sweeping import PILOT, Sweep
from budgetscape.wiring import Parts
from engine.errors import CapReached, EndpointError, OtherPlan
from engine.sweeps.lines import line_of
from engine.sweeps.plan import Plan, read_plan
from engine.sweeps.quote import Quote
from engine.sweeps.trajectory import Trajectory

MOST_LINES = 200
"""Progress lines of one start, about."""


class Away(NamedTuple):
    """Workers elsewhere, and where."""

    workers: int
    address: str | None


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-memo", is_flag=True, help="Run every cell by itself, for comparison.")
@click.option(
    "--at-once",
    type=click.IntRange(1, 10_000),
    default=None,
    help="Most calls at once to each model, instead of what its endpoint is said to take.",
)
@click.option(
    "--quote-only", is_flag=True, help="Run the pilot where it is needed, print the quote, stop."
)
@click.option(
    "--pilot",
    type=click.IntRange(1, 1000),
    default=PILOT,
    show_default=True,
    help="Questions of a strategy and model to run first where nothing was measured yet.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who performs it: this process, or workers on a Ray cluster (docs/scale-out.md).",
)
@click.option(
    "--workers", type=click.IntRange(1, 10_000), default=2, show_default=True, help="Ray workers."
)
@click.option(
    "--ray-address", help="A running cluster, host:port or auto; else one of this machine alone."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when stdin ends.")
def sweep(
    plan: Path,
    no_memo: bool,
    at_once: int | None,
    quote_only: bool,
    pilot: int,
    engine: str,
    workers: int,
    ray_address: str | None,
    with_parent: bool,
) -> None:
    """Run PLAN, or what is left of it. Ctrl-C stops it; the same command goes on."""
    text = plan.read_bytes().decode("utf-8", "replace")
    try:
        crew = Away(workers, ray_address) if engine == "ray" else None
        run(read_plan(text, str(plan)), not no_memo, at_once, quote_only, pilot, with_parent, crew)
    except OtherPlan as error:
        raise OtherPlan(error.name, error.differences, lambda place: line_of(text, place)) from None


def run(
    plan: Plan,
    share: bool = True,
    at_once: int | None = None,
    only: bool = False,
    pilot: int = PILOT,
    with_parent: bool = False,
    away: Away | None = None,
) -> None:
    """Run what is left of a plan in this process, or by workers elsewhere, and print how it goes."""
    asyncio.run(_run(plan, share, at_once, only, pilot, with_parent, away))


@asynccontextmanager
async def _crew(
    plan: Plan, parts: Parts, away: Away | None, share: bool, at_once: int | None
) -> AsyncIterator[Crew | None]:
    if away is None:
        yield None
        return
    from budgetscape.ray_workers import ray_crew

    async with ray_crew(
        parts.home, plan.name, away.workers, address=away.address, share=share, at_once=at_once
    ) as crew:
        yield crew


async def _run(
    plan: Plan,
    share: bool,
    at_once: int | None,
    only: bool,
    pilot: int,
    with_parent: bool,
    away: Away | None,
) -> None:
    parts = Parts.open()
    try:
        async with _crew(plan, parts, away, share, at_once) as crew:
            await _driven(plan, parts, crew, share, at_once, only, pilot, with_parent)
    finally:
        await parts.aclose()


async def _driven(
    plan: Plan,
    parts: Parts,
    crew: Crew | None,
    share: bool,
    at_once: int | None,
    only: bool,
    pilot: int,
    with_parent: bool,
) -> None:
    made = await ready(plan, parts, share=share, at_once=at_once, crew=crew)
    try:
        if with_parent:
            stop_with_parent(made.stop)
        click.echo(
            f"sweep {plan.name}: {made.done} trajectories recorded, {len(made.wanted)} to do"
        )
        drive = Drive(made)
        await drive.go(Shown(), _print_quote(made), pilot, only)
        _end(made, drive.status(), only)
    finally:
        made.close()


def _print_quote(made: Sweep) -> Callable[[Quote], None]:
    def show(given: Quote) -> None:
        for line in quote_lines(given, made.at_once):
            click.echo(line)

    return show


class Shown:
    """Prints how far a sweep is: every trajectory of a small one, some of a large one, and every failure."""

    def __init__(self) -> None:
        self.word, self.count = "", 0

    def __call__(self, word: str, total: int, trajectory: Trajectory, made: Sweep) -> None:
        if word != self.word:
            self.word, self.count = word, 0
        self.count += 1
        if self.count % max(1, total // MOST_LINES) and not trajectory.failures:
            return
        note = f"  failed: {trajectory.failures[-1].error}" if trajectory.failures else ""
        click.echo(
            f"{word} {self.count}/{total}  {trajectory.config.strategy} "
            f"{trajectory.config.model} {trajectory.question.id}  {going(made.status())}{note}"
        )


def going(status: Status) -> str:
    """Rate, time left, spend and troubles in one line. 85 runs/min, left 12 min, 41,200 tokens, tried again: 3 busy"""
    parts = [] if status.over else [f"{status.rate:,.0f} runs/min"]
    if status.left_s is not None and not status.over:
        parts.append(f"left {duration(status.left_s)}")
    parts.append(f"{status.tokens:,} tokens")
    if status.cost:
        parts.append(f"cost {amount(status.cost)}")
    if status.faults:
        parts.append(
            "tried again: " + ", ".join(f"{n} {kind}" for kind, n in status.faults.items())
        )
    return ", ".join(parts)


def _end(made: Sweep, status: Status, only: bool) -> None:
    for line in outcome(status):
        click.echo(line)
    again = f"go on with: budgetscape sweeps resume {made.plan.name}"
    if made.stopped:
        raise CapReached(f"sweep {made.plan.name} ended early: {made.stopped}; {again}")
    if made.failed:
        raise EndpointError(
            f"{made.failed} trajectories have cells without an answer; start the plan again to retry them"
        )
    if not only:
        click.echo(f"done. See it: budgetscape surface --sweep {made.plan.name}")
