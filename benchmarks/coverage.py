"""Do the intervals hold the truth, are exponents found again, and is the verdict right as often as it says?

Data are simulated from known curves, clustered by question: a question's hardness moves all its cells together, and its
seeds once more. Misspecified sets have a kinked curve that is of no family, skewed hardness and scores between 0 and 1.
Promised: 95 % intervals hold the truth 93 to 97 times in 100, exponents come back, axes that scale alike are called
different at most 5 times in 100, and a difference of the size that a verdict says it can find is found at least 80.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from engine.analysis.allocation import next_unit
from engine.analysis.choice import choose
from engine.analysis.curves import Points, profile, whitening
from engine.analysis.estimate import Estimate
from engine.analysis.families import FAMILIES, solve
from engine.analysis.joint import interaction
from engine.analysis.paired import Cell, Table, judged
from engine.analysis.panel import SPENT, Floats, Group, Panel
from engine.analysis.verdict import Verdict, verdict

SEARCH, THINK = (0, 1, 2, 4, 8, 16, 32), (0, 32, 64, 128, 256, 512, 1024)
TOKENS_A_SEARCH, TOKENS_A_THOUGHT = 150.0, 3.0
Curve = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class World:
    """How scores come about."""

    search: Curve
    """Quality gained by added tokens."""
    think: Curve
    base: float = 0.1
    questions: int = 300
    seeds: int = 1
    skewed: bool = False
    graded: bool = False
    """Half of each score is right or wrong, half the cell's truth: a score between 0 and 1 with the same mean."""

    def quality(self) -> Floats:
        s, t = TOKENS_A_SEARCH * np.array(SEARCH), TOKENS_A_THOUGHT * np.array(THINK)
        return np.asarray(self.base + self.search(s)[:, None] + self.think(t)[None, :])

    def tokens(self) -> Floats:
        s, t = TOKENS_A_SEARCH * np.array(SEARCH), TOKENS_A_THOUGHT * np.array(THINK)
        return np.asarray(100.0 + s[:, None] + t[None, :])


def power(height: float, p: float, half: float = 300.0) -> Curve:
    """A power law that starts at 0 and rises to its height."""
    return lambda x: height * (1 - (1 + x / half) ** -p)


def kinked(height: float) -> Curve:
    """Straight in the logarithm and then flat: of no family."""
    return lambda x: height * np.minimum(1.0, np.log1p(x / 100.0) / np.log1p(12.0))


def simulated(world: World, rng: np.random.Generator) -> Panel:
    """One set of questions in every cell, with exactly the world's mean quality."""
    truth, q = world.quality(), world.questions
    shape = (q, *truth.shape)
    hard = rng.normal(size=q)
    if world.skewed:
        sample = np.sort(rng.exponential(size=20_000))
        hard = ndtri((np.searchsorted(sample, rng.exponential(size=q)) + 0.5) / (len(sample) + 1))
    cells, y = rng.normal(size=shape), np.zeros(shape)
    for _ in range(world.seeds):
        noise = 0.7 * hard[:, None, None] + 0.5 * cells + rng.normal(size=shape) * np.sqrt(0.26)
        right = (noise < ndtri(truth)).astype(np.float64)
        y += 0.5 * right + 0.5 * truth if world.graded else right
    spent = {name: np.broadcast_to(world.tokens(), shape) for name in SPENT}
    return Panel(
        Group("simulated", "model"),
        tuple(map(str, range(q))),
        tuple({"hops": i % 2} for i in range(q)),
        SEARCH,
        THINK,
        np.full(shape, float(world.seeds)),
        y / world.seeds,
        spent,
    )


ALIKE = {
    "power laws": World(power(0.4, 0.8), power(0.4, 0.8)),
    "kinked, skewed": World(kinked(0.3), kinked(0.3), skewed=True),
    "graded, three seeds": World(power(0.4, 0.8), power(0.4, 0.8), seeds=3, graded=True),
    "nothing scales": World(power(0.0, 1.0), power(0.0, 1.0), base=0.4),
}


def intervals(world: World, count: int, seed: int) -> dict[str, float]:
    """The share of intervals that hold the truth, for every kind of interval."""
    rng, truth = np.random.default_rng(seed), world.quality()
    steps = truth[4, 3] - truth[3, 3], truth[3, 4] - truth[3, 3]
    added = 4 * TOKENS_A_SEARCH, 128 * TOKENS_A_THOUGHT
    wanted = {
        "difference of two cells": truth[5, 3] - truth[2, 3],
        "2 x 2 contrast": 0.0,
        "gain per token": steps[0] / added[0],
        "gains per token apart": steps[0] / added[0] - steps[1] / added[1],
    }
    held = dict.fromkeys(wanted, 0)
    for _ in range(count):
        panel = simulated(world, rng)
        pair, both = judged(panel.y[:, 5, 3], panel.y[:, 2, 3]), interaction(panel, (1, 5), (1, 5))
        further = next_unit(panel, SEARCH[3], THINK[3], "tokens")
        found = (
            getattr(pair, "difference", None),
            getattr(both, "extra", None),
            further.gains[0].per_unit,  # type: ignore[union-attr]
            further.apart,  # type: ignore[union-attr]
        )
        for (name, value), one in zip(wanted.items(), found, strict=True):
            held[name] += isinstance(one, Estimate) and one.low <= value <= one.high
    return {name: n / count for name, n in held.items()}


