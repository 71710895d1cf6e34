"""What can go wrong, as one tree. A user sees the message as one line; it says what to do.

    BudgetscapeError
    ├── InputError            the person gave something unusable (plan, budget, question, file, link)
    │   ├── UnknownName       a strategy, model, index, question set, sweep or snapshot that is not there
    │   └── OtherPlan         a sweep was started with another plan
    ├── EndpointError         a model or index endpoint failed us
    │   ├── Unreachable       no connection
    │   ├── Busy              429 or 5xx: worth another try, `retry_after_s` says when
    │   │   └── TooSlow       no full reply in time
    │   ├── BadReply          an answer that cannot be trusted: garbage, wrong usage, cut stream
    │   └── CapReached        a cap of the sweep, or a person, forbids further calls
    ├── StoreError            files, locks, disk
    │   ├── StoreHeld         another process owns the database file
    │   └── Damaged           content that does not match its hash or its schema
    └── StrategyError         our own fault: a strategy broke its contract with the driver

The model's mistakes are not errors: they are recorded on the step. Running out of a budget is an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches


class BudgetscapeError(Exception):
    """Base of all that is reported to a person as one line."""


class InputError(BudgetscapeError):
    """Something a person gave cannot be used."""


class UnknownName(InputError):
    """A name that is not there, with the nearest that is.

    UnknownName("strategy", "corga", ["corag", "iterative"]) -> strategy 'corga' is not known; did you mean 'corag'?
    """

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = get_close_matches(name, known, n=1)
        if near:
            tail = f"; did you mean '{near[0]}'?"
        elif known:
            tail = f"; known: {', '.join(known[:12])}" + (", ..." if len(known) > 12 else "")
        else:
            tail = "; there is none yet"
        super().__init__(f"{what} '{name[:80]}' is not known{tail}{' ' + hint if hint else ''}")


Place = tuple[str, ...]
"""Keys of a plan file, outermost first."""


class OtherPlan(InputError):
    """The sweep was started with another plan; where they differ, as (place, then, now), None for what is not set.

    With `line` each place is said with its line in the plan's file.
    """

    def __init__(
        self,
        name: str,
        differences: Sequence[tuple[Place, object, object]],
        line: Callable[[Place], int | None] = lambda _: None,
    ) -> None:
        self.name, self.differences = name, tuple(differences)
        said = []
        for place, then, now in self.differences[:6]:
            number = line(place)
            where = f"line {number}, " if number else ""
            said.append(f"{where}{'.'.join(place)}: was {_value(then)}, is {_value(now)}")
        more = len(self.differences) - len(said)
        tail = f"; and {more} more" if more else ""
        super().__init__(
            f"sweep '{name}' was started with another plan ({'; '.join(said)}{tail}); give this plan a new name"
        )


def _value(value: object) -> str:
    text = "not set" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


class EndpointError(BudgetscapeError):
    """A model or index endpoint failed."""

    kind = "refused"
    """One word to count failures by."""
    billed = False
    """The endpoint has probably worked on it, and charges what it did."""


class Unreachable(EndpointError):
    """No connection could be made."""

    kind = "unreachable"


class Busy(EndpointError):
    """The endpoint asked to be tried later, failed inside, or did not answer in time."""

    kind = "busy"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooSlow(Busy):
    """No full reply in time."""

    kind = "time-out"
    billed = True


class BadReply(EndpointError):
    """An answer that cannot be trusted."""

    kind = "bad reply"
    billed = True


class CapReached(EndpointError):
    """A cap of the sweep, or a person, forbids further calls."""

    kind = "cap"


class StoreError(BudgetscapeError):
    """Files, locks or the disk."""


class StoreHeld(StoreError):
    """Another process owns the database file."""


class Damaged(StoreError):
    """Content that does not match its hash or its schema."""


class StrategyError(BudgetscapeError):
    """A strategy broke its contract with the driver: a fault of ours."""
