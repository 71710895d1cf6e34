"""`budgetscape ask`: one question at one pair of budgets, its steps as they happen."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from typing import Any

import click

from budgetscape.live import LiveRequest, check_request, perform
from budgetscape.wiring import Parts
from engine.errors import InputError
from engine.identity import content_hash, plain
from engine.run.books import Begun, Piece
from engine.run.budgets import MODES
from engine.types import (
    EFFORTS,
    Budget,
    Mode,
    Question,
    Reading,
    Run,
    Search,
    Step,
    Stopped,
    ThinkMode,
    Trace,
)


@click.command()
@click.argument("question")
@click.option(
    "--strategy", default="corag", show_default=True, help="See `budgetscape strategies`."
)
@click.option("--search", default=4, show_default=True, help="Search budget: the most queries.")
@click.option(
    "--think",
    default="128",
    show_default=True,
    help="Reasoning budget: thinking tokens; low, medium or high where the model takes effort levels.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default=None,
    help="Of both budgets: `cap` may be spent, `force` is to be spent.",
)
@click.option("--search-mode", type=click.Choice(MODES), default=None, help="Of one of them.")
@click.option("--think-mode", type=click.Choice(MODES), default=None, help="Of one of them.")
@click.option(
    "--model", default=None, help="A model or, for external, an agent: see `budgetscape models`."
)
@click.option("--index", default=None, help="An index you built; the default is the sample's.")
@click.option("--knob", "knobs", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option("--seed", default=0, show_default=True, help="Of everything sampled.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--save/--no-save", default=True, help="Keep the run in the history.")
def ask(
    question: str,
    strategy: str,
    search: int,
    think: str,
    mode: Mode | None,
    search_mode: Mode | None,
    think_mode: Mode | None,
    model: str | None,
    index: str | None,
    knobs: tuple[str, ...],
    seed: int,
    as_json: bool,
    save: bool,
) -> None:
    """Ask QUESTION and print each step, then the run."""
    asked = Question("ask-" + content_hash(question.strip(), 12), question.strip())
    modes: tuple[Mode, Mode] = search_mode or mode or "cap", think_mode or mode or "cap"
    budget = _budget(search, think, *modes)
    draft = LiveRequest(asked, strategy, "", "?", budget, _knobs(knobs), seed)
    check_request(draft)
    parts = Parts.open()
    request = LiveRequest(
        asked,
        strategy,
        parts.performer(strategy, draft.knobs, model),
        index or parts.default_index,
        draft.budget,
        draft.knobs,
        seed,
    )
    check_request(request)
    asyncio.run(_ask(parts, request, as_json, save))


async def _ask(parts: Parts, request: LiveRequest, as_json: bool, save: bool) -> None:
    try:
        log = Printer(as_json)
        trajectory = await perform(parts, request, log, f"ask-{uuid.uuid4().hex[:16]}")
        if save:
            parts.save(trajectory)
        log.run(trajectory.runs[0])
    finally:
        await parts.aclose()


def _budget(search: int, think: str, search_mode: Mode, think_mode: ThinkMode) -> Budget:
    """ "128" are tokens, "low" is an effort level."""
    if think in EFFORTS:
        if think_mode == "force":
            raise InputError("an effort level cannot be forced; give --search-mode alone")
        return Budget(search, EFFORTS.index(think) + 1, search_mode, "effort")
    if not re.fullmatch(r"-?\d{1,18}", think):
        raise InputError(
            f"--think {think[:40]!r} is neither a number of tokens nor one of {', '.join(EFFORTS)}"
        )
    return Budget(search, int(think), search_mode, think_mode)


def _knobs(given: tuple[str, ...]) -> dict[str, Any]:
    """top_k=3 -> {"top_k": 3}; a value that is no JSON is a text."""
    knobs = {}
    for item in given:
        name, sign, value = item.partition("=")
        if not sign:
            raise click.BadParameter(f"--knob {item!r} should look like NAME=VALUE")
        try:
            knobs[name] = json.loads(value)
        except json.JSONDecodeError:
            knobs[name] = value
    return knobs


class Printer:
    """A log that prints steps as they are done."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json

    def append(self, event: Begun | Piece | Step, /) -> None:
        if isinstance(event, Begun | Piece | Stopped):
            return
        click.echo(json.dumps(step_json(event), ensure_ascii=False) if self._json else _line(event))

    def run(self, run: Run) -> None:
        click.echo(json.dumps(run_json(run), ensure_ascii=False) if self._json else _summary(run))


