"""Deep research: plan, search wide, read, report, name the gaps, again; then answer.

Source: agentic deep research (arXiv 2506.18959) as a loop of planning, parallel search and synthesis; wide against
deep after arXiv 2602.07359. A round writes up to `width` queries in one call, sends them at once, adds to a running
report what the new passages say, with citations [n] of passages numbered over the whole run, and names what is
missing, which the next round searches for. The report is the thoughts noted `report`, in order; the answer is drawn
from it.

One unit of S buys one query, in the order written; `width` and `rounds` say how S may be spent, so that the same S
can be spent wide (few rounds) or deep (`width = 1`). Queries and rounds are counted apart. The loop ends when S is
spent, after `rounds`, or, with `early_stop`, when nothing is missing or the model writes "done"; where it writes no
new query, the question is sent, once. One unit of R is one token of the plan, the report, a gap or the last thought.
When R is spent, the title and the first sentence of each new passage stand in for a part of the report, the question
alone for plan and gap; "done" cannot be paid for, the question is sent in its place, and the rounds go on until S is
spent.

Deviations: the report grows by one part a round and is not written anew, so that no sentence is paid for twice; a
citation of a passage that was never shown is taken out before the report is shown again; passages are read from the
index as they are, without opening further pages; there is no separate writer of sections, since the model on board
reads a few hundred tokens.

As a dose (`force`): while S is not spent, "nothing is missing" is dropped and another round follows, and a list
without a new query is asked for again at temperature 0.7, up to six times in a row; the last thought goes on behind
"Wait" until R is spent.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from pydantic import Field

from engine.run.requests import (
    Discard,
    End,
    Form,
    Play,
    Reply,
    Request,
    Think,
    Write,
    says_something,
)
from engine.strategies import base, blocks, turns, wide
from engine.types import Axis, Prompt, Question, Ranked

SOURCE = "agentic deep research, arXiv 2506.18959"

PLAN = "List what must be found out to answer the question, one short line each. Do not answer it."
QUERIES = (
    "Write up to {width} short search queries for what is still missing, one a line. Repeat none. "
    'If nothing is missing, write "done".'
)
REPORT = (
    "Add to the report what the passages say that helps to answer the question. "
    "Write short sentences and cite the passage after each, such as [1]."
)
GAPS = (
    "Name in one short line what the report still lacks to answer the question. "
    'If nothing is missing, write "nothing".'
)
_CITED = re.compile(r"\s*\[(\d{1,6})\]")
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_NOTHING = {"nothing", "none", "nothing is missing", "done"}


class Knobs(base.Knobs):
    width: int = Field(3, ge=1, le=64, description="most queries of a round")
    rounds: int = Field(4, ge=1, le=64, description="most rounds")
    top_k: int = Field(2, ge=1, le=100, description="passages per query")
    early_stop: bool = Field(True, description="the model may end the rounds")
    query_cap: int = Field(32, ge=1, le=512, description="longest list, tokens per query")
    plan_cap: int = Field(64, ge=0, le=4096, description="longest plan, tokens")
    report_cap: int = Field(128, ge=1, le=8192, description="longest part of the report, tokens")
    gap_cap: int = Field(32, ge=0, le=2048, description="longest gap, tokens")
    think_cap: int = Field(512, ge=0, le=100_000, description="longest last thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.width * self.rounds

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies in front of the model between two rounds."""

    plan: str = ""
    report: str = ""
    gap: str = ""
    asked: tuple[str, ...] = ()
    sources: tuple[Ranked, ...] = ()
    """Every passage read so far, once; its place is its number in citations."""

    def shown(self, *names: str) -> tuple[str, ...]:
        """Titled blocks of the parts that are not empty."""
        parts = {
            "Plan": self.plan,
            "Report": self.report,
            "Missing": self.gap,
            "Asked": "\n".join(self.asked),
        }
        kept = ((name, blocks.lines(parts[name])) for name in names)
        return tuple(f"{name}:\n{text}" for name, text in kept if text)


def play(question: Question, knobs: Knobs) -> Play:
    plan = yield Think(
        blocks.chat(PLAN, blocks.question_line(question)),
        knobs.plan_cap,
        note="plan",
        form=says_something,
    )
    desk = Desk(plan=plan.text)
    for _ in range(knobs.rounds):
        fresh = yield from _searched(question, desk, knobs)
        if fresh is None:
            break
        desk = yield from _read(question, fresh, len(desk.sources), knobs)
        if knobs.early_stop and _is_nothing(desk.gap):
            if (yield End(spend=("search",))).go_on is None:
                break
            desk = replace(desk, gap="")
    else:
        yield End("turns")
    given = desk.shown("Report")
    thought = yield Think(
        blocks.think_prompt(question, *given), knobs.think_cap, again=turns.waiting
    )
    prompt = blocks.answer_prompt(question, *given, thoughts=thought.text)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))


