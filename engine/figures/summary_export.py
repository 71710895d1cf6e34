"""A summary as a Markdown document, to read, paste and print. What questions and answers say is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.figures.dials import Reading
from engine.figures.markdown import on_one_line
from engine.figures.summary import Shown, Side, SummaryInfo


def as_markdown(info: SummaryInfo, link: str = "") -> str:
    """The whole summary; the surface as one table a strategy and model."""
    parts = [
        f"# {on_one_line(info.question)}",
        on_one_line(f"Sweep {info.sweep}. {info.measured}"),
        *([f"Open it again: <{link}>"] if link else []),
    ]
    if info.reason:
        return "\n\n".join([*parts, on_one_line(info.reason)]) + "\n"
    parts += ["## Recommendation", on_one_line(info.card.sentence)]
    if info.card.facts:
        parts.append(_table(("figure", "value"), ((f.name, f.value) for f in info.card.facts)))
        parts.append(on_one_line(info.card.note))
    for one in info.said:
        parts += [f"**{on_one_line(one.question)}** {on_one_line(one.answer)}"]
    parts.append(f"## {on_one_line(info.quality.capitalize())} over both budgets")
    for reading in info.dials.readings:
        parts += [f"### {on_one_line(reading.look.label)}", _cells(info, reading)]
    parts += ["## What more of each budget bought", on_one_line(info.rule)]
    parts.append(on_one_line(f"All of {info.examples_of}."))
    for example in info.examples:
        parts += _example(example)
    parts += ["## Before quoting a number", "\n".join(f"- {on_one_line(c)}" for c in info.caveats)]
    parts += ["## Every setting against the best", _standings(info)] if info.card.standings else []
    return "\n\n".join(parts) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(heads), ["---"] * len(heads)]
    lines += [[on_one_line(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(info: SummaryInfo, reading: Reading) -> str:
    """Rows are reasoning budgets, columns search budgets; a blank was not measured."""
    measured = [i for i in range(len(info.dials.search.levels)) if any(r[i] for r in reading.stops)]
    heads = [r"thinking \\ searches", *(str(info.dials.search.levels[i]) for i in measured)]
    rows = []
    for level, stops in zip(info.dials.think.levels, reading.stops, strict=True):
        held = [stops[i] for i in measured]
        if any(held):
            rows.append([str(level), *(f"{s.quality} [{s.interval}]" if s else "" for s in held)])
    return _table(heads, rows)


def _example(one: Shown) -> list[str]:
    parts = [
        f"### {one.title}",
        on_one_line(f"{one.step}: {one.bought}" if one.step else one.bought),
    ]
    if not one.run_ids:
        return parts
    told = f" ({on_one_line(one.difficulty)})" if one.difficulty else ""
    gold = f" Right answer: {on_one_line(one.gold)}." if one.gold else ""
    parts.append(f"> {on_one_line(one.question)}{told}{gold}")
    parts.append(
        _table(
            ("budget", "answer", "verdict", "used"),
            (_row(side) for side in (one.before, one.after) if side is not None),
        )
    )
    return parts


def _row(side: Side) -> tuple[str, ...]:
    return side.budget, side.answer, side.verdict or "no gold known", side.used


def _standings(info: SummaryInfo) -> str:
    heads = ("setting", info.unit, info.quality, "difference", "95 %", "within the margin")
    return _table(
        heads,
        (
            (
                s.setting,
                f"{s.spend:.4g}",
                f"{s.quality:.3f}",
                f"{100 * s.difference:+.1f}",
                f"{100 * s.low:+.1f} to {100 * s.high:+.1f}",
                s.state + (", tied" if s.tied else ""),
            )
            for s in info.card.standings
        ),
    )
