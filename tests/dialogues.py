"""Dialogues of a strategy with a scripted model, and their steps as short words."""

import asyncio

from engine.models.scripted import Scripted
from engine.run.driver import Driver
from engine.strategies import knobs_of, start
from engine.types import Answer, Passage, Ranked, Search, Thought
from tests.fakes import QUESTION


class Library:
    """A retriever with a fixed list of (title, text) per query; other queries find nothing."""

    def __init__(self, **by_word):
        self.by_word, self.asked, self.calls = by_word, [], 0

    async def search(self, queries):
        self.calls += 1
        self.asked += [q.text for q in queries]
        return [self._find(q) for q in queries]

    def _find(self, query):
        rows = next((rows for word, rows in self.by_word.items() if word in query.text), [])
        return tuple(
            Ranked(Passage(f"{title}", title, text), rank, 1 / rank)
            for rank, (title, text) in enumerate(rows[: query.top_k], 1)
        )


def dialogue(name, replies, budget, library=None, scores=None, **knobs):
    """Run a strategy on scripted replies, all of which must be used; returns trace, model and library."""
    model, library = Scripted(replies, scores=scores), library or Library()
    driver = Driver(model, library, budget, QUESTION.id)
    trace = asyncio.run(driver.run(start(name, QUESTION, knobs_of(name, knobs))))
    kinds = (trace.thinking_tokens, trace.query_tokens, trace.answer_tokens)
    assert sum(kinds) == trace.usage.completion_tokens
    assert trace.think.used <= budget.think and trace.search.used <= budget.search
    said = [c for c in model.history if c.score_text is None]
    assert callable(replies) or len(said) == len(replies)
    return trace, said, library


def shape(trace):
    """`?text` a query, `!text` a refused one, `~text` a thought, `=text` an answer."""
    words = []
    for step in trace.steps:
        match step:
            case Search():
                words.append(("!" if step.refused else "?") + step.query)
            case Thought():
                words.append("~" + ("refused" if step.refused else step.text))
            case Answer():
                words.append("=" + step.text)
    return words


def notes(trace):
    return [s.note for s in trace.steps if isinstance(s, Thought) and s.note]


def user(call):
    return call.prompt[-1].content
