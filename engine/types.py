"""The words of the project as frozen values.

Nothing here does any work or knows where it is stored. Token counts are completion tokens as the endpoint
reported them; seconds are wall-clock; scores lie between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Mode = Literal["cap", "force"]
"""A budget is a permission, or a dose that is to be spent."""
ThinkMode = Literal["cap", "force", "effort", "advisory"]
"""Of the reasoning budget also what the endpoint can keep: `effort` is a level in the place of tokens, `advisory` a
number that the endpoint may exceed. None of them is ever pooled with another."""
Axis = Literal["search", "think"]
EFFORTS = ("low", "medium", "high")
Finish = Literal["stop", "length"]
StoppedBy = Literal["answer", "search", "think", "turns", "malformed", "user", "error"]
ThinkControl = Literal["hard", "effort", "advisory"]
Resumed = Literal["", "continued", "replayed"]
"""How the assistant's own turn went on: as a prefix, or shown again as a finished turn; empty where a new one began."""


@dataclass(frozen=True, slots=True)
class Question:
    """A text to answer; gold (answers, supporting passages) may be absent."""

    id: str
    text: str
    answers: tuple[str, ...] = ()
    """Gold answer and its aliases; empty when no gold is known."""
    supporting_ids: tuple[str, ...] = ()
    """Ids of the passages that together give the answer."""
    hops: int | None = None
    """Look-ups needed, 0 when the question can be answered from its own text."""
    operations: int | None = None
    """Reasoning steps needed after the look-ups."""
    tags: tuple[str, ...] = ()
    """Free labels to slice by, such as `untrained-phrasing` or `yes-no`."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One indexed text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage as a retriever returned it."""

    passage: Passage
    rank: int
    """From 1."""
    score: float
    """Comparable only within one retriever; higher is nearer."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt. A last turn of the assistant is continued, where the endpoint can."""

    role: Literal["system", "user", "assistant"]
    content: str


Prompt = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What endpoints reported, in tokens and queries; adds up."""

    input_tokens: int = 0
    """Prompt tokens, cached ones included."""
    cached_input_tokens: int = 0
    completion_tokens: int = 0
    """Everything generated, hidden reasoning included."""
    reasoning_tokens: int = 0
    """The part of the completion that the endpoint says was hidden reasoning."""
    queries: int = 0
    calls: int = 0
    unreported: int = 0
    """Steps of an agent outside whose tokens it did not tell in full: no cost can be known then."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.completion_tokens + other.completion_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.queries + other.queries,
            self.calls + other.calls,
            self.unreported + other.unreported,
        )


@dataclass(frozen=True, slots=True, order=True)
class Budget:
    """One cell: the most queries and the most thinking tokens of one run, both totals over the whole run."""

    search: int
    think: int
    """With `think_mode = effort` the number of a level, from 1: low, medium, high."""
    search_mode: Mode = "cap"
    think_mode: ThinkMode = "cap"

    @property
    def effort(self) -> str:
        """The level; empty where thinking is budgeted in tokens."""
        return effort_of(self.think, self.think_mode)


def effort_of(think: int, think_mode: str) -> str:
    """effort_of(3, "effort") -> "high"; effort_of(3, "cap") -> "" """
    return EFFORTS[think - 1] if think_mode == "effort" and 0 < think <= len(EFFORTS) else ""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the model samples; stored with the run."""

    temperature: float = 0.0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class RunConfig:
    """All that determines a run beside the question."""

    strategy: str
    model: str
    """The name in the endpoints file; `fingerprint` says what was behind it."""
    index: str | None
    budget: Budget
    knobs: Mapping[str, Any] = field(default_factory=dict)
    decoding: Decoding = Decoding()
    seed: int = 0
    fingerprint: str = ""
    """Model file, adapter, quantisation and server version, as one hash or label."""
    index_recipe: str = ""
    """Hash of corpus, embedding and retriever settings."""
    prompt_hash: str = ""
    """Hash of the strategy's prompt texts."""


