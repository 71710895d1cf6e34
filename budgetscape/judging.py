"""Judging a sweep in this process: which runs no judge has seen, how many calls they need, then one after another.

A judgement counts once its line is on disk; starting again goes on with what is missing. Like a sweep it writes
journals only, so it runs beside the open dashboard. Equal questions about equal answers are asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from budgetscape.wiring import Parts
from engine.errors import EndpointError
from engine.judging import Case, Judgement, case_of, fingerprint, judged
from engine.run.ports import Call, ChatModel
from engine.run.requests import Reply
from engine.types import Prompt, Usage
from store.history import Store
from store.journal import Journal, read_sweep
from store.judgements import KIND, judgement_id, to_body

MOST_FAILURES_IN_A_ROW = 5


@dataclass
class Judging:
    """The runs of one sweep that this judge has not judged yet."""

    parts: Parts
    sweep: str
    model: str
    by: str
    """The judge's fingerprint."""
    cases: Sequence[Case]
    done: int
    """Judged before."""
    paid: Usage = Usage()
    failed: int = 0
    last_failure: str = ""
    _asked: dict[Prompt, asyncio.Task[Reply]] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Calls of the model that are needed; the same prompt is sent once."""
        return len({prompt for case in self.cases for prompt in case.prompts})

    async def run(self, model: ChatModel) -> AsyncIterator[Judgement]:
        """Each judgement is on disk before it is handed over. Runs whose calls fail are left for the next time."""
        price, in_a_row = self.parts.price(self.model), 0
        places = asyncio.Semaphore(self.parts.registry.concurrency(self.model))
        waiting = [asyncio.create_task(self._judge(case, model, places)) for case in self.cases]
        try:
            with Journal.open(self.parts.home, self.sweep, "judge") as journal:
                for task in asyncio.as_completed(waiting):
                    try:
                        made = await task
                    except EndpointError as error:
                        self.failed, in_a_row, self.last_failure = (
                            self.failed + 1,
                            in_a_row + 1,
                            str(error),
                        )
                        if in_a_row >= MOST_FAILURES_IN_A_ROW:
                            raise
                        continue
                    in_a_row = 0
                    body = to_body(made, self.by, self.model, price(made.usage))
                    journal.append(KIND, judgement_id(made.run_id, self.by), body)
                    await asyncio.to_thread(journal.flush)
                    yield made
        finally:
            left = [*waiting, *self._asked.values()]
            for other in left:
                other.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _judge(self, case: Case, model: ChatModel, places: asyncio.Semaphore) -> Judgement:
        replies = [await self._reply(case, prompt, model, places) for prompt in case.prompts]
        return judged(case, replies)

    async def _reply(
        self, case: Case, prompt: Prompt, model: ChatModel, places: asyncio.Semaphore
    ) -> Reply:
        async def ask() -> Reply:
            async with places:
                reply = await model.generate(Call(prompt, case.cap(prompt)))
            self.paid += reply.usage
            return reply

        if prompt not in self._asked:
            self._asked[prompt] = asyncio.create_task(ask())
        return await asyncio.shield(self._asked[prompt])


def prepare(
    parts: Parts, store: Store, sweep: str, model: str, limit: int | None = None
) -> Judging:
    """What is left to judge, a fair sample first: runs in the order of their hashes. The store is read, then free."""
    by = fingerprint(parts.registry.fingerprint(model))
    lines = read_sweep(parts.home, sweep)
    seen = {line.id for line in lines if line.kind == KIND}
    heads = store.frame("SELECT id, trajectory_id FROM runs WHERE sweep = ? ORDER BY id", [sweep])
    rows = list(zip(heads["id"], heads["trajectory_id"], strict=True))
    todo = [(run, whole) for run, whole in rows if judgement_id(run, by) not in seen]
    done = len(rows) - len(todo)
    todo = todo[:limit]
    wanted = {run for run, _ in todo}
    found: dict[str, Case] = {}
    for whole in dict.fromkeys(whole for _, whole in todo):
        for run in store.trajectory(whole).runs:
            if run.id in wanted:
                found[run.id] = case_of(run)
    return Judging(parts, sweep, model, by, [found[run] for run, _ in todo], done)
