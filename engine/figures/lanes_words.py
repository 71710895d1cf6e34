"""A comparison of runs in sentences: where they part, when evidence was first seen, what each extra unit bought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import takewhile

from engine.analysis.traces import Comparison, Evidence, Gain, Look
from engine.figures.amounts import money, span
from engine.figures.trace import ENDINGS
from engine.types import Answer, Reading, Run, Search, Step, Stopped, Thought

LETTERS = "ABCDEF"
LONGEST_QUOTE = 90
LEAD = 24
"""How much of what is still alike is quoted before two long texts part."""


def parting(told: Comparison, running: Collection[int] = ()) -> str:
    """Where the runs first do something different, and what."""
    parting = told.parting
    everyone = _names(range(len(told.runs)))
    if parting is None:
        return f"{everyone} do the same, step by step."
    steps = [_at(run, parting.step) for run in told.runs]
    firsts = [steps[group[0]] for group in parting.groups]
    shared = len(_common(tuple(t for t in map(_text, firsts) if t is not None)))
    said = [
        f"{_names(group)} {_does(step, shared, len(group) > 1, group[0] in running)}"
        for group, step in zip(parting.groups, firsts, strict=True)
    ]
    alike = parting.step
    first = "first step" if alike == 1 else f"first {alike} steps"
    before = f"{everyone} do the same for the {first}. " if alike else ""
    return f"{before}At step {alike + 1}, " + "; ".join(said) + "."


def gold(run: Run, seen: Evidence) -> str:
    """When a run first saw a supporting passage."""
    wanted = set(run.question.supporting_ids)
    if not wanted:
        return "No supporting passages are known for this question."
    first, last = seen.first_gold, seen.all_gold
    held = len(wanted & seen.passages)
    if first is None:
        return f"None of {_count(len(wanted), 'supporting passage')} was seen."
    where = f"step {first.step + 1} (search {first.search}, rank {first.rank})"
    if last is None:
        return f"First gold at {where}; {held} of {len(wanted)} supporting passages seen."
    if last == first:
        return f"First gold at {where}; all that is needed."
    return (
        f"First gold at {where}; all {len(wanted)} by step {last.step + 1} (search {last.search})."
    )


def limit(run: Run, running: bool = False) -> str:
    """What bound a run."""
    if running:
        return "Still running."
    forced = " The answer was forced there." if run.trace.cut_off else ""
    return ENDINGS[run.trace.stopped_by] + forced


def gain(told: Gain) -> str:
    """What the dearer run used more and what it got."""
    used = [
        _signed(told.queries, "query", "queries"),
        _signed(told.thinking, "thinking token"),
        f"{span(abs(told.seconds))} {'longer' if told.seconds >= 0 else 'shorter'}",
    ]
    if told.cost is not None:
        used.append(f"{money(abs(told.cost))} {'more' if told.cost >= 0 else 'less'}")
    got = [
        _count(told.new_passages, "passage") + " more" if told.new_passages else "no new passage"
    ]
    got += [f"evidence recall {told.evidence:+.2f}"] if told.evidence is not None else []
    got += [f"F1 {told.f1:+.2f}"] if told.f1 is not None else []
    each = per_unit(told)
    way = f"From {LETTERS[told.cheaper]} to {LETTERS[told.dearer]}"
    return f"{way}: {', '.join(used)} bought {', '.join(got)}{f' ({each})' if each else ''}."


def per_unit(told: Gain) -> str:
    """F1 for each extra query or thinking token; only where one of the two alone was raised."""
    if told.f1 is None or bool(told.queries > 0) == bool(told.thinking > 0):
        return ""
    if told.queries > 0 and told.thinking == 0:
        return f"{told.f1 / told.queries:+.2f} F1 a query"
    if told.thinking > 0 and told.queries == 0:
        return f"{100 * told.f1 / told.thinking:+.2f} F1 per 100 thinking tokens"
    return ""


def look(told: Look) -> str:
    """3 new, 1 gold · 2 seen before"""
    new = f"{told.new} new" + (f", {told.new_gold} gold" if told.new_gold else "")
    return f"{new} · {told.seen} seen before" if told.seen else new


def quoted(text: str, shared: int = 0) -> str:
    """A text on one line in quotes, from where it begins to differ, so long as a person reads at a glance."""
    start = max(0, shared - LEAD) if len(text) > LONGEST_QUOTE else 0
    part = " ".join(text[start : start + 3 * LONGEST_QUOTE].split())
    head, tail = "…" if start else "", "…" if len(text) > start + 3 * LONGEST_QUOTE else ""
    if len(part) > LONGEST_QUOTE:
        part, tail = part[:LONGEST_QUOTE].rstrip(), "…"
    return f"“{head}{part}{tail}”"


def _at(run: Run, place: int) -> Step | None:
    return run.trace.steps[place] if place < len(run.trace.steps) else None


def _does(step: Step | None, shared: int, many: bool, running: bool) -> str:
    match step:
        case None if running:
            return ("has", "have")[many] + " not come that far yet"
        case None:
            return ("has", "have")[many] + " ended"
        case Thought(refused=True):
            return ("is", "are")[many] + " refused a thought, the reasoning budget being spent"
        case Thought():
            cut = ", cut by the reasoning budget" if step.cut else ""
            said = quoted(step.text, shared) if step.text.strip() else "nothing"
            return f"{('thinks', 'think')[many]} {said}{cut}"
        case Search(refused=True):
            return ("is", "are")[many] + " refused a search, the search budget being spent"
        case Search():
            return f"{('searches', 'search')[many]} for {quoted(step.query, shared)}"
        case Reading():
            return _reads(step, many)
        case Answer():
            return f"{('answers', 'answer')[many]} {quoted(step.text, shared)}"
        case Stopped():
            why = ENDINGS[step.by].rstrip(".")
            return f"{('ends', 'end')[many]}: {why[:1].lower()}{why[1:]}"


def _reads(step: Reading, many: bool) -> str:
    titles = [quoted(p.passage.title) for p in step.passages[:2]]
    if not titles:
        return ("finds", "find")[many] + " no passage"
    more = len(step.passages) - len(titles)
    named = ", ".join(titles) + (f" and {more} more" if more else "")
    return f"{('reads', 'read')[many]} {named}"


def _text(step: Step | None) -> str | None:
    match step:
        case Thought() | Answer():
            return step.text
        case Search():
            return step.query
    return None


def _common(texts: Sequence[str]) -> str:
    if len(texts) < 2:
        return ""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    return "".join(letters[0] for letters in same)


def _names(lanes: Collection[int]) -> str:
    """A / A and C / A, B and C"""
    letters = [LETTERS[i] for i in lanes]
    head = ", ".join(letters[:-1])
    return f"{head} and {letters[-1]}" if head else letters[-1]


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _signed(n: int, one: str, many: str = "") -> str:
    word = one if abs(n) == 1 else many or one + "s"
    if n == 0:
        return f"no more {many or one + 's'}"
    return f"{n} more {word}" if n > 0 else f"{-n} fewer {many or one + 's'}"
