"""Training examples: the prompts that the driver will build, each with the text that should follow.

The strategies themselves are run over train worlds with real dense retrieval and an ideal player, under many
budgets, so that no prompt is written twice. Examples that share a beginning are kept together in a group, which the
trainer computes once (see `packing`). One line of the output is one group: `{"task", "rows": [[prompt, reply], ...]}`.

    python -m training.examples training/build/examples.jsonl --worlds 4
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from engine.retrieval.embedding import MiniLM, Vectors
from engine.retrieval.exact import ranked, searchable
from engine.run.requests import Reply
from engine.strategies import corag, knobs_of, start
from engine.types import Message, Passage, Prompt, Question, Ranked
from engine.worlds import Lookup, Solution, build
from training.chat import Tokens, chat_text
from training.oracle import TAGGED, Oracle, not_found
from training.packing import tree
from training.paraphrases import wordings
from training.rollouts import spoken

Row = tuple[Prompt, str]
KEEP = {0: 1.0, 1: 0.6, 2: 0.4, 3: 0.3}
"""Share of the questions used, by number of operations: long questions cost most and come last in worth."""
DRILL = {0: 1.0, 1: 0.35, 2: 0.15, 3: 0.12}
EVERY = dict.fromkeys(KEEP, 1.0)
"""For a machine that need not save: as many of each as the world asks."""
FULL = 420
TIGHT = (0, 6, 12, 20, 32, 48, 64, 96)
"""Reasoning budgets that cut."""


@dataclass
class Corpus:
    """A train world behind a dense retriever that remembers what it embedded."""

    seed: int
    passages: Sequence[Passage]
    questions: Sequence[Question]
    solutions: dict[str, Solution]
    embedder: MiniLM
    vectors: Vectors = field(init=False)
    seen: dict[str, Vectors] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.vectors = self.embedder.embed([searchable(p) for p in self.passages])

    def retrieve(self, query: str, top_k: int) -> tuple[Ranked, ...]:
        if query not in self.seen:
            self.seen[query] = self.embedder.embed([query])[0]
        return ranked(self.passages, (self.vectors @ self.seen[query]).astype(np.float32), top_k)


def corpus(
    seed: int, passages: int, questions: int, embedder: MiniLM, wider: bool = False
) -> Corpus:
    world = build(seed, passages, questions, "train", wordings(wider))
    return Corpus(seed, world.passages, world.questions, dict(world.solutions), embedder)


def play(
    where: Corpus, tokens: Tokens, question: Question, strategy: str, search: int, think: int
) -> Oracle:
    """One run of a strategy by the ideal player; returns the player with its log."""
    player = Oracle(
        question,
        where.solutions[question.id],
        where.retrieve,
        tokens.shorten,
        search,
        think,
        strategy,
    )
    _played(player)
    return player


def _played(player: Oracle) -> list[Row]:
    """The log of the run to its end."""
    run = start(player.strategy, player.question, knobs_of(player.strategy))
    request = next(run)
    while True:
        try:
            request = run.send(player.reply(request))
        except StopIteration:
            return player.log


def searches(rng: Random, hops: int) -> int:
    """Mostly enough; sometimes too few."""
    return rng.choice((99, 99, 99, hops, hops + 1, max(0, hops - 1), rng.randrange(hops + 1)))


def corag_groups(where: Corpus, tokens: Tokens, question: Question, rng: Random) -> Iterator[dict]:
    """Sub-queries of one question; its last thoughts and answers; and one reading for each search."""
    hops = question.hops or 0
    steps: list[Row] = []
    ends: list[Row] = []
    raw = rng.random() < 0.3
    budgets = [(searches(rng, hops), rng.choice(TIGHT[:5]) if raw else 9999)]
    budgets += [(budgets[0][0], 9999)] if raw and rng.random() < 0.3 else []
    if hops and rng.random() < 0.25:
        budgets.append((rng.randrange(hops), 9999))
    for search, think in budgets:
        log = play(where, tokens, question, "corag", search, think).log
        steps += _of(log, corag.SUB_QUERY)
        ends += _endings(_rest(log), tokens, rng)
    yield _group("sub-query", steps)
    if rng.random() < (1.0 if question.operations else 0.4):
        yield from _by_length("ending", ends)


def _of(log: Sequence[Row], rule: str) -> list[Row]:
    return [(p, t) for p, t in log if p[0].content == rule]


def _rest(log: Sequence[Row]) -> list[Row]:
    return [(p, t) for p, t in log if p[0].content not in (corag.SUB_QUERY, corag.SUB_ANSWER)]


def _endings(rows: Sequence[Row], tokens: Tokens, rng: Random) -> list[Row]:
    """The last thought and answer; the answer also without the thought and after a part of it."""
    if len(rows) < 2:
        return list(rows)
    thought, (prompt, answer) = rows[-2][1], rows[-1]
    body = prompt[1].content.split("\n\nThoughts:\n")[0]
    bare = (prompt[0], Message("user", body))
    more: list[Row] = [(bare, answer)]
    length = tokens.count(thought)
    if length > 8:
        part, _ = tokens.shorten(thought, rng.randrange(3, length - 2))
        part = "\n".join(line.strip() for line in part.splitlines() if line.strip())
        more.append(((prompt[0], Message("user", f"{body}\n\nThoughts:\n{part}")), answer))
    return [*rows, *more]


def reading_groups(
    where: Corpus, rng: Random, facts: dict[str, list[Lookup]], count: int
) -> Iterator[dict]:
    """The passages of one real search and several questions to them, one of which they do not answer."""
    every = [s for solution in where.solutions.values() for s in solution.lookups]
    names: dict[str, list[str]] = defaultdict(list)
    for p in where.passages:
        names[p.title].append(p.id)
    for _ in range(count):
        step = rng.choice(every)
        query = rng.choice((step.query, step.query, *step.alternatives))
        found = where.retrieve(query, 3)
        shown = [r.passage.id for r in found]
        asked = [
            (query, step.answer if step.passage_id in shown else not_found(step, query, found))
        ]
        told = [s for i in shown for s in facts.get(i, ()) if s.query != step.query]
        beside = [
            s
            for r in found
            for i in names[r.passage.title]
            if i not in shown
            for s in facts.get(i, ())
        ]
        asked += [
            (rng.choice((s.query, s.query, *s.alternatives)), s.answer) for s in _some(rng, told, 4)
        ]
        for s in _some(rng, beside, 1):
            query = rng.choice((s.query, *s.alternatives))
            asked.append((query, not_found(s, query, found)))
        rows = [
            (corag.sub_answer_prompt(q, Reply(passages=found)), a) for q, a in dict(asked).items()
        ]
        yield _group("sub-answer", rows)


def _some(rng: Random, items: Sequence[Lookup], most: int) -> list[Lookup]:
    unique = list({s.query: s for s in items}.values())
    return rng.sample(unique, min(most, len(unique)))


def other_groups(where: Corpus, tokens: Tokens, question: Question, rng: Random) -> Iterator[dict]:
    """Closed book, one retrieval, and iterative, each for a part of the questions."""
    hops = question.hops or 0
    draw = rng.random()
    if hops == 0 or draw < 0.12:
        yield from _by_length(
            "closed_book",
            _endings(play(where, tokens, question, "closed_book", 0, 9999).log, tokens, rng),
        )
    elif draw < 0.42:
        if hops > 1 and rng.random() < 0.5:
            return
        log = play(where, tokens, question, "single_retrieval", 1, 9999).log
        yield from _by_length("single_retrieval", _endings(log, tokens, rng))
    elif draw < 0.85:
        log = play(
            where,
            tokens,
            question,
            "iterative",
            searches(rng, hops),
            rng.choice((*TIGHT, *[9999] * 12)),
        ).log
        yield from _by_length("iterative", log)


def tagged_groups(where: Corpus, tokens: Tokens, question: Question, rng: Random) -> Iterator[dict]:
    """One turn of a tagged protocol: each part that the model writes, behind all that stands before it."""
    strategy = rng.choice(TAGGED)
    log = play(where, tokens, question, strategy, searches(rng, question.hops or 0), 9999).log
    turn = next(iter(spoken((prompt, text, "stop") for prompt, text in log)))
    rows, so_far = [], turn.prompt
    for piece, own in turn.own():
        if own:
            rows.append([so_far, piece])
        so_far += piece
    yield {"task": strategy, "rows": rows, "goes_on": True}


def _by_length(task: str, rows: Sequence[Row]) -> Iterator[dict]:
    """One group for each system prompt, since rows with different ones share nothing."""
    kinds: dict[str, list[Row]] = defaultdict(list)
    for prompt, text in rows:
        kinds[prompt[0].content].append((prompt, text))
    for part in kinds.values():
        yield _group(task, part)


def _group(task: str, rows: Sequence[Row]) -> dict:
    unique = dict.fromkeys((chat_text(prompt), text) for prompt, text in rows)
    return {"task": task, "rows": [list(row) for row in unique]}


def world_groups(
    where: Corpus, tokens: Tokens, plays: int, keep: Mapping[int, float] = KEEP
) -> Iterator[dict]:
    rng = Random(f"examples {where.seed}")
    facts: dict[str, list[Lookup]] = defaultdict(list)
    for solution in where.solutions.values():
        for step in solution.lookups:
            facts[step.passage_id].append(step)
    for question in where.questions[:plays]:
        if rng.random() > keep[question.operations or 0]:
            continue
        yield from corag_groups(where, tokens, question, rng)
        yield from other_groups(where, tokens, question, rng)
        yield from reading_groups(where, rng, facts, 1)


def tagged_world(where: Corpus, tokens: Tokens, plays: int) -> Iterator[dict]:
    """Turns over questions without operations, which is what reward is paid for."""
    rng = Random(f"tagged {where.seed}")
    for question in where.questions[:plays]:
        if question.hops and not question.operations:
            yield from tagged_groups(where, tokens, question, rng)


def drill_groups(
    seed: int, tokens: Tokens, questions: int, keep: Mapping[int, float] = DRILL
) -> Iterator[dict]:
    """Sub-queries and endings of many questions, without a retriever: three searches in four find what they want."""
    world, rng = build(seed, 600, questions, "train", wordings()), Random(f"drill {seed}")
    passages = {p.id: p for p in world.passages}
    told: dict[str, list[str]] = defaultdict(list)
    for solution in world.solutions.values():
        for step in solution.lookups:
            for query in (step.query, *step.alternatives):
                told[query].append(step.passage_id)

    def retrieve(query: str, top_k: int) -> tuple[Ranked, ...]:
        found = told[query][:1] if rng.random() < 0.8 else [rng.choice(world.passages).id]
        return tuple(Ranked(passages[id], 1, 0.5) for id in found[:top_k])

    for question in world.questions:
        if rng.random() > keep[question.operations or 0]:
            continue
        solution = world.solutions[question.id]
        player = Oracle(
            question, solution, retrieve, tokens.shorten, searches(rng, question.hops or 0)
        )
        log = _played(player)
        yield _group("sub-query", _of(log, corag.SUB_QUERY))
        if rng.random() < 0.6:
            yield from _by_length("ending", _endings(_rest(log), tokens, rng))


def joined(groups: Sequence[dict], tokens: Tokens) -> Iterator[dict]:
    """Groups with the same system prompt joined up to about FULL tokens, since they share that beginning too."""
    waiting: dict[str, dict] = {}
    for group in groups:
        rule = group["rows"][0][0].split("<|im_end|>")[0]
        before = waiting.pop(rule, None)
        rows = [*before["rows"], *group["rows"]] if before else group["rows"]
        size = len(tree([(tokens.ids(p), tokens.ids(t)) for p, t in rows]).ids)
        if before and size > FULL:
            yield before
            rows = group["rows"]
        waiting[rule] = {"task": group["task"], "rows": rows}
    yield from waiting.values()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=9000)
    parser.add_argument("--passages", type=int, default=350)
    parser.add_argument("--questions", type=int, default=950, help="their look-ups are read")
    parser.add_argument("--plays", type=int, default=171, help="questions that are played")
    parser.add_argument("--tagged", action="store_true", help="turns of Search-R1 and R1-Searcher")
    parser.add_argument(
        "--drill", action="store_true", help="sub-queries and endings only, quickly"
    )
    parser.add_argument("--wider", action="store_true", help="in three times as many wordings")
    parser.add_argument(
        "--every", action="store_true", help="questions with operations are not thinned"
    )
    args = parser.parse_args()
    if args.drill:
        tokens, keep = Tokens.of_base(), EVERY if args.every else DRILL
        made = drill_groups(args.first_seed, tokens, args.questions, keep)
        drills = [g for g in made if g["rows"]]
        Random(args.first_seed).shuffle(drills)
        args.path.write_text("".join(json.dumps(g) + "\n" for g in joined(drills, tokens)))
        return
    tokens, embedder = Tokens.of_base(), MiniLM()
    args.path.parent.mkdir(parents=True, exist_ok=True)
    with args.path.open("w") as out:
        for seed in range(args.first_seed, args.first_seed + args.worlds):
            where = corpus(seed, args.passages, args.questions, embedder, args.wider)
            keep = EVERY if args.every else KEEP
            made = (
                tagged_world(where, tokens, args.plays)
                if args.tagged
                else world_groups(where, tokens, args.plays, keep)
            )
            groups = [g for g in made if g["rows"]]
            Random(seed).shuffle(groups)
            groups = groups if args.tagged else list(joined(groups, tokens))
            out.writelines(json.dumps(g) + "\n" for g in groups)
            out.flush()
            print(f"world {seed}: {len(groups)} groups", flush=True)


if __name__ == "__main__":
    main()
