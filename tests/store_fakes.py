"""Trajectories made by hand, quickly: every cell of a question with a few steps, scores that a test chooses."""

from engine.identity import run_id, trajectory_id
from engine.run.memo import Found, Recorded
from engine.run.ports import Call, Query
from engine.run.requests import Reply
from engine.sweeps.record import to_body
from engine.sweeps.trajectory import Failure, Trajectory
from engine.types import (
    Answer,
    Budget,
    Message,
    Passage,
    Question,
    Ranked,
    Reading,
    Run,
    RunConfig,
    Scores,
    Search,
    Spent,
    Stopped,
    Thought,
    Trace,
    Usage,
)
from store.journal import Journal

CELLS = tuple(Budget(s, t) for s in (0, 1, 2) for t in (0, 32))


def question(n, tag="trained-phrasing"):
    return Question(
        f"q{n}",
        f"Where was ship number {n} built?",
        ("Pirnby",),
        (f"p{n}",),
        hops=n % 3,
        operations=n % 2,
        tags=(tag,),
    )


def trace(budget, answer="Pirnby", text="I need the yard."):
    seen = (Ranked(Passage("p1", "The yard", "Ships were built in Pirnby."), 1, 0.9),)
    searches = [(Search((n,), 5, 9, 0.1, f"yard {n}", 3)) for n in range(budget.search)]
    readings = [
        Reading((n, 1), seconds=0.01, query=s.query, passages=seen) for n, s in enumerate(searches)
    ]
    steps = [Thought((90,), min(8, budget.think), 9, 0.2, text), Answer((91,), 2, 9, 0.1, answer)]
    thinking, query = min(8, budget.think), 5 * budget.search
    return Trace(
        steps=(*searches, *readings, *steps, Stopped((99,))),
        answer=answer,
        stopped_by="answer",
        cut_off=budget.think == 0,
        search=Spent(budget.search, budget.search),
        think=Spent(thinking, budget.think),
        thinking_tokens=thinking,
        query_tokens=query,
        answer_tokens=2,
        usage=Usage(100, 0, thinking + query + 2, 0, budget.search, 3),
        seconds=1.5,
        rounds=budget.search,
    )


def trajectory(
    n=0,
    sweep="grid",
    strategy="corag",
    *,
    seed=0,
    cells=CELLS,
    score=None,
    text="I need the yard.",
    cost=0.5,
    knobs=None,
    tag="trained-phrasing",
    failed=(),
):
    """One question under one configuration; `score(n, budget, seed)` is its EM, None where it has none."""
    asked = question(n, tag)
    config = RunConfig(
        strategy, "toy", "sample", max(cells), knobs or {"top_k": 3}, seed=seed, fingerprint="f1"
    )
    identity = trajectory_id(
        question=asked.id,
        index_recipe="",
        strategy=strategy,
        knobs=config.knobs,
        prompt_hash="",
        fingerprint="f1",
        decoding=config.decoding,
        seed=seed,
        scope=sweep,
    )

    def run(budget):
        em = (
            float((n + budget.search + budget.think) % 2)
            if score is None
            else score(n, budget, seed)
        )
        return Run(
            run_id(identity, budget),
            identity,
            asked,
            RunConfig(**{**{k: getattr(config, k) for k in RunConfig.__slots__}, "budget": budget}),
            trace(budget, "Pirnby" if em else "Oslo", text),
            Scores(em=em, f1=em, contains=em),
            cost,
        )

    call = Call((Message("user", asked.text),), 32)
    return Trajectory(
        identity,
        sweep,
        asked,
        config,
        tuple(run(b) for b in cells if b not in failed),
        tuple(Failure(b, "the endpoint did not answer") for b in failed),
        (Recorded(call, Reply(text, (text,), tokens=1, usage=Usage(9, 0, 1, 0, 0, 1))),),
        (
            Found(
                Query("yard 0", 3),
                (Ranked(Passage("p1", "The yard", "Ships were built in Pirnby."), 1, 0.9),),
            ),
        ),
        Usage(300, 0, 40, 0, 2, 5),
    )


def write(home, trajectories, sweep="grid", kind="trajectory", plan=None):
    """Journal trajectories in a file of their own, as a sweep does; returns its path."""
    with Journal.open(home, sweep) as journal:
        if plan is not None:
            journal.append("sweep", sweep, {"hash": "h", "plan": plan})
        for t in trajectories:
            journal.append(kind, t.id, to_body(t))
        journal.flush()
    return journal.path