@dataclass(frozen=True, slots=True)
class Recovered:
    """How well the exponent of a power law comes back."""

    truth: float
    median: float
    held: float


def exponents(p: float, count: int, seed: int, questions: int = 600) -> Recovered:
    """Fit y = c - a x^-p to data made so."""
    rng, x = np.random.default_rng(seed), np.array(SEARCH[1:] + (64,), dtype=np.float64)
    family, truth = FAMILIES["power"], 0.75 - 0.5 * x**-p
    found, held = [], 0
    for _ in range(count):
        noise = 0.7 * rng.normal(size=(questions, 1)) + np.sqrt(0.51) * rng.normal(
            size=(questions, len(x))
        )
        y = (noise < ndtri(truth)).astype(np.float64)
        root = whitening(y)
        one = solve(family, x, y.mean(axis=0)[None], root)
        got = profile(family, Points(x, y), one, root)
        found.append(float(one.shape[0, 0]))
        held += isinstance(got, Estimate) and got.low <= p <= got.high
    return Recovered(p, float(np.median(found)), held / count)


def verdicts(world: World, count: int, seed: int) -> Iterator[Verdict]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield verdict(simulated(world, rng))


def wrong(world: World, count: int, seed: int) -> float:
    """How often axes that scale alike are called different."""
    return sum(v.mixture.word == "differs" for v in verdicts(world, count, seed)) / count


def right(count: int, seed: int, questions: int = 300) -> tuple[float, float]:
    """The difference that verdicts say they can find, and how often one of that size is found with its sign.

    Thinking rises in a straight line of the logarithm, searching steeper by that difference.
    """

    def world(more: float) -> World:
        steep = 0.04
        return World(
            lambda x: (steep + more) * np.log2(1 + x / 150),
            lambda x: steep * np.log2(1 + x / 150),
            questions=questions,
        )

    pilot = [v.mixture.compared[0] for v in verdicts(world(0.02), min(count, 50), seed + 1)]
    stated = float(np.mean([c.detectable for c in pilot]))
    share = 0.02
    for _ in range(3):
        slope = np.mean([_true_slope(world(share))])
        share *= stated / float(slope)
    made = world(share)
    found = [v.mixture.compared[0] for v in verdicts(made, count, seed)]
    return stated, sum(c.certain and c.difference.value > 0 for c in found) / count


def _true_slope(world: World) -> float:
    """The difference per doubling that the verdict's own reading of the true means gives."""
    truth = np.repeat(world.quality()[None], 40, axis=0)
    spent = {name: np.broadcast_to(world.tokens(), truth.shape) for name in SPENT}
    names = tuple(map(str, range(40)))
    plain = Panel(
        Group("s", "m"),
        names,
        tuple({} for _ in names),
        SEARCH,
        THINK,
        np.ones_like(truth),
        truth,
        spent,
    )
    return verdict(plain).mixture.compared[0].difference.value


def curse(count: int, seed: int) -> float:
    """How often the rule's interval holds the true difference, 0, when forty cells are equally good."""
    rng = np.random.default_rng(seed)
    cells = tuple(Cell(Group("s", "m"), i, 0) for i in range(40))
    held = 0
    for _ in range(count):
        hard = rng.beta(1.5, 1.5, size=(200, 1))
        y = (rng.random((200, 40)) < hard).astype(np.float64)
        found = choose(Table(cells, y, np.arange(1.0, 41.0), "tokens", 0))
        held += found.difference.low <= 0 <= found.difference.high  # type: ignore[union-attr]
    return held / count


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="fail where the promise does")
    parser.add_argument("--count", type=int, default=1000, help="simulations of each kind")
    given = parser.parse_args(arguments)
    failed = False
    slack = 3 * (0.05 * 0.95 / given.count) ** 0.5 if given.count < 1000 else 0.0
    for name, world in ALIKE.items():
        for kind, held in intervals(world, given.count, 1).items():
            print(f"{name}: {kind}: {held:.1%} of 95 % intervals hold the truth")
            failed |= not 0.93 - slack <= held <= 0.97 + slack
        share = wrong(world, given.count, 2)
        print(f"{name}: axes that scale alike are called different in {share:.1%}")
        failed |= share > 0.05 + slack
    for p in (0.4, 0.8, 1.5):
        back = exponents(p, given.count, 3)
        print(f"exponent {p}: median {back.median:.3f}, {back.held:.1%} of intervals hold it")
        failed |= abs(back.median / p - 1) > 0.1 or not 0.93 - slack <= back.held <= 0.97 + slack
    stated, found = right(given.count, 4)
    print(
        f"a difference of {100 * stated:.1f} points per doubling, as stated, is found in {found:.1%}"
    )
    failed |= found < 0.8 - slack
    held = curse(given.count, 5)
    print(f"forty equal cells: {held:.1%} of intervals of the recommendation hold 0")
    failed |= held < 0.93 - slack
    print(f"ratio found / promised: {found / 0.8:.3f}")
    return int(given.check and failed)


if __name__ == "__main__":
    sys.exit(main())
