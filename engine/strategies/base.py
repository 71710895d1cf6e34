"""What the knobs of every strategy have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from engine.types import Axis

BOTH: frozenset[Axis] = frozenset({"search", "think"})


class Knobs(BaseModel):
    """A strategy's settings, frozen and checked; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def most_searches(self) -> int:
        """The most queries that a run with these knobs can send; cells beyond it are missing, not copied flat."""
        raise NotImplementedError

    @property
    def forcible(self) -> frozenset[Axis]:
        """The budgets that can be a dose: an early end is dropped and the protocol goes on until they are spent."""
        return frozenset()

    @property
    def texts(self) -> tuple[str, ...]:
        """Prompt texts that these knobs lead to and the defaults do not: part of a run's identity."""
        return ()
