"""What the knobs of every strategy have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Knobs(BaseModel):
    """A strategy's settings, frozen and checked; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def most_searches(self) -> int:
        """The most queries that a run with these knobs can send; cells beyond it are missing, not copied flat."""
        raise NotImplementedError

    @property
    def texts(self) -> tuple[str, ...]:
        """Prompt texts that these knobs lead to and the defaults do not: part of a run's identity."""
        return ()