def _searched(
    question: Question, desk: Desk, knobs: Knobs
) -> Generator[Request, Reply, Desk | None]:
    """The desk with the passages of one round, or None when the model or the budget ends the rounds."""
    cue = ""
    while True:
        written = yield Write(
            _queries_prompt(question, desk, knobs, cue),
            "query",
            knobs.query_cap * knobs.width,
            wide.PARAGRAPH,
            turns.WARM if cue else None,
            _list_form(desk, knobs),
        )
        if written.refused:
            return None
        queries = _queries(question, desk, written.text, knobs)
        if queries or (yield Discard(written, "done")).refused:
            break
        if (yield End(spend=("search",))).go_on is None:
            return None
        cue = turns.ONE_MORE
    queries = queries or (question.text,)
    found = (yield wide.sent(queries, knobs.top_k, (written,))).replies
    known = {r.passage.id for r in desk.sources}
    fresh = {r.passage.id: r for reply in found for r in reply.passages}
    new = tuple(r for id, r in fresh.items() if id not in known)
    return replace(desk, asked=desk.asked + queries, sources=desk.sources + new)


def _queries(question: Question, desk: Desk, text: str, knobs: Knobs) -> tuple[str, ...]:
    """What to send; nothing when the model has no query left. Where it said nothing at first, the question is sent."""
    done = _is_nothing(text)
    queries = wide.listed(text, knobs.width, desk.asked)
    if not knobs.early_stop:
        return queries or (question.text,)
    if done or queries:
        return () if done else queries
    return () if question.text in desk.asked else (question.text,)


def _read(
    question: Question, desk: Desk, old: int, knobs: Knobs
) -> Generator[Request, Reply, Desk]:
    """The desk with one part more in its report and with its new gap."""
    new = desk.sources[old:]
    part = ""
    if new:
        shown = (*desk.shown("Report"), blocks.passage_block(new, old + 1))
        prompt = blocks.chat(REPORT, *shown, blocks.question_line(question))
        form = _report_form(len(desk.sources))
        note = yield Think(prompt, knobs.report_cap, wide.PARAGRAPH, note="report", form=form)
        part = cited(note.text, len(desk.sources)) or headlines(new, old + 1)
    desk = replace(desk, report="\n".join(p for p in (desk.report, part) if p))
    asking = blocks.chat(GAPS, *desk.shown("Plan", "Report"), blocks.question_line(question))
    gap = yield Think(asking, knobs.gap_cap, blocks.LINE, note="gap", form=says_something)
    return replace(desk, gap=gap.text)


def _queries_prompt(question: Question, desk: Desk, knobs: Knobs, cue: str = "") -> Prompt:
    shown = desk.shown("Plan", "Report", "Missing", "Asked")
    rule = QUERIES.format(width=knobs.width)
    return blocks.chat(rule, blocks.question_line(question), *shown, cue)


def _is_nothing(text: str) -> bool:
    """Whether the model says that nothing is missing."""
    return blocks.harmless(text).strip('"').casefold().rstrip(".!") in _NOTHING


def _list_form(desk: Desk, knobs: Knobs) -> Form:
    """New queries, one a line, or the word that ends the rounds."""
    queries = wide.well_listed(knobs.width, desk.asked)
    return lambda text: (knobs.early_stop and _is_nothing(text)) or queries(text)


def _report_form(sources: int) -> Form:
    """Says something and cites only passages that were read."""
    return lambda text: (
        says_something(text) and all(1 <= int(n) <= sources for n in _CITED.findall(text))
    )


def cited(text: str, sources: int) -> str:
    """A part of the report without citations of passages that are not there.

    cited("Ann built it [1]. She died [9].", 2) -> "Ann built it [1]. She died."
    """
    kept = _CITED.sub(lambda m: m[0] if 1 <= int(m[1]) <= sources else "", text)
    return blocks.lines(kept)


def headlines(passages: Sequence[Ranked], first: int) -> str:
    """What stands in for a part of the report: title and first sentence of each passage, cited."""
    rows = []
    for n, found in enumerate(passages, first):
        title, text = blocks.harmless(found.passage.title), blocks.harmless(found.passage.text)
        rows.append(f"{title}: {_SENTENCE.split(text)[0]} [{n}]".lstrip(": "))
    return "\n".join(rows)
