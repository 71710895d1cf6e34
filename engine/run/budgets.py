"""Budgets as objects: limit, used, remaining. Running out is an outcome, never an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.errors import InputError
from engine.types import Budget

MOST_SEARCHES = 10_000
MOST_THINKING = 10_000_000


def checked(budget: Budget) -> Budget:
    """The same budget, or InputError when it is negative, absurd, not whole, or of a mode that does not exist."""
    for word, value, most in (
        ("search", budget.search, MOST_SEARCHES),
        ("think", budget.think, MOST_THINKING),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            huge = isinstance(value, int) and value.bit_length() > 64
            shown = "one of many digits" if huge else repr(value)[:40]
            raise InputError(
                f"the {word} budget must be a whole number from 0 to {most}, not {shown}"
            )
    for word, mode, known in (
        ("search", budget.search_mode, ("cap",)),
        ("think", budget.think_mode, ("cap", "force")),
    ):
        if mode not in known:
            raise InputError(
                f"the {word} budget can only be {' or '.join(known)}, not {str(mode)[:40]!r}"
            )
    return budget


@dataclass(slots=True)
class Purse:
    """What may still be spent of one budget."""

    limit: int
    used: int = 0
    kept: int = 0
    """Kept back for a sampled answer until that is asked for; not part of what remains."""

    @property
    def remaining(self) -> int:
        return self.limit - self.used - self.kept

    def take(self, wanted: int) -> int:
        """Reserve up to `wanted`; returns what was granted."""
        granted = max(0, min(wanted, self.remaining))
        self.used += granted
        return granted

    def give_back(self, unused: int) -> None:
        self.used -= unused

    def shared(self, among: Sequence[bool]) -> list[Purse]:
        """What remains, set aside in equal parts for those that can use it.

        5 among yes, no, yes -> 3, 0, 2
        """
        parts, left = [], sum(among)
        for takes in among:
            parts.append(Purse(self.take(-(-self.remaining // left)) if takes else 0))
            left -= takes
        return parts


@dataclass(slots=True)
class Purses:
    """The two budgets of a run, or of one branch of it."""

    search: Purse
    think: Purse

    @classmethod
    def of(cls, budget: Budget) -> Purses:
        checked(budget)
        return cls(Purse(budget.search), Purse(budget.think))

    def share(
        self,
        parts: int,
        keep: int = 0,
        searching: Sequence[bool] = (),
        thinking: Sequence[bool] = (),
    ) -> list[Purses]:
        """Set aside equal shares for branches that start together, the first ones taking the odd units.

        5 searches for 2 branches -> 3 and 2. What a branch leaves unused comes back by `settle`. Each keeps back up to
        `keep` thinking tokens. `searching` and `thinking` tell which branches can use a budget at all; empty means all.
        """
        searches = self.search.shared(searching or [True] * parts)
        thoughts = self.think.shared(thinking or [True] * parts)
        for thought in thoughts:
            thought.kept = min(keep, thought.limit)
        return [Purses(s, t) for s, t in zip(searches, thoughts, strict=True)]

    def settle(self, share: Purses) -> None:
        for mine, theirs in ((self.search, share.search), (self.think, share.think)):
            mine.give_back(theirs.limit - theirs.used)
