"""A million runs on a hundred workers on virtual time: the makespan against the ideal, and that nothing is lost.

python benchmarks/scale_out.py [--check]

The code that assigns is the code that a Ray sweep uses (engine/sweeps/assignment.py); only clock, workers and deaths
are made up, from a seed. A job is one trajectory of 12 cells, whose time has a long tail that ends where budgets end
it. One worker in twenty is four times slower, and every worker dies about every two hours: what it had under way is
done again by others, but for what it had just written down, and a new worker takes its place after two minutes.

The ideal is all work divided among all places, with nothing lost and no end to wait for. Jobs are not moved once they
run, so the end waits for the last long job on the slowest worker: that is the most that pulling can lose without
deaths. A death near the end may take as long again.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.sweeps.assignment import Assignment

CELLS = 12
RUNS = 1_000_000
WORKERS, PLACES = 100, 4
MEAN_S, SPREAD, LONGEST = 20.0, 0.6, 8.0
"""Of a job on a usual worker: about the mean, sigma of the log-normal, and its end in means."""
SLOW, SLOWER = 0.05, 4.0
LIFE_S, REPLACED_S = 7_200.0, 120.0
JUST_WRITTEN = 0.02
"""Of the jobs under way at a death: recorded, and not reported."""
MOST, MOST_ALIKE = 1.25, 1.03
"""So many times the ideal the makespan may take, with stragglers and deaths, and with workers that are all alike."""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    seconds: float


@dataclass
class World:
    """A crew on virtual time."""

    dice: random.Random
    mortal: bool
    todo: Assignment[Job]
    now: float = 0.0
    events: list[tuple[float, int, str, str, str]] = field(default_factory=list)
    """When, a number, what, of which worker, which job."""
    numbers: count[int] = field(default_factory=count)
    slowness: dict[str, float] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)
    """How often each job was recorded."""
    given_up: int = 0
    deaths: int = 0
    wasted_s: float = 0.0
    begun: dict[tuple[str, str], float] = field(default_factory=dict)

    def at(self, when: float, what: str, worker: str, job: str = "") -> None:
        heapq.heappush(self.events, (when, next(self.numbers), what, worker, job))

    def join(self, worker: str, slowness: float) -> None:
        self.slowness[worker] = slowness
        if self.mortal:
            self.at(self.now + self.dice.expovariate(1 / LIFE_S), "dies", worker)
        self.pull(worker)

    def pull(self, worker: str) -> None:
        while self.todo.under_way(worker) < PLACES and (job := self.todo.next(worker)):
            self.begun[worker, job.id] = self.now
            self.at(self.now + job.seconds * self.slowness[worker], "ends", worker, job.id)

    def step(self) -> None:
        self.now, _, what, worker, job = heapq.heappop(self.events)
        if worker not in self.slowness:
            return
        if what == "joins":
            self.join(worker, self.slowness[worker])
        elif what == "ends":
            if self.todo.done(worker, job):
                self.times[job] += 1
                del self.begun[worker, job]
            self.pull(worker)
        else:
            self.die(worker)

    def die(self, worker: str) -> None:
        self.deaths += 1
        mine = [job for name, job in self.begun if name == worker]
        written = {job for job in mine if self.dice.random() < JUST_WRITTEN}
        self.times.update(written)
        for job in mine:
            self.wasted_s += 0 if job in written else self.now - self.begun[worker, job]
            del self.begun[worker, job]
        self.given_up += len(self.todo.gone(worker, written))
        slowness = self.slowness.pop(worker)
        heir = f"{worker.split('.')[0]}.{self.deaths}"
        self.slowness[heir] = slowness
        self.at(self.now + REPLACED_S, "joins", heir)
        for other in [w for w in self.slowness if self.todo.waiting and w != heir]:
            if self.todo.under_way(other) < PLACES:
                self.pull(other)


def jobs(dice: random.Random) -> list[Job]:
    about = -(SPREAD**2) / 2
    draws = (dice.lognormvariate(about, SPREAD) for _ in range(-(-RUNS // CELLS)))
    seconds = (MEAN_S * min(draw, LONGEST) for draw in draws)
    return [Job(f"t{n}", s) for n, s in enumerate(seconds)]


def simulated(seed: int, mortal: bool, slow: bool) -> dict[str, float]:
    """One sweep from its first job to its last."""
    dice = random.Random(seed)
    every = jobs(dice)
    world = World(dice, mortal, Assignment(every))
    speeds = [1 / SLOWER if slow and n < SLOW * WORKERS else 1.0 for n in range(WORKERS)]
    for n, speed in enumerate(speeds):
        world.join(f"w{n}", 1 / speed)
    while not world.todo.over:
        world.step()
    ideal = sum(job.seconds for job in every) / (PLACES * sum(speeds))
    return {
        "hours": world.now / 3600,
        "ideal": ideal / 3600,
        "ratio": world.now / ideal,
        "bound": 1 + max(job.seconds for job in every) / min(speeds) / ideal,
        "deaths": world.deaths,
        "wasted": world.wasted_s / sum(job.seconds for job in every),
        "lost": sum(not world.times[job.id] for job in every) - world.given_up,
        "twice": sum(n > 1 for n in world.times.values()),
        "given up": world.given_up,
        "runs": CELLS * len(world.times),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    good = True
    print(f"{RUNS:,} runs, {WORKERS} workers of {PLACES} places; makespan against the ideal")
    for words, mortal, slow in (
        ("all alike", False, False),
        ("stragglers", False, True),
        ("stragglers and deaths", True, True),
    ):
        for seed in (0, 1, 2) if mortal else (0,):
            began = time.perf_counter()
            got = simulated(seed, mortal, slow)
            took = time.perf_counter() - began
            print(
                f"{words:<22} {got['hours']:.2f} h of {got['ideal']:.2f} h ideal, ratio {got['ratio']:.3f} "
                f"(pulling alone at most {got['bound']:.3f}); "
                f"{got['deaths']:.0f} deaths, {got['wasted']:.2%} of the work again; runs {got['runs']:,.0f}, lost "
                f"{got['lost']:.0f}, twice {got['twice']:.0f}, given up {got['given up']:.0f} ({took:.1f} s)"
            )
            good &= got["ratio"] <= (MOST if slow else MOST_ALIKE)
            good &= mortal or got["ratio"] <= got["bound"]
            good &= not (got["lost"] or got["twice"] or got["given up"])
            good &= got["runs"] >= RUNS
    if check and not good:
        sys.exit(
            f"missed: a ratio over {MOST_ALIKE} or {MOST}, or runs that are lost, twice or given up"
        )


if __name__ == "__main__":
    main()