def step_json(step: Step) -> dict[str, Any]:
    """A step for people and programs: `kind`, and `text`, `query`, `passages`, tokens and seconds as it has them."""
    body: dict[str, Any] = plain(step)
    if isinstance(step, Reading):
        body["passages"] = [
            {"id": r.passage.id, "title": r.passage.title, "rank": r.rank, "score": r.score}
            for r in step.passages
        ]
    return body


def run_json(run: Run) -> dict[str, Any]:
    trace = run.trace
    return {
        "kind": "run",
        "id": run.id,
        "question": run.question.text,
        "strategy": run.config.strategy,
        "model": run.config.model,
        "index": run.config.index,
        "answer": trace.answer,
        "stopped_by": trace.stopped_by,
        "cut_off": trace.cut_off,
        "turns": trace.turns,
        "well_formed": trace.well_formed_share,
        "search": plain(trace.search),
        "think": plain(trace.think),
        "search_mode": run.config.budget.search_mode,
        "think_mode": run.config.budget.think_mode,
        "effort": run.config.budget.effort or None,
        "tokens": {
            "thinking": trace.thinking_tokens,
            "query": trace.query_tokens,
            "answer": trace.answer_tokens,
            "completion": trace.usage.completion_tokens,
            "input": trace.usage.input_tokens,
        },
        "seconds": round(trace.seconds, 4),
        "cost": run.cost,
    }


def _line(step: Step) -> str:
    if isinstance(step, Reading):
        rows = [f"  {r.rank}. {r.passage.title}: {_safe(r.passage.text)}" for r in step.passages]
        return "\n".join(["reading", *map(_safe_line, rows)]) if rows else "reading  nothing found"
    if isinstance(step, Search):
        said = "not sent, the search budget is spent" if step.refused else _safe(step.query)
        remarks = ", ".join(_remarks(step))
        return f"search   {said}" + (f"  [{remarks}]" if remarks else "")
    said = _safe(getattr(step, "text", "")) or "-"
    if getattr(step, "refused", False):
        said = "no thinking left"
    remarks = "".join(f", {word}" for word in _remarks(step))
    return f"{step.kind:<8} {said}  [{step.tokens} tokens, {step.seconds:.1f} s{remarks}]"


def _remarks(step: Step) -> list[str]:
    """How the turn went on, and whether its text could be read."""
    return [step.resumed] * bool(step.resumed) + ["not well-formed"] * (step.well_formed is False)


def _summary(run: Run) -> str:
    t = run.trace
    money = "unknown" if run.cost is None else f"{run.cost:.6f}"
    return (
        f"\nanswer   {_safe(t.answer) or '(none)'}\n"
        f"         search {t.search.used}/{t.search.limit}, {_thought(run)}, "
        f"bound by {t.stopped_by}, {_form(t)}{t.usage.input_tokens} + {t.usage.completion_tokens} tokens, "
        f"{t.seconds:.1f} s, cost {money}"
    )


def _thought(run: Run) -> str:
    spent, budget = run.trace.think, run.config.budget
    if budget.effort:
        return f"think {spent.used} at {budget.effort} effort"
    advised = " (advisory)" if budget.think_mode == "advisory" else ""
    return f"think {spent.used}/{spent.limit}{advised}"


def _form(trace: Trace) -> str:
    return f"{trace.well_formed} of {trace.turns} turns well-formed, " if trace.turns else ""


def _safe(text: str) -> str:
    """Text for a terminal: control characters, escape codes among them, are shown as dots."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "·" for c in text).strip()


def _safe_line(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)
