"""What is done with looked-up numbers: how it is asked, and how it is worked out line by line.

An operation knows neither passages nor names; operands are labels with values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


class Worked(NamedTuple):
    """A result and the lines that lead to it."""

    answer: int | str
    """The position of an operand, where `Operation.picks`; else the answer itself."""
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One way to reason over one to three numbers."""

    name: str
    kind: str
    """The tag: comparison, difference, count, ordering or yes-no."""
    steps: int
    operands: int
    closed: bool
    """The form of the question leaves only a few possible answers."""
    picks: bool
    """The answer is one of the operands."""
    parameter: str
    """How the number {n} is drawn: none, near (a value), gap (near a difference) or shift."""
    years: tuple[str, ...]
    unseen_years: tuple[str, ...]
    counts: tuple[str, ...]
    unseen_counts: tuple[str, ...]
    work: Callable[[tuple[int, ...], int], Worked]


def _gap(a: int, b: int) -> tuple[int, str]:
    high, low = max(a, b), min(a, b)
    return high - low, f"{high} - {low} = {high - low}"


def _sign(a: int, b: int) -> str:
    return f"{a} {'<' if a < b else '>'} {b}"


def _verdict(true: bool) -> str:
    return "yes" if true else "no"


def _extreme(best: Callable[..., int]) -> Callable[[tuple[int, ...], int], Worked]:
    """The operand with the lowest or highest value, found pair by pair."""

    def work(v: tuple[int, ...], _: int) -> Worked:
        lines, held = [], v[0]
        for value in v[1:]:
            lines.append(f"{_sign(held, value)}, keep {best(held, value)}.")
            held = best(held, value)
        lines[-1] = lines[-1].split(",")[0] + f", so {held} is the {best.__name__}imum: {{answer}}."
        return Worked(v.index(held), tuple(lines))

    return work


def _difference(v: tuple[int, ...], n: int) -> Worked:
    gap, line = _gap(v[0], v[1] if len(v) > 1 else n)
    return Worked(str(gap), (f"{line}, so the answer is {gap}.",))


def _below(v: tuple[int, ...], n: int) -> Worked:
    other = v[1] if len(v) > 1 else n
    answer = _verdict(v[0] < other)
    return Worked(answer, (f"{_sign(v[0], other)}, so the answer is {answer}.",))


def _above(v: tuple[int, ...], n: int) -> Worked:
    other = v[1] if len(v) > 1 else n
    answer = _verdict(v[0] > other)
    return Worked(answer, (f"{_sign(v[0], other)}, so the answer is {answer}.",))


def _gap_over(v: tuple[int, ...], n: int) -> Worked:
    gap, line = _gap(v[0], v[1])
    answer = _verdict(gap > n)
    return Worked(answer, (f"{line}.", f"{_sign(gap, n)}, so the answer is {answer}."))


def _count_above(v: tuple[int, ...], n: int) -> Worked:
    lines = [f"{_sign(value, n)}: {_verdict(value > n)}." for value in v]
    count = sum(value > n for value in v)
    lines[-1] = lines[-1][:-1] + f", so the answer is {count}."
    return Worked(str(count), tuple(lines))


def _shifted(v: tuple[int, ...], n: int) -> Worked:
    moved = v[0] + n
    gap, line = _gap(moved, v[1])
    return Worked(str(gap), (f"{v[0]} + {n} = {moved}.", f"{line}, so the answer is {gap}."))


def _from_later(v: tuple[int, ...], _: int) -> Worked:
    later = max(v[0], v[1])
    gap, line = _gap(later, v[2])
    return Worked(
        str(gap), (f"{_sign(v[0], v[1])}, keep {later}.", f"{line}, so the answer is {gap}.")
    )


def _middle(v: tuple[int, ...], _: int) -> Worked:
    low, mid, high = sorted(v)
    lines = (
        f"{_sign(v[0], v[1])}.",
        f"{_sign(v[1], v[2])}.",
        f"The order is {low}, {mid}, {high}: {{answer}}.",
    )
    return Worked(v.index(mid), lines)


