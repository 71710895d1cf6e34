"""Which measured cells a page reads and how they are drawn: offered from what the store has, kept in the link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from engine.analysis.panel import UNITS
from engine.figures.axes import REQUESTED, SEARCHED, THOUGHT, Quantity, Scale
from engine.figures.palette import Identity, Key
from engine.figures.surface import METRICS
from pages.parts.controls import NARROWEST_PX, words

if TYPE_CHECKING:
    from pages.parts.resources import Choices

SCALES: dict[str, Scale] = {"even steps": "even", "log": "log", "true": "true"}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cells, and how they are drawn."""

    sweep: str
    metric: str
    strategies: tuple[str, ...]
    """None chosen means all; so for the others."""
    models: tuple[str, ...]
    hops: tuple[int, ...]
    operations: tuple[int, ...]
    scale: Scale


def filters(sweeps: Sequence[str], choices: Choices, *, spacing: bool = True) -> Filters:
    first = st.grid(2 + spacing, min_column_width=NARROWEST_PX)
    sweep = first.selectbox("Sweep", sweeps, key="sweep", bind="query-params")
    metric = first.selectbox(
        "Quality", list(METRICS), format_func=METRICS.__getitem__, key="metric", bind="query-params"
    )
    scale = "even steps"
    if spacing:
        scale = first.selectbox(
            "Spacing of budgets", list(SCALES), key="spacing", bind="query-params"
        )
    several = len(choices.models) > 1
    second = st.grid(4 if several else 3, min_column_width=NARROWEST_PX)
    wanted = _several(second, "Strategies", choices.strategies, "strategies")
    levels = [
        second.multiselect(
            "Hops", choices.hops, key="hops", bind="query-params", placeholder="All"
        ),
        second.multiselect(
            "Operations",
            choices.operations,
            key="operations",
            bind="query-params",
            placeholder="All",
        ),
    ]
    named = _several(second, "Models", choices.models, "models") if several else ()
    return Filters(
        sweep,
        metric,
        wanted,
        named,
        tuple(sorted(levels[0])),
        tuple(sorted(levels[1])),
        SCALES[scale],
    )


OVERLAYS = ("equal spend", "cheapest path", "live runs", "beyond the cells")
"""What can be laid over a surface."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How cells become a picture."""

    along: tuple[str, str]
    """What the axes show: the budgets, or what was used of them."""
    against: Key | None
    """Strategy and model whose quality is taken from that of the others."""
    over: tuple[str, ...]
    unit: str
    """Of lines of equal spend; empty: cost where every price is known, otherwise tokens."""


def drawing(looks: Mapping[Key, Identity]) -> Drawing:
    """`looks` are those of the strategies and models on the surface."""
    with st.expander("Axes, differences and lines", icon=":material/tune:"):
        grid = st.grid(3, min_column_width=NARROWEST_PX)
        along = (
            _along(grid, "Search axis", "search budget", SEARCHED, "along_search"),
            _along(grid, "Reasoning axis", "reasoning budget", THOUGHT, "along_think"),
        )
        names = {" ".join(key): look.label for key, look in looks.items()}
        against = grid.selectbox(
            "Heights",
            ["", *names],
            format_func=lambda n: f"difference from {names[n]}" if n else "as measured",
            key="against",
            bind="query-params",
        )
        below = st.grid(2, min_column_width=NARROWEST_PX)
        over = below.multiselect(
            "Laid over the surface",
            OVERLAYS,
            default=OVERLAYS[:2],
            help="Beyond the cells a fitted model says what one level more of each budget might reach",
            key="over",
            bind="query-params",
            placeholder="Nothing",
        )
        unit = _unit(below, "Spend counted in")
    key = next((key for key in looks if " ".join(key) == against), None)
    return Drawing(along, key, tuple(over), unit)


def _along(
    grid: st.delta_generator.DeltaGenerator,
    title: str,
    budget: str,
    quantities: Mapping[str, Quantity],
    key: str,
) -> str:
    found = grid.selectbox(
        title,
        [REQUESTED, *quantities],
        format_func=lambda n: quantities[n].title if n in quantities else f"{budget} requested",
        key=key,
        bind="query-params",
    )
    return found or REQUESTED


def _unit(grid: st.delta_generator.DeltaGenerator, label: str) -> str:
    """Empty: cost where every price is known, otherwise tokens."""
    found = grid.selectbox(
        label,
        ("", *UNITS),
        format_func=lambda name: name or "cost where known, else tokens",
        key="unit",
        bind="query-params",
    )
    return found or ""


# ------------------------------------------------------------------------------------- budget allocation


@dataclass(frozen=True, slots=True)
class Spending:
    """Which runs are weighed, and in what."""

    filters: Filters
    unit: str
    """Empty: cost where every price is known, otherwise tokens."""
    margin: float
    also: tuple[str, ...] = ()
    """Sweeps that are read along: other models, checkpoints, or values of a knob."""

    @property
    def metric(self) -> str:
        return self.filters.metric


def spending(sweeps: Sequence[str], choices: Choices) -> Spending:
    found = filters(sweeps, choices, spacing=False)
    line = st.grid(3, min_column_width=NARROWEST_PX)
    also = line.multiselect(
        "Together with",
        [name for name in sweeps if name != found.sweep],
        key="also",
        bind="query-params",
        placeholder="No other sweep",
        help="Sweeps over the same questions: of another model or checkpoint, or at another value of a knob",
    )
    unit = _unit(line, "Spending counted in")
    margin = line.slider(
        "As good means within (points)", 0.5, 10.0, 2.0, 0.5, key="margin", bind="query-params"
    )
    return Spending(found, unit, margin / 100, tuple(also))


def _several(
    column: st.delta_generator.DeltaGenerator, label: str, options: Sequence[str], key: str
) -> tuple[str, ...]:
    chosen = column.multiselect(
        label, options, format_func=words, key=key, bind="query-params", placeholder="All"
    )
    return tuple(chosen)
