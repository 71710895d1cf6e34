"""`budgetscape fit | allocate | verdict`: what the measured cells say, as numbers with intervals or with a reason.

Reading works while the app is open, as it does for `surface`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from budgetscape import searched
from budgetscape.cli import answers
from budgetscape.cli.store_commands import opened
from budgetscape.cli.values import plain
from budgetscape.endpoints import Registry
from budgetscape.wiring import SAMPLES
from engine.analysis.panel import UNITS, Panel, strata, unit_of
from engine.errors import InputError, UnknownName
from store.home import Home
from store.scores import score_panels
from store.summary import STRATA
from store.values import Slice

Report = tuple[dict[str, Any], list[str]]


def _over_a_sweep(report: Callable[..., Report]) -> Callable[..., None]:
    """The options that all three share; the report is printed as lines, or as one JSON object."""

    @click.option("--sweep", "name", required=True, help="A sweep's name; `live` for live runs.")
    @click.option(
        "--with", "also", multiple=True, help="Another sweep to be read along; may be repeated."
    )
    @click.option("--by", default="", help="Strata: hops, operations, phrasing, with commas.")
    @click.option(
        "--metric",
        default="em",
        show_default=True,
        help="em, f1, contains, numeric, evidence_recall, judge or citation_support.",
    )
    @click.option("--strategy", multiple=True, help="Only this strategy; may be repeated.")
    @click.option("--model", multiple=True, help="Only this model; may be repeated.")
    @click.option(
        "--unit",
        type=click.Choice(UNITS),
        default=None,
        help="What spending is counted in; cost where all prices are known, otherwise tokens.",
    )
    @click.option("--json", "as_json", is_flag=True, help="One JSON object.")
    @wraps(report)
    def command(
        name: str,
        also: tuple[str, ...],
        by: str,
        metric: str,
        strategy: tuple[str, ...],
        model: tuple[str, ...],
        unit: str | None,
        as_json: bool,
        **rest: Any,
    ) -> None:
        parts = _strata(by)
        wanted = [*(("strategy", s) for s in strategy), *(("model", m) for m in model)]
        with opened(Home.find().ensure(), name, *also) as store:
            known = [s.name for s in store.sweeps()]
            for each in (name, *also):
                if each not in known:
                    raise UnknownName("sweep", each, known)
            some = score_panels(store, (name, *also), metric, wanted)
        if not some:
            raise InputError(
                f"sweep '{name}' has no run with a score for {metric} among what was asked for; "
                f"see what it holds: budgetscape surface --sweep {name}"
            )
        unit = unit or unit_of(some)
        head = {"sweep": name, "with": also, "metric": metric, "unit": unit}
        body, lines = report(some, parts, unit, **rest)
        if as_json:
            click.echo(json.dumps(plain(head | body), allow_nan=False))
        else:
            click.echo("\n".join(lines))

    return command


def _strata(by: str) -> tuple[str, ...]:
    names = tuple(filter(None, (part.strip() for part in by.split(","))))
    for name in names:
        if name not in STRATA:
            raise UnknownName("stratum", name, STRATA)
    return names


@click.command()
@_over_a_sweep
@click.option("--at-search", type=int, default=None, help="Vary thinking at this search budget.")
@click.option("--at-think", type=int, default=None, help="Vary searching at this thinking budget.")
@click.option(
    "--searches", is_flag=True, help="Read every search: new, validating or repeat; takes longer."
)
def fit(
    some: tuple[Panel, ...],
    by: tuple[str, ...],
    unit: str,
    at_search: int | None,
    at_think: int | None,
    searches: bool,
) -> Report:
    """Fit curves along both budgets: which family, ceiling, knee, overthinking, and how the budgets work together."""
    surfaces = [(n, part) for p in some for n, part in strata(p, by).items()]
    found = [answers.fitted(part, n, unit, at_search, at_think) for n, part in surfaces]
    lines = [line for one in found for line in answers.fitted_lines(one)]
    iterated = answers.iterated(some, unit)
    body: dict[str, Any] = {"surfaces": found, "iterated": iterated}
    lines += answers.iterated_lines(iterated)
    if searches:
        body["searches"] = _searches(some)
        lines += answers.searches_lines(body["searches"])
    return body, lines


def _searches(some: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """Every search of every surface, from the sweeps that the command names."""
    named = click.get_current_context().params
    sweeps = (named["name"], *named["also"])
    with opened(Home.find().ensure(), *sweeps) as store:
        return [
            answers.searched(p.group, searched.searches(store, Slice(sweeps=sweeps), p.group))
            for p in some
        ]


@click.command()
@_over_a_sweep
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="How much worse is still as good, as a share.",
)
@click.option(
    "--spend", type=float, default=None, help="Show all splits of this spending per question."
)
@click.option(
    "--quality", type=click.FloatRange(0, 1), default=None, help="Show what reaches this quality."
)
def allocate(
    some: tuple[Panel, ...],
    by: tuple[str, ...],
    unit: str,
    margin: float,
    spend: float | None,
    quality: float | None,
) -> Report:
    """Say where to spend: the cheapest setting as good as the best, fronts, the cheapest path, the next unit."""
    trained = Registry.load(Home.find(), adapters=SAMPLES / "adapters").trained()
    body = answers.allocated(some, by, unit, margin, spend, quality, trained)
    return body, answers.allocated_lines(body, unit)


@click.command()
@_over_a_sweep
@click.option("--at-search", type=int, default=None, help="Vary thinking at this search budget.")
@click.option("--at-think", type=int, default=None, help="Vary searching at this thinking budget.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.01,
    show_default=True,
    help="Slopes closer than this, per doubling, are as good as equal.",
)
@click.option(
    "--plan",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write the missing cells as a plan for `budgetscape sweep`.",
)
@click.option(
    "--questions", default="QUESTIONS", help="The question set that this plan is to name."
)
def verdict(
    some: tuple[Panel, ...],
    by: tuple[str, ...],
    unit: str,
    at_search: int | None,
    at_think: int | None,
    margin: float,
    plan: Path | None,
    questions: str,
) -> Report:
    """Say whether search scales like reasoning here, with the evidence, or which cells to run to be able to tell."""
    found = [answers.judged(p, by, unit, at_search, at_think, margin) for p in some]
    lines = [line for one in found for line in answers.judged_lines(one)]
    if plan is not None:
        lines.append(_write_plan(plan, some, [f["verdict"] for f in found], questions))
    return {"verdicts": found}, lines


def _write_plan(path: Path, some: tuple[Panel, ...], verdicts: list[Any], questions: str) -> str:
    """The first surface's missing cells; one plan is one strategy."""
    for panel, found in zip(some, verdicts, strict=True):
        if found.needed is not None:
            path.write_text(found.needed.toml(questions), "utf-8")
            return f"{path} plans the missing cells of {panel.group.name}: budgetscape sweep {path}"
    raise InputError("no surface needs more cells for its verdict: there is nothing to plan")
