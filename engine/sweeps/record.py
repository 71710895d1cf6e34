"""A trajectory as one JSON object and back: calls once each, steps as a trie, passages once each.

    {"id", "sweep", "question", "config", "passages": {id: [title, text]},
     "calls": [{"prompt": [[role, content]], "cap", "stop", "temperature", "top_p", "seed", "text", "lengths",
                "finish", "tokens", "usage", "seconds"}],
     "found": [{"query", "top_k", "passages": [[id, rank, score]]}],
     "steps": [[parent or -1, step]], "runs": [{"id", "budget", "leaf", "answer", ...}],
     "failures": [{"budget", "error"}], "paid", "paid_cost"}

Steps of a Reading name passages by id. `lengths` are the piece lengths in characters of a call's text, so that a replay
can cut it between tokens; they are absent where pieces do not join to it. Unknown keys are ignored on reading, so that
newer lines can still be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

from pydantic import TypeAdapter

from engine.errors import Damaged
from engine.identity import plain
from engine.run.memo import Found, Recorded
from engine.run.ports import Call, Query
from engine.run.requests import Reply
from engine.sweeps.trajectory import Failure, Trajectory
from engine.types import (
    Answer,
    Budget,
    Passage,
    Question,
    Ranked,
    Reading,
    Run,
    RunConfig,
    Scores,
    Search,
    Step,
    Stopped,
    Thought,
    Trace,
    Usage,
)

Body = dict[str, Any]
STEP_KINDS: dict[str, type[Step]] = {t.kind: t for t in (Thought, Search, Reading, Answer, Stopped)}


def to_body(trajectory: Trajectory) -> Body:
    """A trajectory as JSON types."""
    steps: list[list[Any]] = []
    places: dict[tuple[int, str], int] = {}
    runs = [{**_run_body(r), "leaf": _plant(r.trace.steps, steps, places)} for r in trajectory.runs]
    return {
        "id": trajectory.id,
        "sweep": trajectory.sweep,
        "question": plain(trajectory.question),
        "config": plain(trajectory.config),
        "passages": {r.passage.id: [r.passage.title, r.passage.text] for r in _shown(trajectory)},
        "calls": [_call_body(c) for c in trajectory.calls],
        "found": [
            {"query": f.query.text, "top_k": f.query.top_k, "passages": _refs(f.passages)}
            for f in trajectory.found
        ],
        "steps": steps,
        "runs": runs,
        "failures": plain(trajectory.failures),
        "paid": plain(trajectory.paid),
        "paid_cost": trajectory.paid_cost,
    }


def from_body(body: Mapping[str, Any]) -> Trajectory:
    """The same trajectory; Damaged when fields are missing or of the wrong kind."""
    with _reading():
        return _trajectory(body)


def run_from(body: Mapping[str, Any], run_id: str) -> Run | None:
    """One run of a recorded trajectory, without decoding the others; None when it is not there."""
    with _reading():
        held = next((run for run in body["runs"] if run["id"] == run_id), None)
        if held is None:
            return None
        question, config = _make(Question, body["question"]), config_from(body["config"])
        return _run(held, body, question, config, _pages(body))


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = " ".join(f"{type(error).__name__} {error}".split())
        raise Damaged(f"a trajectory cannot be read: {what[:200]}") from None


def steps_of(body: Mapping[str, Any], leaf: int) -> tuple[Step, ...]:
    """The steps of one run of a recorded trajectory, without decoding the others."""
    return _climb(body["steps"], leaf, _pages(body))


def config_from(body: Mapping[str, Any]) -> RunConfig:
    """A configuration from an object; ValueError when it is none."""
    config: RunConfig = _make(RunConfig, body)
    return config


# --------------------------------------------------------------------------------------- writing


def _shown(trajectory: Trajectory) -> list[Ranked]:
    read = [
        p
        for r in trajectory.runs
        for s in r.trace.steps
        if isinstance(s, Reading)
        for p in s.passages
    ]
    return read + [p for f in trajectory.found for p in f.passages]


def _refs(passages: Sequence[Ranked]) -> list[list[Any]]:
    return [[r.passage.id, r.rank, r.score] for r in passages]


def _plant(steps: Sequence[Step], trie: list[list[Any]], places: dict[tuple[int, str], int]) -> int:
    """Put one run's steps into the trie; returns its leaf."""
    parent = -1
    for step in steps:
        body = _step_body(step)
        key = (parent, repr(body))
        if key not in places:
            places[key] = len(trie)
            trie.append([parent, body])
        parent = places[key]
    return parent


def _step_body(step: Step) -> Body:
    body: Body = plain(step)
    if isinstance(step, Reading):
        body["passages"] = _refs(step.passages)
    if body.get("worth", 0) is None:
        del body["worth"]
    return body


