"""`budgetscape sweep PLAN.toml`: quoted before, shown during, resumable after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import click

from budgetscape.sweeping import Sweep, ready
from budgetscape.wiring import Parts
from engine.errors import EndpointError
from engine.sweeps.plan import Job, read_plan


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-memo", is_flag=True, help="Run every cell by itself, for comparison.")
@click.option(
    "--at-once", type=click.IntRange(1, 10_000), default=None, help="Trajectories at once."
)
@click.option("--quote-only", is_flag=True, help="Run the pilot, print the quote, stop.")
def sweep(plan: Path, no_memo: bool, at_once: int | None, quote_only: bool) -> None:
    """Run PLAN, or what is left of it."""
    text = plan.read_bytes().decode("utf-8", "replace")
    asyncio.run(_sweep(text, str(plan), not no_memo, at_once, quote_only))


async def _sweep(text: str, where: str, share: bool, at_once: int | None, only: bool) -> None:
    plan = read_plan(text, where)
    parts = Parts.open()
    try:
        sweep = await ready(plan, parts, share=share, at_once=at_once)
        click.echo(
            f"sweep {plan.name}: {sweep.done} trajectories recorded, {len(sweep.todo)} to do"
        )
        await _show(sweep, sweep.pilot(), "pilot")
        _print_quote(sweep)
        if not only:
            await _show(sweep, list(sweep.todo), "sweep")
        if sweep.failed:
            raise EndpointError(
                f"{sweep.failed} trajectories have cells without an answer; start the plan again to retry them"
            )
        if not only:
            click.echo(f"done. See it: budgetscape surface --sweep {plan.name}")
    finally:
        await parts.aclose()


def _print_quote(sweep: Sweep) -> None:
    q = sweep.quote()
    if not q.trajectories:
        return
    click.echo(
        f"quote: {q.trajectories} trajectories ({q.runs} runs) still to do, {sweep.at_once} at once: "
        f"about {_minutes(q.seconds_p50)} (P50), {_minutes(q.seconds_p90)} (P90), "
        f"{q.tokens_p50:,.0f} tokens; from {q.from_trajectories} measured"
    )


async def _show(sweep: Sweep, some: Sequence[Job], word: str) -> None:
    began, n = time.monotonic(), 0
    async for trajectory in sweep.run(some):
        n += 1
        left = (time.monotonic() - began) / n * (len(some) - n)
        note = f"  failed: {trajectory.failures[-1].error}" if trajectory.failures else ""
        click.echo(
            f"{word} {n}/{len(some)}  {trajectory.config.strategy} {trajectory.config.model} "
            f"{trajectory.question.id}  left {_minutes(left)}{note}"
        )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
