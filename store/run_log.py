"""Somebody's own log of runs, a table with their columns: what each row is as a run, or why it is none.

A log has no steps, so an imported run has its answer and no trace. What it does not tell is never made up: budgets
that are not told are read from what was used, under a name that says so, and the reasoning budget is taken as advice,
so that imported runs are pooled with none of our own. Rows are data: a value that is not what its column should hold is
a line that names row and column.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import Any

from engine import grading
from engine.errors import InputError
from engine.identity import content_hash, plain, run_id
from engine.sweeps.trajectory import Trajectory, id_of
from engine.types import (
    Answer,
    Budget,
    Question,
    Run,
    RunConfig,
    Scores,
    Spent,
    Stopped,
    Trace,
    Usage,
)
from store.fields import Row, whole_characters
from store.log_columns import FIXED, Columns, as_score
from store.rows import LOGGED

MOST_ROWS = 1_000_000
LONGEST_NAME, LONGEST_TEXT = 200, 200_000
MOST_COUNT = 2**31 - 1
EXACT, LEAST_LEVEL = 8, 16
"""Searches used up to this many are levels of their own; thinking used begins at this level."""
BY_USE = " (by use)"
DETAIL = "imported from a log: its steps were not recorded"


@dataclass(frozen=True, slots=True)
class Logged:
    """One row as a run; `judge` is its score where the quality is a judge's."""

    trajectory: Trajectory
    judge: float | None


# ------------------------------------------------------------------------------------ a row as a run


class Runs:
    """Rows into runs of one sweep. The same question at the same budgets again is another sample, not a copy."""

    def __init__(self, columns: Columns, sweep: str, source: str, fingerprint: str) -> None:
        self.columns, self.sweep, self.source, self.fingerprint = (
            columns, sweep, source, fingerprint,
        )  # fmt: skip
        self._times: dict[bytes, int] = {}

    def run(self, row: Row) -> Logged:
        """InputError names the row and the column that it cannot be read from."""
        at = _At(row, self.columns)
        question = at.question()
        search, search_used = at.axis("search")
        think, think_used = at.axis("think")
        budget = Budget(search, think, "cap", "advisory")
        config = self._config(at, budget)
        scope = f"{self.sweep} {search} {think}"
        alike = repr([question, config.strategy, config.model, config.index, budget]).encode(
            "utf-8", "replace"
        )
        mark = hashlib.blake2b(alike, digest_size=16).digest()
        seed = self._times[mark] = self._times.get(mark, -1) + 1
        config = replace(config, seed=seed)
        identity = id_of(question, config, scope)
        quality, answer = at.quality(), at.text("answer") or ""
        scored = _scores(question, answer, self.columns.metric, quality)
        judge = quality if self.columns.metric == "judge" else None
        if scored == Scores() and judge is None:
            raise at.row.wrong(
                at.column("quality", "gold"),
                "tells no quality, and there is no gold answer to score by",
            )
        run = Run(
            run_id(identity, budget),
            identity,
            question,
            config,
            at.trace(answer, budget, search_used, think_used),
            scored,
            at.amount("cost"),
        )
        return Logged(Trajectory(identity, self.sweep, question, config, (run,)), judge)

    def _config(self, at: _At, budget: Budget) -> RunConfig:
        by_use = any(at.told_by(axis) == "use" for axis in ("search", "think"))
        knobs = {
            LOGGED: self.source,
            **{f"{a} told by": at.told_by(a) for a in ("search", "think")},
        }
        return RunConfig(
            strategy=(at.name("strategy") or FIXED["strategy"]) + BY_USE * by_use,
            model=at.name("model") or FIXED["model"],
            index=at.name("index") or None,
            budget=budget,
            knobs=knobs,
            fingerprint=self.fingerprint,
        )


def _scores(question: Question, answer: str, metric: str, quality: float | None) -> Scores:
    """By the gold answers where they are, and the given score in the place of its own kind."""
    made = plain(grading.scores(question, answer, ())) if answer else {}
    if quality is not None and metric != "judge":
        made[metric] = quality
    return Scores(**made)


