"""An agent of the user's own on a sweep's account: what it tells is counted, caps and pauses hold between its steps.

How many run at once is what the endpoints file says. A run that fails is not begun again here: what it did may have
cost much, and nothing of it can be reused.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.run.ports import Agent, Talk, Task
from engine.sweeps.pace import Pace
from engine.sweeps.spend import Ledger
from engine.types import Usage


@dataclass
class PacedAgent:
    """An Agent that asks before each step whether it may go on."""

    inner: Agent
    name: str
    pace: Pace
    ledger: Ledger
    wasted: Usage = Usage()
    """As for a model; an agent's steps are all counted as they come."""

    async def begin(self, task: Task) -> Talk:
        talk, given = self.inner.begin(task), None
        try:
            while True:
                await self._may_go_on()
                said = await talk.asend(given)
                self.ledger.add(self.name, said.reply.usage)
                given = yield said
        except StopAsyncIteration:
            return
        finally:
            await talk.aclose()

    async def _may_go_on(self) -> None:
        if self.pace.running is not None:
            await self.pace.running.wait()
        self.ledger.check()