# --------------------------------------------------------------------------------------------------- steps


@dataclass(frozen=True, slots=True)
class _Step:
    path: tuple[int, ...]
    """Where in the run: request number, then branch and request number within `Together`.

    Sorting by path gives the order of the run."""
    tokens: int = 0
    """Completion tokens generated in this step."""
    input_tokens: int = 0
    seconds: float = 0.0
    well_formed: bool | None = field(default=None, kw_only=True)
    """Whether the text was what the protocol asks for there; None where nothing was parsed, or it is not known."""
    resumed: Resumed = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class Thought(_Step):
    """The model thought; its tokens are metered by the reasoning budget."""

    kind: ClassVar[Literal["thought"]] = "thought"
    text: str = ""
    cut: bool = False
    """The reasoning budget (not the strategy's own cap) ended it."""
    refused: bool = False
    """Nothing was generated: the reasoning budget was spent."""
    note: str = ""
    """Why this is thinking when it does not look so: `discarded query`, `malformed turn`, ..."""
    worth: float | None = None
    """Of a judgement on an answer: the number it amounts to."""


@dataclass(frozen=True, slots=True)
class Search(_Step):
    """A query was sent to the index, or refused. Its tokens are those of writing it, 0 when a thought was reused."""

    kind: ClassVar[Literal["search"]] = "search"
    query: str = ""
    top_k: int = 0
    refused: bool = False
    """The search budget was spent; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Reading(_Step):
    """The passages that a query returned, in rank order. Nothing is generated in it; seconds are the retriever's."""

    kind: ClassVar[Literal["reading"]] = "reading"
    query: str = ""
    passages: tuple[Ranked, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer(_Step):
    """The final answer was written."""

    kind: ClassVar[Literal["answer"]] = "answer"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(_Step):
    """The end of a run and what bound it."""

    kind: ClassVar[Literal["stopped"]] = "stopped"
    by: StoppedBy = "answer"
    detail: str = ""


Step = Thought | Search | Reading | Answer | Stopped


@dataclass(frozen=True, slots=True)
class Spent:
    """A budget after the run: how much was used of what was allowed."""

    used: int
    limit: int

    @property
    def remaining(self) -> int:
        return self.limit - self.used


@dataclass(frozen=True, slots=True)
class Trace:
    """The steps of one run in order, and what they sum to.

    `thinking_tokens + query_tokens + answer_tokens == usage.completion_tokens` always holds.
    """

    steps: tuple[Step, ...]
    answer: str
    stopped_by: StoppedBy
    cut_off: bool
    """The answer was forced by a limit: a search or a thought was refused or cut."""
    search: Spent
    think: Spent
    thinking_tokens: int
    query_tokens: int
    answer_tokens: int
    usage: Usage
    """Charged: what the run would cost alone, also where a memo served it."""
    seconds: float
    rounds: int = 0
    """Waves of searches one after another, parallel branches as their longest; at most the queries."""
    turns: int | None = None
    """Texts of the model that the protocol parsed; None where that was not recorded."""
    well_formed: int | None = None
    """How many of them were what the protocol asks for."""

    @property
    def well_formed_share(self) -> float | None:
        """None where nothing was parsed or recorded: garbage must not look like order."""
        if not self.turns or self.well_formed is None:
            return None
        return self.well_formed / self.turns


@dataclass(frozen=True, slots=True)
class Scores:
    """Quality of one answer; None where gold is missing. Never pooled with each other."""

    em: float | None = None
    f1: float | None = None
    contains: float | None = None
    numeric: float | None = None
    evidence_recall: float | None = None
    """Share of the supporting passages that were shown."""


@dataclass(frozen=True, slots=True)
class Run:
    """One question under one configuration, with its answer and scores."""

    id: str
    trajectory_id: str
    question: Question
    config: RunConfig
    trace: Trace
    scores: Scores
    cost: float | None
    """Charged, in the price card's currency; None while any price is unknown."""
