"""`budgetscape strategies | models`: who can be asked, and how."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def strategies(as_json: bool) -> None:
    """List the search systems, what they can reach and their knobs."""
    from engine.strategies import STRATEGIES

    rows = [_strategy_row(name, module) for name, module in STRATEGIES.items()]
    if as_json:
        click.echo(json.dumps({"strategies": rows}))
        return
    for row in rows:
        click.echo(
            f"{row['name']:<18} searches: 0-{row['reachable']['search'][1]:<3} "
            f"can be forced: {' and '.join(row['forcible']) or 'nothing':<16} {row['source']}"
        )
        for knob, about in row["knobs"].items():
            click.echo(f"    {knob} = {about['default']}{_range(about)}  {about['description']}")


def _strategy_row(name: str, module: ModuleType) -> dict[str, Any]:
    """Name, source, what its defaults can use of each budget, which can be a dose, and its knobs with their ranges."""
    from engine.run.budgets import MOST_THINKING

    knobs = module.Knobs()
    schema = module.Knobs.model_json_schema()["properties"]
    return {
        "name": name,
        "source": module.SOURCE,
        "reachable": {"search": [0, knobs.most_searches], "think": [0, MOST_THINKING]},
        "forcible": sorted(knobs.forcible),
        "knobs": {k: _knob(schema[k], v) for k, v in knobs.model_dump().items()},
    }


def _knob(about: dict[str, Any], default: Any) -> dict[str, Any]:
    names = {"minimum": "least", "maximum": "most", "enum": "choices"}
    limits = {new: about[old] for old, new in names.items() if old in about}
    return {
        "type": about["type"],
        "default": default,
        **limits,
        "description": about.get("description", ""),
    }


def _range(about: dict[str, Any]) -> str:
    if "choices" in about:
        return f" ({' | '.join(about['choices'])})"
    return f" ({about['least']}-{about['most']})" if "least" in about else ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def models(as_json: bool) -> None:
    """List the models, those on board and those of the endpoints file, and your own agents."""
    from budgetscape.wiring import Parts

    registry = Parts.open().registry
    rows: list[dict[str, Any]] = [
        {"name": name, "default": name == registry.default, "address": registry.spec(name).base_url}
        for name in registry.names()
    ] + [{"name": name, "agent": True} for name in registry.agents()]
    if as_json:
        click.echo(json.dumps({"models": rows}))
        return
    for row in rows:
        mark = "*" if row.get("default") else " "
        where = "your own agent" if "agent" in row else row["address"] or "on board"
        click.echo(f"{mark} {row['name']:<28} {where}")
