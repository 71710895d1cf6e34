"""Which column of somebody's log tells what of a run: fields, guesses by name, and what a mapping leaves unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from engine.errors import InputError
from store.fields import Row

METRICS = {
    "em": "Right or wrong (exact match)",
    "f1": "F1",
    "contains": "Answer contains gold",
    "numeric": "Right number",
    "evidence_recall": "Evidence recall",
    "judge": "A judge's or user's score",
}


class Field(NamedTuple):
    """Something that a column may tell."""

    title: str
    names: tuple[str, ...]
    """What such columns are called, in lower case with underscores; the likeliest first."""


FIELDS: Mapping[str, Field] = {
    "question": Field(
        "Question", ("question", "query", "prompt", "user_query", "user_message", "input", "text")
    ),
    "question_id": Field(
        "Question id", ("question_id", "qid", "query_id", "example_id", "sample_id", "item_id")
    ),
    "strategy": Field(
        "Strategy", ("strategy", "pipeline", "agent", "system", "method", "workflow", "variant")
    ),
    "model": Field("Model", ("model", "model_name", "llm", "deployment", "engine")),
    "search": Field(
        "Search budget",
        (
            *("search_budget", "max_searches", "search_limit", "max_queries", "max_tool_calls"),
            *("max_search_calls", "budget_search", "max_retrievals"),
        ),
    ),
    "search_used": Field(
        "Searches used",
        (
            *("searches", "searches_used", "search_used", "num_searches", "n_searches"),
            *("search_count", "search_calls", "queries", "num_queries", "tool_calls"),
            *("n_tool_calls", "retrievals", "lookups"),
        ),
    ),
    "think": Field(
        "Reasoning budget",
        (
            *("thinking_budget", "reasoning_budget", "think_budget", "max_thinking_tokens"),
            *("max_reasoning_tokens", "budget_tokens", "thinking_limit", "budget_think"),
        ),
    ),
    "think_used": Field(
        "Thinking tokens used",
        (
            *("reasoning_tokens", "thinking_tokens", "think_tokens", "think_used"),
            *("thinking_used", "tokens_thinking", "tokens_reasoning", "thoughts_tokens"),
        ),
    ),
    "quality": Field(
        "Quality",
        (
            *("correct", "is_correct", "em", "exact_match", "quality", "accuracy", "passed"),
            *("score", "judge_score", "grade", "rating", "reward", "f1", "success"),
        ),
    ),
    "answer": Field(
        "Answer", ("answer", "output", "response", "prediction", "final_answer", "completion")
    ),
    "gold": Field(
        "Gold answers",
        (
            "gold",
            "gold_answer",
            "expected",
            "ground_truth",
            "target",
            "reference",
            "golden_answers",
        ),
    ),
    "input_tokens": Field(
        "Input tokens", ("input_tokens", "prompt_tokens", "tokens_in", "tokens_prompt")
    ),
    "completion_tokens": Field(
        "Completion tokens",
        ("completion_tokens", "output_tokens", "tokens_out", "tokens_completion"),
    ),
    "seconds": Field(
        "Seconds",
        ("seconds", "latency_s", "duration_s", "latency", "duration", "elapsed", "time_s"),
    ),
    "milliseconds": Field(
        "Milliseconds", ("milliseconds", "latency_ms", "duration_ms", "elapsed_ms", "time_ms")
    ),
    "cost": Field("Cost", ("cost", "cost_usd", "usd", "price", "total_cost")),
    "hops": Field("Hops", ("hops", "num_hops", "n_hops")),
    "operations": Field("Operations", ("operations", "num_operations")),
    "index": Field("Index", ("index", "index_name", "collection", "corpus", "retriever")),
}
FIXED = {"strategy": "imported", "model": "unknown", "search": "", "think": ""}
"""What may be one value for all rows, and what it is where nobody says."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column tells what, and what holds for all rows."""

    of: Mapping[str, str]
    """A column by field."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    metric: str = "em"
    """Which score the quality is."""
    low: float = 0.0
    high: float = 1.0
    """The ends of its scale."""


def guessed(names: Sequence[str], rows: Sequence[Row]) -> Columns:
    """What the columns are most likely for, by their names, and the scale of the quality, by its first values."""
    free = {_plainly(name.rpartition(".")[2]): name for name in reversed(names)}
    free |= {_plainly(name): name for name in reversed(names)}
    found: dict[str, str] = {}
    for what, about in FIELDS.items():
        name = next((n for n in about.names if n in free), None)
        if name is not None and not (what == "milliseconds" and "seconds" in found):
            found[what] = free[name]
            free = {plain: column for plain, column in free.items() if column != free[name]}
    quality = found.get("quality", "")
    values = [v for row in rows if (v := _guess(row.fields.get(quality))) is not None]
    top = next((t for t in (1.0, 5.0, 10.0, 100.0) if max(values, default=0.0) <= t), 100.0)
    metric = _metric(_plainly(quality))
    return Columns(found, {}, metric if top == 1.0 else "judge", 0.0, top)


def _metric(name: str) -> str:
    """Of a column by its name: f1_score -> f1, judge_score -> judge, is_correct -> em"""
    judged = ("judge", "score", "rating", "grade", "reward", "quality")
    words = {"f1": ("f1",), "evidence_recall": ("recall",), "judge": judged}
    return next((m for m, some in words.items() if any(w in name for w in some)), "em")


def _plainly(name: str) -> str:
    """Max Searches -> max_searches, maxSearches -> max_searches"""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _guess(value: Any) -> float | None:
    try:
        return as_score(value)
    except ValueError:
        return None


def checked(columns: Columns, names: Sequence[str]) -> Columns:
    """The same mapping where it can give runs; InputError says what is missing, and what to do."""
    of = columns.of
    for what, name in of.items():
        if what not in FIELDS:
            raise InputError(
                f"'{what[:40]}' is nothing that a run has; take one of {', '.join(FIELDS)}"
            )
        if name not in names:
            raise InputError(f"there is no column '{name[:60]}' for {FIELDS[what].title.lower()}")
    for what, value in columns.fixed.items():
        if what not in FIXED:
            raise InputError(
                f"only {', '.join(FIXED)} can be one value for all rows, not '{what[:40]}'"
            )
        if what in ("search", "think") and not (value.isascii() and value.isdigit()):
            raise InputError(
                f"the {FIELDS[what].title.lower()} for all rows must be a whole number"
            )
    if columns.metric not in METRICS:
        raise InputError(f"a quality is one of {', '.join(METRICS)}, not '{columns.metric[:40]}'")
    if not columns.low < columns.high or not math.isfinite(columns.high - columns.low):
        raise InputError("the scale of the quality must end above where it begins")
    if not {"question", "question_id"} & set(of):
        raise InputError("no column tells the question: without it runs cannot be paired; name one")
    for axis in ("search", "think"):
        if axis not in columns.fixed and not {axis, f"{axis}_used"} & set(of):
            raise InputError(
                f"no column tells the {FIELDS[axis].title.lower()}, or what was used of it: name one, or give one "
                "number for all rows (0 where there is none)"
            )
    if "quality" not in of and not {"answer", "gold"} <= set(of):
        raise InputError(
            "no column tells the quality: name one, or name both the answer and the gold answers"
        )
    return columns


def remarks(columns: Columns) -> tuple[str, ...]:
    """What the mapping leaves unknown, and what is taken in its place, for people."""
    of, said = columns.of, []
    for axis, what in (("search", "searches"), ("think", "thinking tokens")):
        if axis in of or axis in columns.fixed:
            if f"{axis}_used" not in of:
                said.append(
                    f"How many {what} were used is not told: counted as all that was allowed."
                )
        else:
            said.append(
                f"No budget is told for {what}: a run stands at what it used, rounded up to a level. Harder questions "
                "use more, so such a surface shows difficulty too; it is named “by use”."
            )
    if "completion_tokens" not in of:
        seen = "Only thinking tokens are" if "think_used" in of else "No tokens are"
        said.append(f"{seen} told: spending in tokens counts these alone.")
    if not {"seconds", "milliseconds"} & set(of):
        said.append("Seconds are not told: unknown.")
    if "cost" not in of:
        said.append("Cost is not told: unknown.")
    said += [f"{FIELDS[w].title} is not told: “{FIXED[w]}”." for w in ("strategy", "model")
             if w not in of and not columns.fixed.get(w)]  # fmt: skip
    return tuple(said)


_WORDS = {
    **dict.fromkeys(("true", "yes", "correct", "pass", "passed", "right"), True),
    **dict.fromkeys(("false", "no", "incorrect", "fail", "failed", "wrong"), False),
}


def as_score(value: Any) -> float | bool | None:
    """ValueError for what is no score."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    try:
        number = float(value)
    except (TypeError, OverflowError):
        raise ValueError("no number") from None
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number
