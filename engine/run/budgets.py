"""Budgets as objects: limit, used, remaining. Running out is an outcome, never an exception."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.errors import InputError
from engine.types import EFFORTS, Axis, Budget, Mode, ThinkControl, ThinkMode

MOST_SEARCHES = 10_000
MOST_THINKING = 10_000_000
MODES: tuple[Mode, ...] = ("cap", "force")
THINK_MODES: tuple[ThinkMode, ...] = ("cap", "force", "effort", "advisory")
EFFORT_ROOM = 65_536
"""The most thinking tokens of one run whose budget is a level: a guard, not a budget."""
CALL_ROOM = 8_192
"""The most hidden thinking of one call of such a run."""
MOST_CUES = 6
"""How often a thought, or a protocol in a row without a search, is told to go on; as in s1."""


def controlled(budget: Budget, control: ThinkControl, model: str) -> Budget:
    """The budget as an endpoint can keep it: an InputError where it cannot at all, marked where it may exceed it."""
    levels = ", ".join(EFFORTS)
    if control == "effort":
        if budget.think_mode != "effort":
            raise InputError(
                f"model {model} takes effort levels, not thinking tokens: choose one of {levels}"
            )
        return budget
    if budget.think_mode == "effort":
        raise InputError(f"model {model} has no effort levels: give its thinking in tokens")
    if control == "advisory" and budget.think_mode == "force":
        raise InputError(f"model {model} does not keep to a number of thinking tokens: use a cap")
    return replace(budget, think_mode="advisory") if control == "advisory" else budget


def think_words(budget: Budget) -> str:
    """think_words(Budget(2, 32)) -> "32 thinking tokens"; an effort level -> "low effort" """
    return f"{budget.effort} effort" if budget.effort else f"{budget.think:,} thinking tokens"


def doses(budget: Budget) -> frozenset[Axis]:
    """The budgets that are to be spent; a dose of nothing is spent by itself.

    doses(Budget(0, 8, "force", "force")) -> {"think"}
    """
    forced: dict[Axis, bool] = {
        "search": budget.search_mode == "force" and budget.search > 0,
        "think": budget.think_mode == "force" and budget.think > 0,
    }
    return frozenset(axis for axis, is_dose in forced.items() if is_dose)


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
        ("search", budget.search_mode, MODES),
        ("think", budget.think_mode, THINK_MODES),
    ):
        if mode not in known:
            raise InputError(
                f"the {word} budget can only be {' or '.join(known)}, not {str(mode)[:40]!r}"
            )
    if budget.think_mode == "effort" and not budget.effort:
        raise InputError(f"an effort level is one of {', '.join(EFFORTS)}")
    return budget


@dataclass(slots=True)
class Purse:
    """What may still be spent of one budget."""

    limit: int
    used: int = 0
    kept: int = 0
    """Kept back for a sampled answer until that is asked for; not part of what remains."""
    dose: bool = False
    """It is to be spent, not only not to be exceeded."""
    cues: int = 0
    """How often a protocol that wanted to end was told to go on; searches begin the count again."""

    @property
    def remaining(self) -> int:
        return self.limit - self.used - self.kept

    def take(self, wanted: int) -> int:
        """Reserve up to `wanted`; returns what was granted."""
        granted = max(0, min(wanted, self.remaining))
        self.used += granted
        return granted

    def told_to_go_on(self) -> bool:
        """Whether a protocol that wants to end must go on, which is counted."""
        if not self.dose or self.remaining <= 0 or self.cues >= MOST_CUES:
            return False
        self.cues += 1
        return True

    def give_back(self, unused: int) -> None:
        self.used -= unused

    def shared(self, among: Sequence[bool]) -> list[Purse]:
        """What remains, set aside in equal parts for those that can use it.

        5 among yes, no, yes -> 3, 0, 2
        """
        parts, left = [], sum(among)
        for takes in among:
            part = self.take(-(-self.remaining // left)) if takes else 0
            parts.append(Purse(part, dose=self.dose))
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
        forced = doses(budget)
        return cls(
            Purse(budget.search, dose="search" in forced),
            Purse(EFFORT_ROOM if budget.effort else budget.think, dose="think" in forced),
        )

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
