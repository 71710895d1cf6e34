"""The curves of training by reward as a picture: `python -m tools.by_reward` draws training/curves/by-reward.svg.

Left the two runs of Search-R1, right the two stages of R1-Searcher one behind the other and the second one alone.
Needs a browser, as tests do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any
from urllib.parse import unquote

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from engine.figures.palette import COLOURS

CURVES = Path(__file__).parents[1] / "training" / "curves"
PICTURE = CURVES / "by-reward.svg"
ROWS = {
    "reward": "Reward",
    "searches": "Searches a question",
    "well_formed": "Well-formed turns",
    "em": "EM, unseen world",
}
"""What is drawn, from above; the last of the greedy answers on the unseen world, the others of the training's own."""
OVER = 4
"""Steps of training that one point is the mean of."""
WIDTH, HEIGHT = 900, 860
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """A run, or what follows another in the same column."""

    name: str
    label: str
    column: int
    colour: str
    after: str | None = None


LINES = (
    Line("search-r1", "Search-R1, passages masked", 1, COLOURS[0]),
    Line("search-r1-no-mask", "Search-R1, not masked", 1, COLOURS[1]),
    Line("r1-searcher-first", "R1-Searcher, first stage", 2, COLOURS[3]),
    Line("r1-searcher", "R1-Searcher, second stage", 2, COLOURS[2], after="r1-searcher-first"),
    Line("r1-searcher-second-alone", "R1-Searcher, second stage alone", 2, COLOURS[4]),
)


def rows(name: str, curves: Path = CURVES) -> Rows:
    return [json.loads(line) for line in (curves / f"{name}.jsonl").read_text().splitlines()]


def smoothed(found: Rows, what: str, over: int = OVER) -> list[tuple[float, float]]:
    """Step and mean of each full stretch of steps, at its middle; a stretch in which nothing was told is left out.

    Steps 1 to 4 of 1, 3, 5, 7 over 2 -> (1.5, 2), (3.5, 6)
    """
    parts = [found[at : at + over] for at in range(0, len(found) - over + 1, over)]
    told = [[row for row in part if row[what] is not None] for part in parts]
    return [(mean(r["step"] for r in p), mean(r[what] for r in p)) for p in told if p]


def figure(curves: Path = CURVES) -> go.Figure:
    """Four rows of two panels."""
    made = make_subplots(
        4, 2, shared_xaxes=True, vertical_spacing=0.035, horizontal_spacing=0.08,
        column_titles=["Search-R1", "R1-Searcher"],
    )  # fmt: skip
    for line in LINES:
        offset = rows(line.after, curves)[-1]["step"] if line.after else 0
        found, unseen = rows(line.name, curves), rows(f"{line.name}-unseen", curves)
        if line.after and unseen[0]["step"]:  # it begins where the other one ended
            unseen = [{**rows(f"{line.after}-unseen", curves)[-1], "step": 0}, *unseen]
        look = {"name": line.label, "legendgroup": line.name, "marker_color": line.colour}
        for at, what in enumerate(ROWS, 1):
            points = (
                [(r["step"], r["em"]) for r in unseen] if what == "em" else smoothed(found, what)
            )
            made.add_trace(
                go.Scatter(
                    x=[step + offset for step, _ in points],
                    y=[value for _, value in points],
                    error_y=_reach(unseen) if what == "em" else None,
                    mode="lines+markers",
                    showlegend=at == 1,
                    **look,
                ),
                at,
                line.column,
            )
    for at, title in enumerate(ROWS.values(), 1):
        made.update_yaxes(title_text=title, row=at, col=1)
    made.update_xaxes(title_text="Step", row=4)
    made.update_yaxes(range=[0, 4.1], row=2)
    made.update_yaxes(range=[0.85, 1.005], row=3)
    made.update_yaxes(range=[0, 0.62], row=4)
    made.update_layout(
        template="plotly_white", width=WIDTH, height=HEIGHT, margin={"l": 70, "r": 20, "t": 40, "b": 90},
        legend={"orientation": "h", "y": -0.09}, font={"family": "sans-serif", "size": 12},
    )  # fmt: skip
    return made


def _reach(unseen: Rows) -> dict[str, Any]:
    """The intervals of EM, as Plotly wants them."""
    above = [r["interval"][1] - r["em"] for r in unseen]
    return {
        "array": above,
        "arrayminus": [r["em"] - r["interval"][0] for r in unseen],
        "thickness": 1,
    }


def drawn(made: go.Figure) -> str:
    """The picture as SVG."""
    from playwright.sync_api import sync_playwright

    from tests.chromium import launch

    script = (
        "(f) => Plotly.toImage(f, {format: 'svg', width: f.layout.width, height: f.layout.height})"
    )
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        address = str(page.evaluate(script, json.loads(made.to_json() or "{}")))
        browser.close()
    return unquote(address.partition(",")[2])


if __name__ == "__main__":
    PICTURE.write_text(drawn(figure()) + "\n")
