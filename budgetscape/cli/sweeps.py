"""`budgetscape sweeps …`: the sweeps that were started here, and what to tell them."""

from __future__ import annotations

import json

import click

from budgetscape import sweep_control as control
from budgetscape.cli.sweep import going
from budgetscape.cli.sweep import run as run_plan
from engine.errors import UnknownName
from engine.identity import plain
from store.home import Home


@click.group(invoke_without_command=True)
@click.pass_context
def sweeps(context: click.Context) -> None:
    """List the sweeps that were started here, or pause, resume or cancel one."""
    if context.invoked_subcommand is None:
        home = Home.find()
        for name in control.names(home):
            click.echo(line_of(control.status(home, name), name))


@sweeps.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON object.")
def show(name: str, as_json: bool) -> None:
    """Show how sweep NAME stands."""
    home = Home.find()
    status = control.status(home, name)
    if status is None:
        raise UnknownName("sweep", name, control.names(home))
    click.echo(json.dumps(plain(status)) if as_json else line_of(status, name))


@sweeps.command()
@click.argument("name")
def pause(name: str) -> None:
    """Let sweep NAME make no further call until it is resumed."""
    control.give(Home.find(), name, "pause")
    click.echo(f"sweep {name} pauses; go on with: budgetscape sweeps resume {name}")


@sweeps.command()
@click.argument("name")
def cancel(name: str) -> None:
    """End sweep NAME now; what it recorded stays, and it can be resumed."""
    control.give(Home.find(), name, "cancel")
    click.echo(f"sweep {name} ends; go on with: budgetscape sweeps resume {name}")


@sweeps.command()
@click.argument("name")
def resume(name: str) -> None:
    """Go on with sweep NAME: where its process pauses, or from its journal where none runs."""
    home = Home.find()
    if control.held(home, name):
        control.give(home, name, "go")
        click.echo(f"sweep {name} goes on")
        return
    run_plan(control.saved_plan(home, name))


def line_of(status: control.Status | None, name: str) -> str:
    """One sweep on one line. first-look: paused, 40 of 120 runs, 85 runs/min, ..."""
    if status is None:
        return f"{name}: never ran"
    note = f" ({status.note})" if status.note else ""
    return (
        f"{name}: {status.state}{note}, {status.runs_done} of {status.runs} runs, {going(status)}"
    )
