"""`budgetscape summary`: a sweep in a minute, as the page Summary shows it, for people as Markdown."""

from __future__ import annotations

import click

from budgetscape.cli.store_commands import opened
from budgetscape.endpoints import Registry
from budgetscape.summarising import Wanted
from budgetscape.summarising import summary as summed
from budgetscape.wiring import SAMPLES
from engine.analysis.panel import UNITS
from engine.errors import UnknownName
from engine.figures.summary import to_json
from engine.figures.summary_export import as_markdown
from store.home import Home
from store.values import Slice


@click.command()
@click.option("--sweep", "name", required=True, help="A sweep's name; `live` for live runs.")
@click.option(
    "--with", "also", multiple=True, help="Another sweep to be read along; may be repeated."
)
@click.option(
    "--metric",
    default="em",
    show_default=True,
    help="em, f1, contains, numeric, evidence_recall, judge or citation_support.",
)
@click.option("--unit", type=click.Choice(UNITS), default=None, help="What spending is counted in.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.02,
    show_default=True,
    help="How much worse is still as good, as a share.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def summary(
    name: str, also: tuple[str, ...], metric: str, unit: str | None, margin: float, as_json: bool
) -> None:
    """Sum up a sweep: the recommendation, the surface, three examples and the caveats."""
    small = Registry.load(Home.find(), adapters=SAMPLES / "adapters").on_board()
    with opened(Home.find().ensure(), name, *also) as store:
        known = [s.name for s in store.sweeps()]
        for each in (name, *also):
            if each not in known:
                raise UnknownName("sweep", each, known)
        where = Slice(sweeps=(name, *also))
        info = summed(store, Wanted(name, where, metric, unit or "", margin), small=small)
    click.echo(to_json(info) if as_json else as_markdown(info), nl=as_json)