class _At:
    """One row, read by field."""

    def __init__(self, row: Row, columns: Columns) -> None:
        self.row, self.columns = row, columns

    def column(self, *fields: str) -> str:
        return next((self.columns.of[f] for f in fields if f in self.columns.of), fields[0])

    def value(self, what: str) -> Any:
        """None where there is no such column, or its cell is blank."""
        value = self.row.fields.get(self.columns.of.get(what, ""), None)
        return None if isinstance(value, str) and not value.strip() else value

    def wrong(self, what: str, why: str) -> InputError:
        return self.row.wrong(self.columns.of.get(what, what), why)

    def text(self, what: str, longest: int = LONGEST_TEXT) -> str | None:
        value = self.value(what)
        if value is None:
            return None
        if isinstance(value, bool | int | float):
            value = str(value)
        if not isinstance(value, str):
            raise self.wrong(what, "must be a text")
        if len(value) > longest:
            raise self.wrong(what, f"is longer than {longest:,} characters")
        return whole_characters(value)

    def name(self, what: str) -> str | None:
        found = self.text(what, LONGEST_NAME) or self.columns.fixed.get(what)
        return " ".join(found.split())[:LONGEST_NAME] if found else None

    def number(self, what: str) -> float | None:
        value = self.value(what)
        if value is None:
            return None
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number) or number < 0:
            raise self.wrong(what, "must be a number, 0 or more")
        return number

    def amount(self, what: str) -> float | None:
        return self.number(what)

    def count(self, what: str, most: int = MOST_COUNT) -> int | None:
        number = self.number(what)
        if number is None:
            return None
        if number != int(number) or number > most:
            raise self.wrong(what, f"must be a whole number from 0 to {most}")
        return int(number)

    def told_by(self, axis: str) -> str:
        if axis in self.columns.of:
            return "budget"
        return "one for all" if axis in self.columns.fixed else "use"

    def axis(self, axis: str) -> tuple[int, int]:
        """What was allowed and what was used of it."""
        used = self.count(f"{axis}_used")
        match self.told_by(axis):
            case "budget":
                allowed = self.count(axis)
            case "one for all":
                allowed = int(self.columns.fixed[axis])
            case _:
                allowed = None if used is None else level(used, axis)
        if allowed is None:
            what = axis if axis in self.columns.of else f"{axis}_used"
            raise self.wrong(what, "must be a whole number, and is not there")
        return allowed, allowed if used is None else used

    def question(self) -> Question:
        text, id = self.text("question"), self.text("question_id", LONGEST_NAME)
        if text is None and id is None:
            raise self.wrong(
                "question" if "question" in self.columns.of else "question_id",
                "must tell the question",
            )
        return Question(
            id=id or "q" + content_hash(text, 12),
            text=text or str(id),
            answers=self.gold(),
            hops=self.count("hops", 1000),
            operations=self.count("operations", 1000),
        )

    def gold(self) -> tuple[str, ...]:
        """A list, a JSON list in a text, or a text with | between: "Rome | Roma" -> ("Rome", "Roma")"""
        value = self.value("gold")
        if isinstance(value, str) and value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise self.wrong("gold", "begins like a JSON list and is none") from None
        if isinstance(value, list):
            if not all(isinstance(v, str) for v in value):
                raise self.wrong("gold", "must be a list of texts")
            return tuple(whole_characters(v) for v in value if v.strip())
        text = self.text("gold")
        return tuple(v.strip() for v in text.split("|") if v.strip()) if text else ()

    def quality(self) -> float | None:
        """From 0 to 1."""
        value = self.value("quality")
        if value is None:
            return None
        low, high = self.columns.low, self.columns.high
        try:
            found = as_score(value)
        except ValueError:
            raise self.wrong("quality", "must be a number, or true or false") from None
        if isinstance(found, bool):
            return float(found)
        if found is None or not low <= found <= high:
            raise self.wrong("quality", f"must lie from {low:g} to {high:g}")
        return (found - low) / (high - low)

    def trace(self, answer: str, budget: Budget, search_used: int, think_used: int) -> Trace:
        thinking = self.count("think_used") or 0
        completion = self.count("completion_tokens")
        if completion is not None and completion < thinking:
            raise self.wrong("completion_tokens", "is less than the thinking tokens")
        rest = 0 if completion is None else completion - thinking
        given, milliseconds = self.number("seconds"), self.number("milliseconds")
        seconds = given if given is not None else (milliseconds or 0.0) / 1000
        ending = Stopped((1,), by="answer", detail=DETAIL)
        return Trace(
            steps=(
                Answer((0,), rest, self.count("input_tokens") or 0, seconds, text=answer),
                ending,
            ),
            answer=answer,
            stopped_by="answer",
            cut_off=False,
            search=Spent(search_used, budget.search),
            think=Spent(think_used, budget.think),
            thinking_tokens=thinking,
            query_tokens=0,
            answer_tokens=rest,
            usage=Usage(
                self.count("input_tokens") or 0, 0, thinking + rest, thinking, search_used, 1
            ),
            seconds=seconds,
            rounds=search_used,
        )


def level(used: int, axis: str) -> int:
    """What was used as a level of a surface: rounded up to a power of two, few searches as they are.

    (5, "search") -> 5, (11, "search") -> 16, (873, "think") -> 1024, (3, "think") -> 16, (0, "think") -> 0
    """
    if used == 0 or (axis == "search" and used <= EXACT):
        return used
    return min(MOST_COUNT, max(LEAST_LEVEL, 1 << (used - 1).bit_length()))
