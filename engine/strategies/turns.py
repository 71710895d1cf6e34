"""Tagged turns: protocols in which one turn of the assistant thinks, searches and answers between tags.

The turn so far is the last message of the prompt and is continued. A segment ends where a tag opens, so that every
token is counted in its kind: the tag that the model writes is thinking, what follows it is a query or the answer.
Endpoints do not tell which stop string ended a segment, and trim it; so a stop string here is a tag without its first
two characters, and those, left at the end of the text, tell which tag it was: `<s` was `<search>`, `<a` was `<answer>`.

What the model wrote is carried on with its own protocol's thinking tags kept and every other marker broken, so neither
a passage nor the model itself can forge a block, a control token or a step.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.run.requests import End, Form, Reply, Request, Think, Write, malformed
from engine.strategies import blocks
from engine.types import Axis, Message, Prompt, Question, Ranked

Action = Literal["query", "answer", "cut", "none"]
CUE = "Wait"
"""What a forced thought finds behind its early end, as in s1."""
LOOK_FURTHER = "Wait, I can still look things up. I look further."
"""What a forced search finds behind an answer that came too early."""
ONE_MORE = "Something is still missing. Write one more thing to look up."
"""What stands below what is known where the model wants to search no more and is forced to."""
CUES: dict[Axis, str] = {"search": LOOK_FURTHER, "think": CUE}
WARM = 0.7
"""Temperature of asking again: the same prompt gave the early end before."""
LONGEST = 100_000
"""A thought that is bounded by the budget alone."""
THINKING = ("<think>", "</think>")
SHORT = ("<", "\n\n")
"""What ends a query or an answer: any tag, closing or not, or a blank line."""
_ANSWER = re.compile(r"<answer>(.*?)(?:</?answer>|$)", re.DOTALL)
_HALF_TAG = re.compile(r"<[|/]?[a-z_]*\Z")
_OWN = re.compile("(" + "|".join(map(re.escape, THINKING)) + ")")


@dataclass(frozen=True, slots=True)
class Markup:
    """The opening tags of one protocol, which must differ in their first two characters."""

    query: str
    answer: str

    @property
    def stops(self) -> tuple[str, str]:
        return self.query[2:], self.answer[2:]

    @property
    def ends(self) -> tuple[str, str]:
        return self.query[:2], self.answer[:2]

    def think(self, prompt: Prompt, so_far: str, cap: int) -> Think:
        """Go on until a query or an answer opens."""
        return Think(continued(prompt, so_far), cap, self.stops, ends=self.ends)

    def opened(self, request: Think, reply: Reply) -> Action:
        """What followed the thought; `cut` when the budget ended or refused it."""
        if malformed(request, reply):
            return "none"
        if reply.refused or reply.finish == "length":
            return "cut"
        return "query" if reply.text.endswith(self.ends[0]) else "answer"

    def thought(self, reply: Reply) -> str:
        """What was thought, as it is carried on: without the tag that ended it or a half one."""
        return carried(_HALF_TAG.sub("", reply.text))


def continued(prompt: Prompt, so_far: str) -> Prompt:
    """The prompt with the assistant's turn so far, to be continued."""
    return (*prompt, Message("assistant", so_far)) if so_far else prompt


def written(
    prompt: Prompt,
    so_far: str,
    what: Literal["query", "answer"],
    cap: int,
    stop: Sequence[str] = SHORT,
    form: Form | None = None,
) -> Write:
    """Write what belongs behind the tag or stem that has just been opened."""
    return Write(continued(prompt, so_far), what, cap, tuple(stop), form=form)


def carried(text: str) -> str:
    """The model's own words for its prompt: think tags stay, everything else that could be a marker is broken.

    "<think>so</think> <information>x" -> "<think>so</think>‹information>x"
    """
    return "".join(p if p in THINKING else blocks.lines(p) for p in _OWN.split(text))


def closed(thought: str) -> str:
    """The thought with its think tag closed, where it was left open."""
    is_open = thought.rfind(THINKING[0]) > thought.rfind(THINKING[1])
    return thought + THINKING[1] if is_open else thought


def waiting(text: str) -> str:
    """The assistant's turn for a thought that is told to go on.

    "So it is 4." -> "So it is 4.\\nWait"
    """
    return f"{blocks.lines(text)}\n{CUE}".lstrip()


def plain(thoughts: Sequence[str]) -> str:
    """Thoughts without tags, to be shown to a forced answer."""
    return "\n".join(_OWN.sub(" ", thought) for thought in thoughts)


def forced(
    question: Question, pool: Sequence[Ranked], thoughts: Sequence[str], cap: int
) -> Generator[Request, Reply, str]:
    """The closing generation without a search, by the template that all strategies share."""
    given, so_far = blocks.passage_block(pool), plain(thoughts)
    so_far += yield from dose(question, given, so_far)
    prompt = blocks.answer_prompt(question, given, thoughts=so_far)
    return last_answer((yield Write(prompt, "answer", cap, blocks.LINE)).text)


def wants_to_end(can_search: bool) -> End:
    """The model opens its answer; told to go on, it searches where the protocol still may, else it thinks."""
    return End(spend=("search", "think") if can_search else ("think",))


def dose(question: Question, given: str, so_far: str) -> Generator[Request, Reply, str]:
    """One thought more where thinking is a dose that is not spent; it goes on until it is. Otherwise nothing."""
    if (yield End(spend=("think",))).go_on is None:
        return ""
    prompt = blocks.think_prompt(question, given, blocks.thoughts_block(so_far))
    thought = yield Think(prompt, LONGEST, again=waiting)
    return f"\n{thought.text}"


def rows(passages: Sequence[Ranked], form: str) -> str:
    """One line a passage; `form` has places for its number, title and text."""
    return "\n".join(
        form.format(
            n=n,
            title=blocks.harmless(r.passage.title),
            text=blocks.harmless(r.passage.text),
        ).strip()
        for n, r in enumerate(passages, 1)
    )


def last_answer(text: str) -> str:
    """The last answer block, closed or not; the whole text where there is none.

    "<answer>A</answer> or <answer>B" -> "B"
    """
    found = _ANSWER.findall(text)
    return blocks.said(Reply(text=found[-1] if found else text))
