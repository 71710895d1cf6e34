"""`budgetscape judge`: a model grades the answers of a sweep, quoted before, shown during, resumable after."""

from __future__ import annotations

import asyncio
import time

import click

from budgetscape.cli.store_commands import opened
from budgetscape.judging import Judging, prepare
from budgetscape.wiring import Parts
from engine.errors import EndpointError, InputError, UnknownName


@click.command()
@click.option("--sweep", "name", required=True, help="A sweep's name; `live` for live runs.")
@click.option("--model", required=True, help="The judge: see `budgetscape models`.")
@click.option("--limit", type=click.IntRange(min=1), default=None, help="Runs to judge, at most.")
@click.option("--quote-only", is_flag=True, help="Say how many calls it takes, and stop.")
def judge(name: str, model: str, limit: int | None, quote_only: bool) -> None:
    """Grade the answers, and the citations of reports, of the runs that this judge has not seen."""
    parts = Parts.open()
    if model in parts.agents():
        raise InputError(f"{model} is an agent of your own; a judge is a model")
    parts.registry.spec(model)
    asyncio.run(_judge(parts, name, model, limit, quote_only))


async def _judge(parts: Parts, name: str, model: str, limit: int | None, only: bool) -> None:
    try:
        chat = await parts.registry.open(model)
        with opened(parts.home, name) as store:
            known = [s.name for s in store.sweeps()]
            if name not in known:
                raise UnknownName("sweep", name, known)
            work = prepare(parts, store, name, model, limit)
        click.echo(
            f"judge {model}: {work.done} runs of {name} judged before, {len(work.cases)} to judge, "
            f"{work.calls} calls"
        )
        if only or not work.cases:
            return
        began, n, unknown = time.monotonic(), 0, 0
        async for made in work.run(chat):
            n += 1
            unknown += made.judge is None
            left = (time.monotonic() - began) / n * (len(work.cases) - n)
            score = "unknown" if made.judge is None else f"{made.judge:.1f}"
            click.echo(f"judge {n}/{len(work.cases)}  {made.run_id}  {score}  left {left:.0f} s")
        _print_end(work, n, unknown)
    finally:
        await parts.aclose()


def _print_end(work: Judging, n: int, unknown: int) -> None:
    cost = work.parts.price(work.model)(work.paid)
    money = "unknown" if cost is None else f"{cost:.6f}"
    tokens = work.paid.input_tokens + work.paid.completion_tokens
    click.echo(
        f"{n} runs judged, {unknown} with a verdict that could not be read; {work.paid.calls} calls, "
        f"{tokens:,} tokens, cost {money}, none of it charged to a run"
    )
    if work.failed:
        raise EndpointError(
            f"{work.failed} runs were not judged, the last one because: {work.last_failure}; "
            "run the same command again to go on"
        )
    if n == unknown:
        click.echo(
            "No verdict could be read: this model does not keep the form; name a larger one."
        )
    else:
        click.echo(f"See it: budgetscape surface --sweep {work.sweep} --metric judge")