def _call_body(recorded: Recorded) -> Body:
    call, reply = recorded.call, recorded.reply
    return {
        "prompt": [[m.role, m.content] for m in call.prompt],
        "cap": call.cap,
        "stop": list(call.stop),
        "temperature": call.temperature,
        "top_p": call.top_p,
        "seed": call.seed,
        "effort": call.effort,
        "score_text": call.score_text,
        "text": reply.text,
        "lengths": [len(p) for p in reply.pieces] if "".join(reply.pieces) == reply.text else [],
        "finish": reply.finish,
        "tokens": reply.tokens,
        "usage": plain(reply.usage),
        "seconds": reply.seconds,
        "score": reply.score,
        "refused": reply.refused,
        "resumed": reply.resumed,
        "logprobs": list(reply.logprobs),
        **({"tell_logprobs": True} if call.tell_logprobs else {}),
        **({"first_tokens": plain(reply.first_tokens)} if reply.first_tokens else {}),
    }


def _run_body(run: Run) -> Body:
    t = run.trace
    return {
        "id": run.id,
        "budget": plain(run.config.budget),
        "answer": t.answer,
        "stopped_by": t.stopped_by,
        "cut_off": t.cut_off,
        "search": plain(t.search),
        "think": plain(t.think),
        "tokens": {
            "thinking": t.thinking_tokens,
            "query": t.query_tokens,
            "answer": t.answer_tokens,
        },
        "usage": plain(t.usage),
        "seconds": t.seconds,
        "rounds": t.rounds,
        "turns": t.turns,
        "well_formed": t.well_formed,
        "scores": plain(run.scores),
        "cost": run.cost,
    }


# --------------------------------------------------------------------------------------- reading


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _make(kind: Any, value: Any) -> Any:
    """A value of this kind from JSON types, checked: lists become tuples, unknown keys are ignored."""
    return _adapter(kind).validate_python(value)


def _trajectory(body: Mapping[str, Any]) -> Trajectory:
    pages, found = _pages(body), body["found"]
    question, config = _make(Question, body["question"]), config_from(body["config"])
    return Trajectory(
        id=_make(str, body["id"]),
        sweep=_make(str, body["sweep"]),
        question=question,
        config=config,
        runs=tuple(_run(r, body, question, config, pages) for r in body["runs"]),
        failures=_make(tuple[Failure, ...], body["failures"]),
        calls=tuple(_recorded(c) for c in body["calls"]),
        found=tuple(
            Found(_make(Query, {**f, "text": f["query"]}), _ranked(f["passages"], pages))
            for f in found
        ),
        paid=_make(Usage, body["paid"]),
        paid_cost=_make(float | None, body["paid_cost"]),
    )


def _pages(body: Mapping[str, Any]) -> dict[str, Passage]:
    return {
        i: _make(Passage, {"id": i, "title": title, "text": text})
        for i, (title, text) in body["passages"].items()
    }


def _ranked(refs: Sequence[Sequence[Any]], pages: Mapping[str, Passage]) -> tuple[Ranked, ...]:
    shown = [{"passage": pages[i], "rank": rank, "score": score} for i, rank, score in refs]
    ranked: tuple[Ranked, ...] = _make(tuple[Ranked, ...], shown)
    return ranked


def _climb(
    trie: Sequence[Sequence[Any]], leaf: int, pages: Mapping[str, Passage]
) -> tuple[Step, ...]:
    steps: list[Step] = []
    while leaf >= 0:
        parent, body = trie[leaf]
        if parent >= leaf:
            raise ValueError("a step stands before its parent")
        steps.append(_step(body, pages))
        leaf = parent
    return tuple(reversed(steps))


def _step(body: Mapping[str, Any], pages: Mapping[str, Passage]) -> Step:
    kind = STEP_KINDS[body["kind"]]
    if kind is Reading:
        body = {**body, "passages": _ranked(body["passages"], pages)}
    step: Step = _make(kind, body)
    return step


def _recorded(body: Mapping[str, Any]) -> Recorded:
    prompt = [{"role": role, "content": content} for role, content in body["prompt"]]
    pieces = _pieces(body["text"], body["lengths"])
    return Recorded(
        _make(Call, {**body, "prompt": prompt}), _make(Reply, {**body, "pieces": pieces})
    )


def _pieces(text: str, lengths: Sequence[int]) -> list[str]:
    """ "abc", [1, 2] -> ["a", "bc"]"""
    ends = list(accumulate(lengths, initial=0))
    if lengths and (ends[-1] != len(text) or min(lengths) < 0):
        raise ValueError("pieces do not join to their text")
    return [text[start:end] for start, end in pairwise(ends)]


def _run(
    body: Mapping[str, Any],
    whole: Mapping[str, Any],
    question: Question,
    config: RunConfig,
    pages: Mapping[str, Passage],
) -> Run:
    tokens = {f"{kind}_tokens": n for kind, n in body["tokens"].items()}
    steps = _climb(whole["steps"], body["leaf"], pages)
    return Run(
        id=_make(str, body["id"]),
        trajectory_id=whole["id"],
        question=question,
        config=replace(config, budget=_make(Budget, body["budget"])),
        trace=_make(Trace, {**body, **tokens, "steps": steps}),
        scores=_make(Scores, body["scores"]),
        cost=_make(float | None, body["cost"]),
    )
