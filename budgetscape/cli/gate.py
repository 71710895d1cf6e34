"""`budgetscape gate PLAN --baseline SWEEP`: run a plan and fail where it is worse than an earlier sweep."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from budgetscape.cli.store_commands import opened
from budgetscape.cli.sweep import run
from budgetscape.cli.values import plain
from engine.analysis.gate import Gate, told
from engine.analysis.gate import gate as compare
from engine.analysis.panel import Panel, Unknown
from engine.errors import InputError, UnknownName
from engine.sweeps.plan import read_plan
from store.bundles import MANIFEST, import_bundle
from store.history import Store
from store.home import Home
from store.scores import score_panels

REGRESSED = 3
"""The exit code of a regression; 1 and 2 are errors, as everywhere."""


@click.command()
@click.argument("plan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--baseline", required=True, help="An earlier sweep's name, or the folder of its bundle."
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="A loss up to this is no regression, as a share.",
)
@click.option(
    "--level",
    type=click.FloatRange(0.001, 0.5),
    default=0.05,
    show_default=True,
    help="How often an alarm may be false.",
)
@click.option("--metric", default="em", show_default=True, help="em, f1, contains, numeric, ...")
@click.option("--strict", is_flag=True, help="Fail too where the questions are too few to tell.")
@click.option("--no-run", is_flag=True, help="Compare what is recorded; run nothing.")
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Append a Markdown summary to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, after the run.")
def gate(
    plan: Path,
    baseline: str,
    margin: float,
    level: float,
    metric: str,
    strict: bool,
    no_run: bool,
    summary: Path | None,
    as_json: bool,
) -> None:
    """Run PLAN, compare it with a baseline question by question, exit 3 where it is worse by more than the margin."""
    planned = read_plan(plan.read_bytes().decode("utf-8", "replace"), str(plan))
    if baseline == planned.name:
        raise InputError(
            f"sweep '{baseline}' cannot be its own baseline; export it first and name the bundle's folder"
        )
    before = _baseline(baseline, metric)
    if not no_run:
        run(planned)
    found = compare(_panels(Home.find().ensure(), planned.name, metric), before, margin, level)
    if isinstance(found, Unknown):
        raise InputError(f"{planned.name} and {baseline}: {found.why}")
    text = markdown(found, planned.name, baseline, metric)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(text)
    if as_json:
        body = {"sweep": planned.name, "baseline": baseline, "metric": metric}
        body |= {"outcome": found.outcome, "sentence": found.sentence}
        click.echo(json.dumps(plain(body | {"gate": found}), allow_nan=False))
    else:
        click.echo(text)
    if found.outcome == "regressed" or (strict and found.outcome != "as good"):
        sys.exit(REGRESSED)


def _baseline(name: str, metric: str) -> Sequence[Panel]:
    """The baseline's surfaces: of a sweep that is recorded here, or of a bundle, which is read beside the home."""
    folder = Path(name)
    if not (folder / MANIFEST).is_file():
        return _panels(Home.find().ensure(), name, metric)
    with TemporaryDirectory(prefix="budgetscape-") as aside:
        home = Home(Path(aside)).ensure()
        sweep = import_bundle(home, folder)
        with Store.scratch(home, [sweep]) as store:
            return score_panels(store, [sweep], metric)


def _panels(home: Home, name: str, metric: str) -> Sequence[Panel]:
    with opened(home, name) as store:
        known = [s.name for s in store.sweeps()]
        if name not in known:
            raise UnknownName("sweep", name, known)
        return score_panels(store, [name], metric)


def markdown(found: Gate, name: str, baseline: str, metric: str) -> str:
    """What a pipeline shows: the sentence, the cells with their intervals, what was not compared."""
    rows = [
        "| setting | baseline | now | difference, points | |",
        "|---|---|---|---|---|",
    ]
    for c in found.cells:
        word = "tied" if c.judged.tied and c.judged.state != "worse" else c.judged.state
        rows.append(
            f"| {_text(c.cell.name)} | {c.before:.3f} | {c.now:.3f} | {told(c.judged.difference)} | {word} |"
        )
    notes = [f"- not compared: {_text(line)}" for line in found.dropped]
    head = (
        f"## {_text(name)} against {_text(baseline)}: {found.outcome}\n\n{_text(found.sentence)}\n"
    )
    level = (
        f"{_text(metric)}, paired by question; intervals of the cells hold together with that of the mean, so that an "
        f"alarm is false at most {found.level:.1%} of the time.\n"
    )
    return "\n".join([head, *rows, "", *notes, "", level])


def _text(name: str) -> str:
    """A name as plain text in a table of Markdown: names come from plans and bundles."""
    kept = "".join(ch if ch.isprintable() else " " for ch in name)
    return "".join(f"\\{ch}" if ch in "\\`*_{}[]()<>#|!" else ch for ch in kept)
