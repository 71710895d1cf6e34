"""What the allocation page shows: the recommendation, fronts, the walk along one spend, the next unit, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.analysis.allocation import Mix, Walk
from engine.analysis.checkpoints import payoffs, sentence
from engine.analysis.choice import Choice
from engine.analysis.estimate import Estimate
from engine.analysis.panel import Panel, Unknown
from engine.figures.palette import Identity, Key
from engine.figures.spending import front_info, walk_info
from engine.figures.spending import spelt as told
from engine.figures.surface import METRICS
from pages.parts import resources, weighing
from pages.parts.controls import words

if TYPE_CHECKING:
    from pages.parts.filtering import Spending
    from pages.parts.sheet import Sheet
    from pages.parts.weighing import Spent

Looks = Mapping[Key, Identity]


def recommendation(sheet: Sheet, found: Spent, chosen: Spending) -> None:
    """The card: what to run, what it saves, how sure that is."""
    choice = found.choice
    for said in sorted({panel.thinned for panel in found.panels} - {""}):
        st.caption(f"{said} are weighed on this page.")
    with st.container(border=True):
        sheet.heading("Recommendation")
        if isinstance(choice, Unknown):
            sheet.words(f"None: {choice.why}.")
            return
        sheet.words(choice.sentence)
        saving = "unknown" if choice.saving is None else f"{choice.saving:.0%}"
        sheet.numbers(
            (
                ("Quality of the pick", f"{choice.pick_quality:.3f}"),
                ("Quality of the best", f"{choice.best_quality:.3f}"),
                (f"Saves of the {choice.unit}", saving),
                ("Folds that agree", f"{choice.same} of {choice.folds}"),
            )
        )
        sheet.quiet(
            f"Chosen and judged on different folds of {choice.questions} questions; margin "
            f"{100 * chosen.margin:g} points; difference {told(choice.difference)}."
        )
        with sheet.folded("Evidence: every setting against the best", ":material/table:"):
            sheet.table("", _standings(choice), "standings")


def _standings(choice: Choice) -> pd.DataFrame:
    """Every setting against the best."""
    return pd.DataFrame(
        {
            "setting": s.cell.name,
            choice.unit: s.spend,
            "quality": s.quality,
            "difference": s.difference.value,
            "low": s.difference.low,
            "high": s.difference.high,
            "within the margin": s.state,
            "tied": "tied" if s.tied else "",
        }
        for s in choice.standings
    )


def front(sheet: Sheet, found: Spent, looks: Looks, chosen: Spending) -> None:
    """Every setting by its spending, and what nothing cheaper beats."""
    sheet.heading("What is worth its price")
    info = front_info(found.table, found.front, looks, METRICS[chosen.metric])
    sheet.chart(info, "front", "Quality of every setting over its spending, with the Pareto front")
    for c in found.crossings:
        first, last = (c.one, c.two) if c.at_first.value > 0 else (c.two, c.one)
        sure = "" if c.certain else " (not certain at both ends)"
        sheet.words(
            f"{words(first.name)} leads up to {told(c.at)} {found.unit}, then {words(last.name)}{sure}."
        )


def walk(sheet: Sheet, found: Spent, panel: Panel, looks: Looks, chosen: Spending) -> None:
    """Fix a spend, slide between all thinking and all searching."""
    sheet.heading("The same money, spent otherwise")
    low, high = weighing.spends(panel, found.unit)
    if low is None or high is None or high <= low:
        sheet.reason(f"The settings of this surface do not differ in {found.unit}.")
        return
    spend = st.slider(
        f"{found.unit.capitalize()} per question",
        low,
        high,
        (low * high) ** 0.5 if low > 0 else (low + high) / 2,
        _round((high - low) / 100),
        format="%.4g",
        key="spend",
        bind="query-params",
    )
    line = weighing.walk(panel, spend, found.unit)
    look = looks[panel.group.strategy, panel.group.model]
    place = _split(line)
    sheet.chart(
        walk_info(line, look, METRICS[chosen.metric], place),
        "walk",
        f"Quality along a line of equal spending: {spend:.4g} {found.unit} per question",
    )
    if isinstance(line, Walk) and line.mixes:
        here, best = line.mixes[min(place, len(line.mixes) - 1)], line.best
        said = [f"At {spend:.4g} {found.unit} per question. This split: {_mix(here)}."]
        sheet.words(" ".join(said + ([f"Best split: {_mix(best)}."] if best else [])))
        sheet.quiet("Between measured cells all is interpolated, straight in ln(1 + budget).")


def _round(length: float) -> float:
    """The power of ten below: steps that read well in a link."""
    return float(10.0 ** math.floor(math.log10(length)))


def _split(line: Walk | Unknown) -> int:
    """Where on the line the slider stands; a share of its length, so that it holds for any line."""
    if isinstance(line, Unknown) or len(line.mixes) < 2:
        return 0
    label = "From all thinking (left) to all searching (right)"
    share = st.slider(label, 0, 100, 50, format="%d %%", key="split", bind="query-params")
    return round(share / 100 * (len(line.mixes) - 1))


def _mix(mix: Mix) -> str:
    return f"{_budgets(mix)}, quality {told(mix.quality)}"


def _budgets(mix: Mix) -> str:
    return f"{mix.point.search:.2g} queries, {mix.point.think:.3g} thinking tokens"


def surface(found: Spent) -> Panel:
    """Whose budgets are looked at below: one strategy with one model."""
    if len(found.panels) == 1:
        return found.panels[0]
    place = st.selectbox(
        "Strategy and model",
        range(len(found.panels)),
        format_func=lambda i: words(found.panels[i].group.name),
        key="surface",
        bind="query-params",
        help="The recommendation and the front are over all of them, what follows is of this one",
    )
    return found.panels[place or 0]


def path(sheet: Sheet, found: Spent, panel: Panel) -> None:
    """The cheapest path: how both budgets grow together when more may be spent."""
    steps = weighing.cheapest(panel, found.unit)
    with sheet.folded("The cheapest path through both budgets", ":material/moving:"):
        if isinstance(steps, Unknown):
            sheet.words(f"There is none: {steps.why}.")
            return
        rows = [
            {
                found.unit: s.spend,
                "queries": s.search,
                "queries, 9 of 10 draws": f"{s.search_low:.3g} to {s.search_high:.3g}",
                "thinking tokens": s.think,
                "quality": told(s.quality),
            }
            for s in steps
        ]
        names = (found.unit, "queries", "thinking tokens")
        sheet.table("", pd.DataFrame(rows), "path", dict.fromkeys(names, "%.3g"))


def same_quality(sheet: Sheet, found: Spent, panel: Panel) -> None:
    """The mixes of both budgets that reach one quality, each with what it takes."""
    with sheet.folded("All mixes that reach a quality", ":material/target:"):
        level = st.slider("Quality", 0.0, 1.0, 0.3, 0.01, key="quality", bind="query-params")
        line = weighing.reaching(panel, level, found.unit)
        if isinstance(line, Unknown):
            sheet.words(f"There is none for {level:.2f}: {line.why}.")
            return
        rows = [
            {"queries": m.point.search, "thinking tokens": m.point.think, found.unit: m.spend}
            for m in sorted(line.mixes, key=lambda m: m.spend)
        ]
        names = ("queries", "thinking tokens", found.unit)
        title = f"All mixes that reach a quality of {level:.2f}"
        sheet.table(title, pd.DataFrame(rows), "same_quality", dict.fromkeys(names, "%.3g"))
        sheet.quiet("The cheapest first; between measured cells all is interpolated.")


def next_unit(sheet: Sheet, found: Spent, panel: Panel) -> None:
    """Where the next unit goes from every cell of one surface."""
    title = "Where the next unit goes"
    sheet.heading(title)
    rows = []
    for n in weighing.next_units(panel, found.unit):
        gains = {g.axis: g for g in n.gains}
        rows.append(
            {"queries": n.search, "thinking tokens": n.think, "next unit to": n.word}
            | {
                f"one step of {axis}": told(gains[axis].quality)
                if axis in gains
                else "not measured"
                for axis in ("search", "think")
            }
            | {
                f"{axis} per 1,000 {found.unit}": told(per_unit.scaled(1000), 2)
                for axis in gains
                if isinstance(per_unit := gains[axis].per_unit, Estimate)
            }
        )
    frame = pd.DataFrame(rows).fillna("–")
    sheet.table(title, frame, "next_units")
    sheet.quiet(
        "Gains are differences on the same questions, with 95 % intervals; "
        "tied: the interval of the difference covers zero."
    )


def wide_or_deep(sheet: Sheet, found: Spent) -> None:
    if not found.wide_deep:
        return
    sheet.heading("Wide or deep")
    rows = [
        {
            "strategy": w.wide.name,
            "queries": w.search,
            "thinking tokens": w.think,
            "wide": w.wide.width,
            "deep": w.deep.width,
            "wide minus deep": told(w.wide_minus_deep.difference),
            "wide is": w.wide_minus_deep.state,
            "seconds saved": w.seconds_saved,
        }
        for w in found.wide_deep
    ]
    sheet.table("Wide or deep", pd.DataFrame(rows), "wide_deep")


def training(sheet: Sheet, found: Spent) -> None:
    """After how many questions more training pays, where two checkpoints of one strategy were measured."""
    pairs = payoffs(found.panels, resources.application().trained())
    if not pairs:
        return
    sheet.heading("Training against asking")
    for pair in pairs:
        sheet.words(words(sentence(pair)))
    sheet.quiet(
        "FLOPs: 6 x parameters x tokens of training, 2 x parameters x tokens of a question. What all of them were "
        "trained on before counts for none."
    )
