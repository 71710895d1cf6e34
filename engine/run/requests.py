"""What a strategy asks for and what it gets back.

A strategy is a generator that yields requests, is resumed with replies and returns the final answer text:

    def single(question, knobs):
        found = yield Search(question.text, knobs.top_k)
        thought = yield Think(reader(question, found.passages), cap=128)
        return (yield Write(answer(question, found.passages, thought.text), "answer")).text

It knows no limit, clock, model or page. A request that a budget forbids comes back `refused` and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.types import Axis, Finish, Prompt, Question, Ranked, Resumed, Usage

Refusal = Literal["search", "think", "unsupported"]
Form = Callable[[str], bool]
"""Whether a text is what the protocol asks for at its place; it decides nothing, it is counted."""
Act = Literal["", "thought", "search", "query", "reading", "answer", "malformed", "end"]
"""What an agent outside did: `query` asks us to search, `search` was done by itself."""


@dataclass(frozen=True, slots=True)
class Think:
    """Generate thinking; every completion token is metered by the reasoning budget."""

    prompt: Prompt
    cap: int
    """The strategy's own bound for this segment; the budget may make it shorter."""
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    """None takes the run's decoding."""
    note: str = ""
    ends: tuple[str, ...] = ()
    """In a tagged turn: what a well-formed text ends with; one that does not is noted as `malformed turn`."""
    again: Callable[[str], str] | None = None
    """For a budget that is a dose: what stands in the assistant's turn when a thought that ended early must go on, made
    harmless and with a cue at its end. None where the protocol cannot be forced."""
    worth: Callable[[Reply], float] | None = None
    """Of a short reply that is a judgement: the number it amounts to, kept on the step."""
    form: Form | None = None
    """None where the protocol parses nothing but `ends`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Generate a query or the answer under a small fixed cap; in no budget, but priced.

    A query is refused when no search is left; else it sets one search aside. It must then be sent by a `Search` that
    names it in `written`, or be given up by `Discard`; the driver raises StrategyError otherwise. An answer written
    inside a branch of `Together` is a sample to choose from and is metered as thinking.
    """

    prompt: Prompt
    what: Literal["query", "answer"]
    cap: int = 64
    stop: tuple[str, ...] = ()
    temperature: float | None = None
    form: Form | None = None
    """None asks only that it says something."""


@dataclass(frozen=True, slots=True)
class Search:
    """Send one query to the index; metered by the search budget when issued."""

    query: str
    top_k: int = 3
    written: tuple[Reply, ...] = ()
    """The written reply or replies that this query was taken from; their tokens become query tokens."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Give up a written query: its tokens become thinking. Refused when the reasoning budget cannot cover them;
    the strategy then has to send it (or the question in its place)."""

    written: Reply
    note: str = "discarded query"


@dataclass(frozen=True, slots=True)
class Score:
    """Mean log-probability per token of `text` as the reply to `prompt`; refused `unsupported` where not offered.

    With a note it is a step of the trace, a thought without tokens that keeps the probability.
    """

    prompt: Prompt
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """Several requests or sub-strategies at once. Budgets are handed out in order before anything starts.

    With `keep`, the branches are samples of the whole run: each one's thoughts leave up to so many thinking tokens of
    its share for the answer it writes. Where not every sample could have one, nothing starts and the whole is refused
    `think`.
    """

    branches: tuple[Request | Play, ...]
    keep: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """A protocol's loop is over. This takes no place in the run and costs nothing.

    `answer`: the model wants to end. Where one of the budgets in `spend` is a dose and not spent, the reply's `go_on`
    names it: the strategy drops the end and goes on with a cue, as often as it is told. `turns`, `malformed`: the
    protocol's own limit, which the trace tells.
    """

    by: Literal["answer", "turns", "malformed"] = "answer"
    spend: tuple[Axis, ...] = ()
    """The budgets that the protocol could still spend here, in the order in which it would."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Let the user's own agent take its next step, metered and noted as it tells it; the first one begins it.

    The reply's `act` says what it did. A `query` must be sent by a `Search` that names it, like a written one. What was
    spent beyond a budget is counted, and the reply is `refused`.
    """

    question: str
    given: Reply | None = None
    """What its last query found, or that a budget is spent."""


Request = Think | Write | Search | Discard | Score | Together | End | Outside


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request."""

    text: str = ""
    pieces: tuple[str, ...] = ()
    """Text per token, joined equal to `text`; empty where the endpoint does not tell token boundaries."""
    finish: Finish = "stop"
    tokens: int = 0
    """Completion tokens as reported; may exceed the pieces by what a stop string or end mark took."""
    usage: Usage = Usage()
    seconds: float = 0.0
    passages: tuple[Ranked, ...] = ()
    refused: Refusal | None = None
    logprobs: tuple[float, ...] = ()
    """Per piece, where offered."""
    first_tokens: tuple[tuple[str, float], ...] = ()
    """What the first token might have been, with log-probabilities, where that was wanted and is offered."""
    score: float | None = None
    replies: tuple[Any, ...] = ()
    """The replies (or returned values) of the branches of `Together`, in order."""
    place: tuple[int, ...] = ()
    """Of a written query: where in the run it was written. The driver knows it by this."""
    resumed: Resumed = ""
    """How a prompt that ends in the assistant's turn was taken, as the model tells."""
    well_formed: bool | None = None
    """The driver's word on it, by the request's form."""
    go_on: Axis | None = None
    """To an `End`: the dose that is not spent yet."""
    act: Act = ""
    """Of `Outside`: what the agent did."""


def malformed(request: Think, reply: Reply) -> bool:
    """Whether a tagged turn ended by itself, or at its own cap, where no tag of its protocol opens.

    A turn that the reasoning budget refused or cut is not malformed.
    """
    if not request.ends or reply.refused:
        return False
    if reply.finish == "length":
        return reply.tokens >= request.cap
    return not reply.text.endswith(request.ends)


def says_something(text: str) -> bool:
    """A letter or a digit, in any script; quotes, dashes and blanks alone say nothing."""
    return any(c.isalnum() for c in text)


def well_formed(request: Think | Write, reply: Reply) -> bool | None:
    """Whether a text ended by itself and has the form that was asked for; None where none was, or a budget cut it."""
    ends = request.ends if isinstance(request, Think) else ()
    if reply.refused or (isinstance(request, Think) and not ends and request.form is None):
        return None
    if reply.finish == "length":
        return False if reply.tokens >= request.cap else None
    form = request.form or (says_something if isinstance(request, Write) else _any)
    return (not ends or reply.text.endswith(ends)) and form(reply.text)


def _any(_: str) -> bool:
    return True


Play = Generator[Request, Reply, str]
Strategy = Callable[[Question, Mapping[str, Any]], Play]
