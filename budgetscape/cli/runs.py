"""`budgetscape runs FILE`: a log of runs of your own system becomes a surface."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budgetscape.cli.child import telling
from engine.identity import plain
from store.home import Home

if TYPE_CHECKING:
    from store.log_columns import Columns

FEW = 20


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What to call the sweep that the runs become.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column tells what; without any they are guessed. --check lists the fields.",
)
@click.option(
    "--all",
    "fixed",
    multiple=True,
    metavar="FIELD=VALUE",
    help="One strategy, model, search or think for all rows.",
)
@click.option("--quality-is", help="em, f1, contains, numeric, evidence_recall or judge.")
@click.option("--scale", type=float, nargs=2, help="Lowest and highest value of the quality.")
@click.option("--check", is_flag=True, help="Show what the file holds, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--as-child", is_flag=True, hidden=True, help="For the app.")
def runs(
    file: Path,
    name: str | None,
    columns: tuple[str, ...],
    fixed: tuple[str, ...],
    quality_is: str | None,
    scale: tuple[float, float] | None,
    check: bool,
    as_json: bool,
    as_child: bool,
) -> None:
    """Take in FILE, a log of runs as CSV, TSV, JSONL or Parquet, as a sweep. What cannot be read is listed by row."""
    from budgetscape.run_import import look_at_runs, take_runs

    chosen = _columns(file, columns, fixed, quality_is, scale)
    if check:
        with telling(as_child):
            show = look_at_runs(file, chosen)
        click.echo(json.dumps(plain(show)) if as_json else _said(show))
        return
    if not name:
        raise click.UsageError("say what to call it: --name NAME")
    home = Home.find().ensure()
    with telling(as_child) as tell:
        count, unread = take_runs(home, name, file, chosen, tell)
    rows = f"{unread.count:,} row{'s' * (unread.count != 1)}"
    left = f"; {rows} could not be read, the first: {unread.why[0]}" if unread.count else ""
    if as_json:
        click.echo(
            json.dumps({"name": name, "runs": count, "unread": unread.count, "why": unread.why})
        )
        return
    for why in () if as_child else unread.why[:FEW]:
        click.echo(why, err=True)
    click.echo(f"sweep {name}: {count:,} runs taken in{left}")


def _columns(
    file: Path,
    columns: Sequence[str],
    fixed: Sequence[str],
    quality_is: str | None,
    scale: tuple[float, float] | None,
) -> Columns | None:
    """What was named; where no column was, the guesses with the rest laid over them. None where nothing was said."""
    if not (columns or fixed or quality_is or scale):
        return None
    from budgetscape.run_import import guesses
    from store.log_columns import Columns

    first = guesses(file)
    return Columns(
        _pairs(columns) if columns else first.of,
        _pairs(fixed),
        quality_is or first.metric,
        *(scale or (first.low, first.high)),
    )


def _pairs(words: Sequence[str]) -> dict[str, str]:
    if bad := next((w for w in words if "=" not in w), None):
        raise click.UsageError(f"write FIELD=VALUE, not {bad[:60]!r}")
    return {what.strip(): value.strip() for what, _, value in (w.partition("=") for w in words)}


def _said(show: Any) -> str:
    from store.log_columns import FIELDS

    of = show.chosen.of
    lines = [f"columns: {', '.join(show.columns)}"]
    lines += [f"  {what:<18} {of.get(what) or '-'}" for what in FIELDS]
    if show.problem:
        return "\n".join([*lines, show.problem])
    lines += [
        f"{show.rows:,} rows: {show.runs:,} runs of {show.questions:,} questions, search {_some(show.search)}, "
        f"think {_some(show.think)}, quality {show.chosen.metric} from {show.chosen.low:g} to {show.chosen.high:g}",
        *show.remarks,
        *((f"{show.unread:,} rows cannot be read:",) if show.unread else ()),
        *(f"  {why}" for why in show.why[:FEW]),
    ]
    return "\n".join(lines)


def _some(levels: Sequence[int]) -> str:
    head = ", ".join(map(str, levels[:12]))
    return head + (f" and {len(levels) - 12} more" if len(levels) > 12 else "")
