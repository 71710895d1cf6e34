"""The ideal player: answers each request of a strategy with the text that a perfect small model would write.

It is given the worked solution of the question, so it knows what is needed; what it knows *at that point of the run*
follows from the passages that the retriever really returned. It never tells what has not been found yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.run import requests as ask
from engine.run.requests import Reply
from engine.strategies.blocks import LINE, NOTHING
from engine.types import Prompt, Question, Ranked
from engine.worlds import Lookup, Solution

MOST_TRIES = 4
SENTENCE_WORDS = 22
"""Lines of reasoning are joined to one sentence up to this length."""
UNKNOWN = "unknown"
TAGGED = ("search_r1", "r1_searcher")
Retrieve = Callable[[str, int], tuple[Ranked, ...]]
Shorten = Callable[[str, int], tuple[str, int]]
"""A text and a number of tokens -> its beginning, and the tokens that it takes."""


@dataclass
class Oracle:
    """One run of one strategy. `log` gathers (prompt, ideal reply) of every generation."""

    question: Question
    solution: Solution
    retrieve: Retrieve
    shorten: Shorten
    search: int = 99
    think: int = 9999
    strategy: str = "corag"
    log: list[tuple[Prompt, str]] = field(default_factory=list)
    known: dict[int, str] = field(default_factory=dict)
    """Look-ups that succeeded, and how their result is at hand: `note`, or `raw` as a passage."""
    tries: dict[int, int] = field(default_factory=dict)
    aim: int | None = None
    asked: str = ""
    found: tuple[Ranked, ...] = ()
    pool: tuple[Ranked, ...] = ()
    said: set[int] = field(default_factory=set)
    planned: str = ""
    """The query of a tagged turn that is about to be written."""
    heard: str = ""
    """Text in which further names were told."""

    def reply(self, request: ask.Request) -> Reply:
        """The reply to one request, within the budgets."""
        match request:
            case ask.Write(what="query") if self.search <= 0:
                return Reply(refused="search")
            case ask.Write(what="query") if self.strategy in TAGGED:
                return self._record(request, self.planned)
            case ask.Write(what="query"):
                return self._record(request, self._next_query())
            case ask.Write():
                return self._record(request, self._answer())
            case ask.Search():
                return self._look_up(request)
            case ask.Think(stop=stop) if stop == LINE:
                return self._thought(request, self._note())
            case ask.Think(ends=(query, answer)):
                return self._record(request, self._turn(query, answer))
            case ask.Think():
                return self._thought(request, "\n".join(self._thoughts()))
            case ask.Discard():
                return Reply(text=request.written.text)
            case ask.End():
                return Reply()
        raise TypeError(f"no ideal reply to {type(request).__name__}")

    def _record(self, request: ask.Write | ask.Think, text: str) -> Reply:
        self.log.append((request.prompt, text))
        return Reply(text=text)

    def _look_up(self, request: ask.Search) -> Reply:
        if self.search <= 0:
            return Reply(refused="search")
        self.search -= 1
        self.asked = request.query
        self.found = self.retrieve(request.query, request.top_k)
        if self.strategy != "corag":
            have = {r.passage.id for r in self.pool}
            self.pool = (*self.pool, *(r for r in self.found if r.passage.id not in have))[-6:]
            self._hear(self.found)
            self._read_pool()
        return Reply(passages=self.found)

    def _thought(self, request: ask.Think, ideal: str) -> Reply:
        """The ideal text as far as the reasoning budget goes; what was written whole is what is learnt."""
        line = request.stop == LINE
        if self.think <= 0:
            if line and self.strategy == "corag":
                self._note_of(self.found[:1], "raw")
                self._hear(self.found[:1])
            return Reply(refused="think")
        self._record(request, ideal)
        text, tokens = self.shorten(ideal, min(self.think, request.cap))
        self.think -= tokens
        if line and self.strategy == "corag" and text == ideal:
            self._note_of(self.found, "note")
            self.heard += f" . {text}"
        return Reply(text=text)

    # ------------------------------------------------------------------------------------ knowing

    def _open(self) -> list[int]:
        """Look-ups that are still needed and whose names are all known, in order."""
        steps = enumerate(self.solution.lookups)
        return [
            i
            for i, s in steps
            if i not in self.known and all(d in self.known for d in s.depends_on)
        ]

    def _note_of(self, found: Sequence[Ranked], how: str) -> None:
        if self.aim is not None and self._holds(self.aim, found):
            self.known[self.aim] = how

    def _hear(self, found: Sequence[Ranked]) -> None:
        self.heard += "".join(f" . {r.passage.title} . {r.passage.text}" for r in found)

    def _holds(self, step: int, found: Sequence[Ranked]) -> bool:
        return any(r.passage.id == self.solution.lookups[step].passage_id for r in found)

    def _read_pool(self) -> None:
        while fresh := [i for i in self._open() if self._holds(i, self.pool)]:
            self.known |= dict.fromkeys(fresh, "raw")

    @property
    def complete(self) -> bool:
        return len(self.known) == len(self.solution.lookups)

    # ------------------------------------------------------------------------------------ writing

    def _next_query(self) -> str:
        """The next look-up, in other words when it found nothing before, or `done`."""
        for step in self._open():
            texts = self._wordings(step)
            count = self.tries.get(step, 0)
            if count < min(MOST_TRIES, len(texts)):
                self.aim, self.tries[step] = step, count + 1
                return texts[count]
        self.aim = None
        return "done"

    def _wordings(self, step: int) -> tuple[str, ...]:
        """Ways to ask that use no name but those told: plainly, by the other name, for that name, in other words."""
        lookup = self.solution.lookups[step]
        told = set(_names(f"{self.question.text} {lookup.query} {self.heard}"))
        renamed = lookup.alternatives[:1] if lookup.other else ()
        ways = (*renamed, f"Who or what is {lookup.called}?", *lookup.alternatives[len(renamed) :])
        return (lookup.query, *(a for a in ways if told.issuperset(_names(a))))

    def _note(self) -> str:
        if self.strategy == "iterative":
            return self._sentence()
        if self.aim is None:
            return NOTHING
        lookup = self.solution.lookups[self.aim]
        if not self._holds(self.aim, self.found):
            return not_found(lookup, self.asked, self.found)
        return lookup.answer

    def _sentence(self) -> str:
        """What was found out, and the next look-up; or, when all is known, the reasoning and the answer."""
        if self.complete:
            return self._closing()
        values = [o for o in self.solution.operands if o.lookup in self.known]
        fresh = [o for o in values if o.lookup is not None and o.lookup not in self.said]
        self.said |= {o.lookup for o in fresh if o.lookup is not None}
        query = self._next_query()
        if query == "done":
            return f"So the answer is: {UNKNOWN}"
        return " ".join([*(f"{o.label}: {o.value}." for o in fresh), query])

    def _turn(self, query: str, answer: str) -> str:
        """A segment of a tagged turn up to the first two characters of the tag that follows: what was read, and on."""
        fresh = [i for i in sorted(self.known) if i not in self.said]
        self.said |= set(fresh)
        lines = [f"{s.query} {s.answer}." for s in (self.solution.lookups[i] for i in fresh)]
        self.planned = self._next_query()
        if self.planned == "done":
            lines += self.solution.thinking if self.complete else [f"So the answer is {UNKNOWN}."]
            return _tagged(self.strategy, lines, answer, closes=True)
        return _tagged(self.strategy, lines, query, closes=False)

    def _closing(self) -> str:
        if not self.solution.thinking:
            return f"So the answer is: {self.solution.answer}"
        start = len(self.said & {-1, -2, -3, -4})
        lines = list(self.solution.thinking[start:])
        taken = [lines.pop(0)] if lines else [f"So the answer is: {self.solution.answer}"]
        self.said.add(-1 - start)
        while lines and len(f"{' '.join(taken)} {lines[0]}".split()) <= SENTENCE_WORDS:
            taken.append(lines.pop(0))
            start += 1
            self.said.add(-1 - start)
        return " ".join(taken)

    def _thoughts(self) -> list[str]:
        """The last thought: what is missing, or the reasoning that leads to the answer."""
        lookups = self.solution.lookups
        if not self.complete:
            missing = self._open()
            return [f"Not known: {lookups[missing[0]].query}"]
        if self.solution.thinking:
            return list(self.solution.thinking)
        read = [f"{s.query} {s.answer}." for i, s in enumerate(lookups) if self.known[i] == "raw"]
        return [*read, f"So the answer is {self.solution.answer}."]

    def _answer(self) -> str:
        return self.solution.answer if self.complete else UNKNOWN


def _tagged(strategy: str, lines: Sequence[str], tag: str, closes: bool) -> str:
    """A thought in a protocol's own tags: one a turn in Search-R1, one that is resumed in R1-Searcher."""
    thought = "\n".join(lines)
    if strategy == "search_r1":
        return f"<think>{thought}</think>\n{tag}"
    return f"{thought}</think>\n{tag}" if closes else f"{thought}\n{tag}" if thought else tag


def not_found(lookup: Lookup, query: str, found: Sequence[Ranked]) -> str:
    """The note on passages that do not answer, with the other name of what was asked about where they tell it."""
    names = (lookup.called, lookup.other)
    shown = " ".join(r.passage.text for r in found).casefold()
    for name, other in (names, names[::-1]):
        if name and other and name.casefold() in query.casefold() and other.casefold() in shown:
            return f"{NOTHING}; also called {other}"
    return NOTHING


def _names(text: str) -> list[str]:
    """Words that begin with a capital, the first word of the text aside."""
    return [w.strip(".,?:()") for w in text.split()[1:] if w[0].isupper()]
