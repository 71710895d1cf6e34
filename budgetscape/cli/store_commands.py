"""`budgetscape surface` and `budgetscape store …`: what was measured, and the files it stands in.

Reading works while the app is open: when another process owns the database, the answer comes from a store in memory
made from the same journals.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from budgetscape.cli.child import telling
from budgetscape.wiring import samples_folder
from engine.errors import Damaged, StoreHeld, UnknownName
from engine.sweeps.record import from_body
from store.bundle_forms import FORMS
from store.bundle_zip import export_zip, import_zip
from store.bundles import export_sweep, import_bundle, install_bundles
from store.history import CellRow, Slice, Store
from store.home import Home
from store.journal import Torn, journal_files, read


def opened(home: Home, *sweeps: str) -> Store:
    """The home's store with all that is recorded taken in; in memory when another process owns the file."""
    install_bundles(home, samples_folder() / "sweeps")
    try:
        store = Store.open(home, wait_s=0.0)
    except StoreHeld:
        return Store.scratch(home, sweeps or None)
    store.ingest()
    return store


@click.command()
@click.option("--sweep", "name", required=True, help="A sweep's name; `live` for live runs.")
@click.option("--by", default="", help="Strata: hops, operations, phrasing, with commas.")
@click.option(
    "--metric",
    default="em",
    show_default=True,
    help="em, f1, contains, numeric, evidence_recall, judge or citation_support.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def surface(name: str, by: str, metric: str, as_json: bool) -> None:
    """Print the cells of a sweep with their intervals."""
    strata = tuple(filter(None, (part.strip() for part in by.split(","))))
    with opened(Home.find().ensure(), name) as store:
        known = [s.name for s in store.sweeps()]
        if name not in known:
            raise UnknownName("sweep", name, known)
        cells = store.cells(Slice(sweeps=(name,)), metric, strata)
    rows = [_cell(c, strata) for c in cells]
    if as_json:
        click.echo(json.dumps({"sweep": name, "metric": metric, "cells": rows}))
        return
    for c in cells:
        where = " ".join(f"{k}={v}" for k, v in zip(strata, c.by, strict=True))
        click.echo(
            f"{c.strategy:<18} {c.model:<22} search {c.search:>3} think {c.think:>5}  "
            f"{c.mean:.3f} [{c.low:.3f}, {c.high:.3f}]  n {c.questions:<5} "
            f"cut off {c.cut_off:.0%}{_form(c)}{_dose(c)} {where}"
        )


def _form(cell: CellRow) -> str:
    return "" if cell.well_formed is None else f" well-formed {cell.well_formed:.0%}"


def _dose(cell: CellRow) -> str:
    """How much was used of a budget that was to be spent."""
    used = {"search": cell.search_compliance, "think": cell.think_compliance}
    modes = {"search": cell.search_mode, "think": cell.think_mode}
    forced = ((axis, share) for axis, share in used.items() if modes[axis] == "force")
    told = (f" forced {axis} {share:.0%} used" for axis, share in forced if share is not None)
    return "".join(told)


def _cell(cell: CellRow, strata: tuple[str, ...]) -> dict[str, Any]:
    row = asdict(cell)
    return row | dict(zip(strata, row.pop("by"), strict=True))


@click.group()
def store() -> None:
    """Check, take in, export and import what was measured."""


@store.command()
def check() -> None:
    """Read every line again and list what is wrong; exit 1 when there is anything but an unfinished end."""
    home = Home.find().ensure()
    bad = 0
    with opened(home) as history:
        for path in journal_files(home):
            bad += _check_file(path)
        for row in history.sweeps():
            click.echo(
                f"{row.name}: {row.trajectories} trajectories, {row.runs} runs, "
                f"{row.questions} questions, {row.failures} cells failed"
            )
        troubles = history.troubles()
    for trouble in troubles:
        click.echo(trouble)
    if bad or troubles:
        sys.exit(1)
    click.echo("all is well")


def _check_file(path: Path) -> int:
    """How many lines of a journal are damaged; each is told, and so is an unfinished end."""
    bad = 0
    for item in read(path):
        if isinstance(item, Torn):
            bad += not item.final
            what = "unfinished end" if item.final else "damage"
            click.echo(
                f"{what} in {path.parent.name}/{path.name} at byte {item.start}: {item.reason}"
            )
        elif item.kind in ("trajectory", "failed"):
            try:
                from_body(item.body)
            except Damaged as error:
                bad += 1
                click.echo(f"{item.id} in {path.parent.name}/{path.name}: {error}")
    return bad


@store.command(name="ingest")
def take_in() -> None:
    """Take new journal lines into the database. An open app does so by itself."""
    with Store.open(Home.find().ensure()) as history:
        done = history.ingest()
    click.echo(
        f"{done.trajectories} trajectories, {done.runs} runs taken in; "
        f"{done.torn} damaged lines, {done.conflicts} conflicts, {done.unreadable} of another shape"
    )


@store.command()
@click.argument("sweep")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--form",
    type=click.Choice(list(FORMS)),
    default="parquet",
    show_default=True,
    help="Parquet is small; JSON lines can be read by any tool.",
)
def export(sweep: str, folder: Path, form: str) -> None:
    """Write SWEEP as a bundle into FOLDER, or into one file where that ends in .zip."""
    write = export_zip if folder.suffix == ".zip" else export_sweep
    with opened(Home.find().ensure(), sweep) as history:
        count = write(history, sweep, folder, FORMS[form])
    click.echo(f"{count} trajectories written to {folder}")


@store.command(name="import")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--as-child", is_flag=True, hidden=True, help="For the app.")
def take(folder: Path, as_child: bool) -> None:
    """Take in a bundle from FOLDER, or from one .zip file."""
    home = Home.find().ensure()
    with telling(as_child):
        name = import_bundle(home, folder) if folder.is_dir() else import_zip(home, folder)
    click.echo(f"sweep {name} is recorded; see it: budgetscape surface --sweep {name}")


@store.command()
@click.argument("sweep")
@click.option("--otlp", required=True, help="A collector, http://host:4318.")
@click.option("--limit", type=click.IntRange(1), help="At most so many runs.")
def traces(sweep: str, otlp: str, limit: int | None) -> None:
    """Send the traces of SWEEP to an OpenTelemetry collector, as OpenInference spans over OTLP/HTTP.

    OTEL_EXPORTER_OTLP_HEADERS of the environment holds headers, such as a key.
    """
    from budgetscape.otlp import send_sweep

    def tell(sent: int, of: int) -> None:
        click.echo(f"\rsent: {sent}/{of}", nl=sent >= of, err=True)

    with opened(Home.find().ensure(), sweep) as history:
        sent = send_sweep(history, sweep, otlp, limit, tell)
    click.echo(f"{sent:,} runs of {sweep} sent as traces")
