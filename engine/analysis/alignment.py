"""Steps of several runs in rows: what is alike stands side by side, and so does what takes the same place.

Alike steps are found from both ends and then around those that occur once in either run (patience), so that runs of ten
thousand steps align at once; what lies between is paired by kind: a search stands beside a search.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from engine.types import Answer, Reading, Search, Step, Stopped, Thought

MOST_WEIGHED = 40_000
"""Largest stretch (steps of one run times steps of the other) that is paired by kind in the best way; longer ones
are paired as they come."""
Sign = tuple[Hashable, ...]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """Steps that stand side by side: one place a lane, None where a lane has none."""

    steps: tuple[int | None, ...]
    equal: bool = False
    """Every lane has a step here and they are alike."""
    at: float | None = None
    """Where on the axis the row begins; None when rows are aligned by step."""


def sign(step: Step) -> Sign:
    """What makes two steps alike: what was said, sent or shown, and how it ended; never what it took."""
    match step:
        case Thought():
            return ("thought", step.text, step.cut, step.refused)
        case Search():
            return ("search", step.query, step.refused)
        case Reading():
            return ("reading", tuple(p.passage.id for p in step.passages))
        case Answer():
            return ("answer", step.text)
        case Stopped():
            return ("stopped", step.by, step.detail)


def by_step(lanes: Sequence[Sequence[Step]]) -> tuple[Row, ...]:
    """Rows in which every step of every lane occurs once, in its lane's order."""
    signs = [[sign(step) for step in lane] for lane in lanes]
    rows: list[list[int | None]] = [[] for _ in signs[0]] if signs else []
    faces = list(signs[0]) if signs else []
    for row, place in zip(rows, range(len(rows)), strict=True):
        row.append(place)
    for lane in range(1, len(signs)):
        rows, faces = _joined(rows, faces, signs[lane], lane)
    return tuple(Row(tuple(row), _alike(row, signs)) for row in rows)


def by_amount(starts: Sequence[Sequence[float]]) -> tuple[Row, ...]:
    """Rows by where steps begin on a common axis; steps that begin at the same place share a row."""
    waiting = [sorted(range(len(lane)), key=lane.__getitem__) for lane in starts]
    heads = [0] * len(starts)
    rows = []
    for _ in range(sum(map(len, starts))):
        first = [
            order[head] if head < len(order) else None
            for order, head in zip(waiting, heads, strict=True)
        ]
        places = [lane[i] if i is not None else None for lane, i in zip(starts, first, strict=True)]
        at = min((place for place in places if place is not None), default=None)
        if at is None:
            break
        steps = tuple(i if p == at else None for i, p in zip(first, places, strict=True))
        heads = [head + (i is not None) for head, i in zip(heads, steps, strict=True)]
        rows.append(Row(steps, at=at))
    return tuple(rows)


def in_common(lanes: Sequence[Sequence[Step]]) -> int:
    """How many steps all lanes share from their beginning."""
    shared = 0
    for steps in zip(*lanes, strict=False):
        if len({sign(step) for step in steps}) > 1:
            break
        shared += 1
    return shared


def stretches(rows: Sequence[Row]) -> tuple[Pair, ...]:
    """Runs of equal rows as (first, end)."""
    numbered = groupby(range(len(rows)), key=lambda i: rows[i].equal)
    held = [list(places) for equal, places in numbered if equal]
    return tuple((places[0], places[-1] + 1) for places in held)


def _alike(row: Sequence[int | None], signs: Sequence[Sequence[Sign]]) -> bool:
    held = {signs[lane][place] for lane, place in enumerate(row) if place is not None}
    return None not in row and len(held) == 1


def _joined(
    rows: list[list[int | None]], faces: list[Sign], signs: Sequence[Sign], lane: int
) -> tuple[list[list[int | None]], list[Sign]]:
    """The rows with one lane more; a row's face is the sign of its first step."""
    made: list[list[int | None]] = []
    shown: list[Sign] = []
    row = place = 0
    for i, j in [*pairs(faces, signs), (len(rows), len(signs))]:
        for k in range(row, i):
            made.append([*rows[k], None])
            shown.append(faces[k])
        for k in range(place, j):
            made.append([*[None] * lane, k])
            shown.append(signs[k])
        if i < len(rows):
            made.append([*rows[i], j])
            shown.append(faces[i])
        row, place = i + 1, j + 1
    return made, shown