def _span(v: tuple[int, ...], _: int) -> Worked:
    gap, line = _gap(max(v), min(v))
    lines = (
        f"{min(v)} is the lowest.",
        f"{max(v)} is the highest.",
        f"{line}, so the answer is {gap}.",
    )
    return Worked(str(gap), lines)


def _wider(v: tuple[int, ...], _: int) -> Worked:
    (one, first), (two, second) = _gap(v[0], v[1]), _gap(v[1], v[2])
    answer = _verdict(one > two)
    sign = f"{one} = {two}" if one == two else _sign(one, two)
    return Worked(answer, (f"{first}.", f"{second}.", f"{sign}, so the answer is {answer}."))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "lowest",
        "comparison",
        1,
        2,
        True,
        True,
        "none",
        ("Which came first: {a} or {b}?", "Which was earlier: {a} or {b}?"),
        ("Of {a} and {b}, which has the smaller date?",),
        ("Which {verbs} fewer {unit}: {a} or {b}?", "Of {a} and {b}, which {verbs} fewer {unit}?"),
        ("Between {a} and {b}, which one {verbs} the smaller number of {unit}?",),
        _extreme(min),
    ),
    Operation(
        "highest",
        "comparison",
        1,
        2,
        True,
        True,
        "none",
        ("Which came last: {a} or {b}?", "Which was later: {a} or {b}?"),
        ("Of {a} and {b}, which has the larger date?",),
        ("Which {verbs} more {unit}: {a} or {b}?", "Of {a} and {b}, which {verbs} more {unit}?"),
        ("Between {a} and {b}, which one {verbs} the larger number of {unit}?",),
        _extreme(max),
    ),
    Operation(
        "difference",
        "difference",
        1,
        2,
        False,
        False,
        "none",
        ("How many years lie between {a} and {b}?", "How many years apart are {a} and {b}?"),
        ("How long a stretch, in years, separates {a} from {b}?",),
        (
            "By how many {unit} do {a} and {b} differ?",
            "What is the difference in {unit} between {a} and {b}?",
        ),
        ("How many {unit} separate {a} from {b}?",),
        _difference,
    ),
    Operation(
        "difference",
        "difference",
        1,
        1,
        False,
        False,
        "near",
        (
            "How many years lie between {a} and the year {n}?",
            "How many years apart are {a} and the year {n}?",
        ),
        ("How long a stretch, in years, separates {a} from the year {n}?",),
        (
            "How far from {n} is the number of {unit} that {a} {verbs}?",
            "By how much does {n} differ from the number of {unit} that {a} {verbs}?",
        ),
        ("What separates {n} from the number of {unit} that {a} {verbs}?",),
        _difference,
    ),
    Operation(
        "below",
        "yes-no",
        1,
        2,
        True,
        False,
        "none",
        ("Did {a} come before {b}?", "Was {a} earlier than {b}?"),
        ("Is the date of {a} smaller than that of {b}?",),
        ("Does {a} {verb} fewer {unit} than {b}?",),
        ("Is {a} behind {b} in the number of {unit}?",),
        _below,
    ),
    Operation(
        "above",
        "yes-no",
        1,
        1,
        True,
        False,
        "near",
        ("Did {a} come after the year {n}?", "Was {a} later than {n}?"),
        ("Is the date of {a} larger than {n}?",),
        ("Does {a} {verb} more than {n} {unit}?",),
        ("Do the {unit} of {a} exceed {n}?",),
        _above,
    ),
    Operation(
        "lowest",
        "ordering",
        2,
        3,
        True,
        True,
        "none",
        ("Which of these came first: {a}, {b} or {c}?", "Which was the earliest: {a}, {b} or {c}?"),
        ("Of {a}, {b} and {c}, which has the smallest date?",),
        ("Which {verbs} the fewest {unit}: {a}, {b} or {c}?",),
        ("Of {a}, {b} and {c}, which comes last by {unit}?",),
        _extreme(min),
    ),
    Operation(
        "highest",
        "ordering",
        2,
        3,
        True,
        True,
        "none",
        ("Which of these came last: {a}, {b} or {c}?", "Which was the latest: {a}, {b} or {c}?"),
        ("Of {a}, {b} and {c}, which has the largest date?",),
        ("Which {verbs} the most {unit}: {a}, {b} or {c}?",),
        ("Of {a}, {b} and {c}, which comes top by {unit}?",),
        _extreme(max),
    ),
    Operation(
        "gap-over",
        "yes-no",
        2,
        2,
        True,
        False,
        "gap",
        (
            "Do more than {n} years lie between {a} and {b}?",
            "Are {a} and {b} more than {n} years apart?",
        ),
        ("Does a stretch of over {n} years separate {a} from {b}?",),
        ("Do {a} and {b} differ by more than {n} {unit}?",),
        ("Is the distance between {a} and {b} over {n} {unit}?",),
        _gap_over,
    ),
    Operation(
        "count-above",
        "count",
        2,
        2,
        True,
        False,
        "near",
        ("How many of these came after the year {n}: {a} and {b}?",),
        ("Counting {a} and {b}, how many have a date above {n}?",),
        ("How many of these {verb} more than {n} {unit}: {a} and {b}?",),
        ("Counting {a} and {b}, how many exceed {n} {unit}?",),
        _count_above,
    ),
    Operation(
        "shifted",
        "difference",
        2,
        2,
        False,
        False,
        "shift",
        (
            "How many years lie between {b} and the day {n} years after {a}?",
            "A feast was held {n} years after {a}. How many years apart are that feast and {b}?",
        ),
        ("Move {n} years on from {a}: how long a stretch, in years, separates that from {b}?",),
        ("If {a} gained {n} {unit}, by how many {unit} would {a} and {b} differ?",),
        ("Add {n} {unit} to {a}: how many {unit} then separate it from {b}?",),
        _shifted,
    ),
    Operation(
        "from-later",
        "difference",
        2,
        3,
        False,
        False,
        "none",
        ("How many years lie between {c} and the later of these two: {a} and {b}?",),
        ("How long a stretch, in years, separates {c} from the later date of {a} and {b}?",),
        ("By how many {unit} does {c} differ from the larger of these two: {a} and {b}?",),
        ("How many {unit} separate {c} from the larger of {a} and {b}?",),
        _from_later,
    ),
    Operation(
        "middle",
        "ordering",
        3,
        3,
        True,
        True,
        "none",
        (
            "Which of these came second: {a}, {b} or {c}?",
            "In order of time, which is in the middle: {a}, {b} or {c}?",
        ),
        ("Of {a}, {b} and {c}, which has neither the smallest nor the largest date?",),
        ("Which is second in number of {unit}: {a}, {b} or {c}?",),
        ("Of {a}, {b} and {c}, which {verbs} neither the most nor the fewest {unit}?",),
        _middle,
    ),
    Operation(
        "count-above",
        "count",
        3,
        3,
        True,
        False,
        "near",
        ("How many of these three came after the year {n}: {a}, {b} and {c}?",),
        ("Counting {a}, {b} and {c}, how many have a date above {n}?",),
        ("How many of these {verb} more than {n} {unit}: {a}, {b} and {c}?",),
        ("Counting {a}, {b} and {c}, how many exceed {n} {unit}?",),
        _count_above,
    ),
    Operation(
        "span",
        "difference",
        3,
        3,
        False,
        False,
        "none",
        ("How many years lie between the first and the last of these: {a}, {b} and {c}?",),
        ("How long a stretch, in years, do {a}, {b} and {c} cover from first to last?",),
        ("How many {unit} lie between the most and the fewest among {a}, {b} and {c}?",),
        ("From the smallest to the largest of {a}, {b} and {c}, how many {unit} is it?",),
        _span,
    ),
    Operation(
        "wider",
        "yes-no",
        3,
        3,
        True,
        False,
        "none",
        ("Is the time between {a} and {b} longer than the time between {b} and {c}?",),
        ("Does {a} stand farther from {b} in years than {b} from {c}?",),
        ("Do {a} and {b} differ by more {unit} than {b} and {c}?",),
        ("In {unit}, is {a} farther from {b} than {b} from {c}?",),
        _wider,
    ),
)
