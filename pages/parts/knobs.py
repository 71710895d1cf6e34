"""A strategy's knobs as widgets, made from what the strategy says of them; what they return is checked again."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine.strategies import PLAYED, knobs_of, strategy

NARROWEST_PX = 150
LARGEST_SEED = 2**31 - 1


def seed() -> int:
    """What the model's dice start from: the same seed, the same run, where the endpoint keeps to it."""
    return int(
        st.number_input(
            "Seed",
            0,
            LARGEST_SEED,
            help="Another seed is another try of the same question",
            key="seed",
            bind="query-params",
        )
        or 0
    )


def knobs(name: str, prefix: str = "") -> dict[str, Any]:
    """The knobs that were turned away from their defaults."""
    fields = strategy(name).Knobs.model_json_schema()["properties"]
    usual = knobs_of(name).model_dump()
    grid = st.grid(3, min_column_width=NARROWEST_PX)
    given = {
        knob: _widget(grid, knob, told, f"{prefix}{name}.{knob}")
        for knob, told in fields.items()
        if told.get("type") != "object"
    }
    inner = given.get("strategy")
    if inner:
        st.caption(f"Knobs of the sampled {inner.replace('_', ' ')}")
        given["knobs"] = knobs(inner, f"{name}.")
    return {knob: value for knob, value in given.items() if value != usual[knob] and value != {}}


def _widget(grid: Any, knob: str, told: dict[str, Any], key: str) -> Any:
    label = knob.replace("_", " ").capitalize()
    usual, said = told["default"], told.get("description", "")
    shared: dict[str, Any] = {"help": said, "key": key, "bind": "query-params"}
    if told.get("enum"):
        offered = [name for name in told["enum"] if knob != "strategy" or name in PLAYED]
        return grid.selectbox(
            label,
            offered,
            index=offered.index(usual),
            format_func=lambda name: name.replace("_", " "),
            **shared,
        )
    if told["type"] == "boolean":
        return grid.toggle(label, value=usual, **shared)
    kind = float if told["type"] == "number" else int
    least, most = (kind(told.get(end, usual)) for end in ("minimum", "maximum"))
    step = kind(0.1) if kind is float else 1
    value = grid.number_input(label, least, most, kind(usual), step, **shared)
    return usual if value is None else value
