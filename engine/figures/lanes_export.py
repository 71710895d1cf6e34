"""A comparison as a file: Markdown to read and paste, JSON with everything in it.

What models, passages and questions said is escaped in the Markdown, so that it shows as what it is wherever it goes.
"""

from __future__ import annotations

import json
from typing import Any

from engine.analysis.traces import Comparison
from engine.figures import lanes_words as words
from engine.figures.lanes_words import LETTERS
from engine.figures.markdown import on_one_line
from engine.figures.trace import PassageInfo, StepInfo, trace_info, verdict
from engine.identity import plain
from engine.run.budgets import think_words


def as_markdown(told: Comparison, link: str = "") -> str:
    """The comparison as a document: what was asked, the runs, where they part, what was bought, all steps."""
    questions = dict.fromkeys(run.question.text for run in told.runs)
    parts = [
        "# Runs side by side",
        *(f"**{on_one_line(question)}**" for question in questions),
        *([f"Open it again: <{link}>"] if link else []),
        _table(told),
        "## Where they part",
        on_one_line(words.parting(told)),
        "## What each extra unit bought",
        "\n".join(f"- {on_one_line(words.gain(gain))}" for gain in told.gains),
        "## Passages in common",
        _matrix(told),
    ]
    for number, run in enumerate(told.runs):
        parts.append(f"## {LETTERS[number]}: {on_one_line(_name(told, number))}")
        parts.append(on_one_line(words.gold(run, told.evidence[number])))
        parts += _steps(trace_info(run.trace.steps, run.question.supporting_ids))
    return "\n\n".join(parts) + "\n"


def as_json(told: Comparison, link: str = "") -> str:
    """The runs with all their steps, and what was found by comparing them."""
    return json.dumps(_body(told, link), ensure_ascii=False, indent=1)


def _body(told: Comparison, link: str) -> dict[str, Any]:
    return {
        "link": link,
        "words": {
            "parting": words.parting(told),
            "gains": [words.gain(gain) for gain in told.gains],
            "gold": [words.gold(r, e) for r, e in zip(told.runs, told.evidence, strict=True)],
            "limits": [words.limit(run) for run in told.runs],
        },
        "comparison": {k: v for k, v in plain(told).items() if k != "runs"},
        "runs": plain(told.runs),
    }


def _name(told: Comparison, number: int) -> str:
    config = told.runs[number].config
    budget = f"{config.budget.search} queries, {think_words(config.budget)}"
    return f"{config.strategy.replace('_', ' ')}, {config.model}, {budget}"


def _table(told: Comparison) -> str:
    heads = ("", "run", "answer", "verdict", "queries", "thinking", "tokens", "seconds", "ended")
    lines = [" | ".join(heads), " | ".join("---" for _ in heads)]
    for number, run in enumerate(told.runs):
        trace = run.trace
        cells = (
            LETTERS[number],
            on_one_line(_name(told, number)),
            on_one_line(trace.answer),
            verdict(run.scores)[0] or "no gold known",
            f"{trace.search.used} of {trace.search.limit}",
            f"{trace.think.used} of {trace.think.limit}",
            str(trace.usage.input_tokens + trace.usage.completion_tokens),
            f"{trace.seconds:.1f}",
            on_one_line(words.limit(run)),
        )
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _matrix(told: Comparison) -> str:
    letters = LETTERS[: len(told.runs)]
    lines = [" | ".join(["", *letters]), " | ".join("---" for _ in ["", *letters])]
    for letter, line in zip(letters, told.overlap, strict=True):
        shares = ["–" if c.share is None else f"{c.shared} of {c.either}" for c in line]
        lines.append(" | ".join([letter, *shares]))
    return "\n".join(f"| {line} |" for line in lines)


def _steps(steps: tuple[StepInfo, ...]) -> list[str]:
    """Numbered steps, each passage on a line of its own."""
    told = []
    for number, step in enumerate(steps, start=1):
        facts = f" ({', '.join(map(on_one_line, step.facts))})" if step.facts else ""
        text = f": {on_one_line(step.text)}" if step.text else ""
        told.append(f"{number}. **{step.title}**{facts}{text}")
        told += [_passage(passage) for passage in step.passages]
    return ["\n".join(told)]


def _passage(passage: PassageInfo) -> str:
    remarks = ["gold"] * passage.gold + ["seen before"] * (not passage.new)
    told = f" ({', '.join(remarks)})" if remarks else ""
    title, text = on_one_line(passage.title), on_one_line(passage.text)
    return f"    - {passage.rank}. {title}{told}: {text}"