def pairs(a: Sequence[Sign], b: Sequence[Sign]) -> list[Pair]:
    """Which of `a` stands beside which of `b`, rising in both."""
    alike = _alike_pairs(a, b)
    found = []
    for (i, j), (k, m) in pairwise([(-1, -1), *alike, (len(a), len(b))]):
        found += _by_kind(a, b, (i + 1, k), (j + 1, m))
        found.append((k, m))
    return found[:-1]


def _alike_pairs(a: Sequence[Sign], b: Sequence[Sign]) -> list[Pair]:
    head = _same(zip(a, b, strict=False))
    most = min(len(a), len(b)) - head
    tail = min(most, _same(zip(reversed(a), reversed(b), strict=False)))
    found = [(i, i) for i in range(head)]
    ends = (len(a) - tail, len(b) - tail)
    for i, j in [*_anchors(a, b, head, ends), ends]:
        k, m = (found[-1][0] + 1, found[-1][1] + 1) if found else (0, 0)
        while k < i and m < j and a[k] == b[m]:
            found.append((k, m))
            k, m = k + 1, m + 1
        back = 0
        while i - back > k and j - back > m and a[i - back - 1] == b[j - back - 1]:
            back += 1
        found += [(i - n, j - n) for n in range(back, 0, -1)]
        if (i, j) != ends:
            found.append((i, j))
    return found + [(len(a) - n, len(b) - n) for n in range(tail, 0, -1)]


def _same(both: Iterable[tuple[Sign, Sign]]) -> int:
    count = 0
    for one, other in both:
        if one != other:
            break
        count += 1
    return count


def _anchors(a: Sequence[Sign], b: Sequence[Sign], start: int, ends: Pair) -> list[Pair]:
    """The longest rising chain of steps that occur once in either stretch."""
    here, there = _once(a, start, ends[0]), _once(b, start, ends[1])
    shared = sorted((i, there[s]) for s, i in here.items() if s in there)
    tops: list[int] = []
    chains: list[tuple[Pair, int]] = []
    last: list[int] = []
    for i, j in shared:
        height = bisect_left(tops, j)
        chains.append(((i, j), last[height - 1] if height else -1))
        tops[height : height + 1] = [j]
        last[height : height + 1] = [len(chains) - 1]
    chain, at = [], last[-1] if last else -1
    while at >= 0:
        pair, at = chains[at]
        chain.append(pair)
    return chain[::-1]


def _once(signs: Sequence[Sign], start: int, end: int) -> dict[Sign, int]:
    counts = Counter(signs[start:end])
    return {signs[i]: i for i in range(start, end) if counts[signs[i]] == 1}


def _by_kind(a: Sequence[Sign], b: Sequence[Sign], left: Pair, right: Pair) -> list[Pair]:
    kinds = [s[0] for s in a[slice(*left)]], [s[0] for s in b[slice(*right)]]
    weighed = len(kinds[0]) * len(kinds[1]) <= MOST_WEIGHED
    pairing: Callable[..., list[Pair]] = _weighed if weighed else _as_they_come
    return [(left[0] + i, right[0] + j) for i, j in pairing(*kinds)]


def _weighed(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[Pair]:
    """A longest common subsequence, its pairs as early as can be."""
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            beside = best[i + 1][j + 1] + 1 if a[i] == b[j] else 0
            best[i][j] = max(beside, best[i + 1][j], best[i][j + 1])
    found, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        if a[i] == b[j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


def _as_they_come(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[Pair]:
    """Each of `b` with the next of its kind in `a`; one without is passed over."""
    places: dict[Hashable, list[int]] = {}
    for i, kind in enumerate(a):
        places.setdefault(kind, []).append(i)
    found, at = [], 0
    for j, kind in enumerate(b):
        held = places.get(kind, [])
        next_ = bisect_left(held, at)
        if next_ < len(held):
            found.append((held[next_], j))
            at = held[next_] + 1
    return found
