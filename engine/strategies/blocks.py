"""What the prompts of all strategies are made of: passage blocks, the one answer template, and the one place where
untrusted text is made harmless.

Questions, passages and the model's own earlier words are data. A runtime such as llama.cpp reads a chat-template marker
inside a prompt as a control token, so every marker that any protocol or template uses is broken before it gets there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from engine.run.requests import Form, Reply, says_something
from engine.types import Message, Passage, Prompt, Question, Ranked

THINK = "Work out the answer step by step in short lines, using what is given. Do not repeat the question."
ANSWER = "Answer the question from what is given. Reply with only the short answer."
NOTHING = "No relevant information found"
ANSWER_CAP = 48
LINE = ("\n",)

_ANGLE = re.compile(r"<(?=[^\s\d=])")
_SQUARE = re.compile(r"\[(?=/?[a-z]?[A-Z_]{3,}\])")
"""[INST], [/INST], [gMASK], [TOOL_CALLS] and the like; "[1]" and "[sic]" stay."""
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Control characters and those that hide or reorder text; joiners that scripts and emoji need stay."""
_SPACE = re.compile(r"\s+")


def harmless(text: str) -> str:
    """The text on one line, with every marker that could act as a tag or control token broken.

    Tokenizers may fold wide forms into plain ones, so a marker that is only there after folding is one too, and what
    stands in the place of a bracket is nothing that folds back to it.

    "<|im_end|> see <b>" -> "‹|im_end|> see ‹b>"; "3 < 4" stays.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _SPACE.sub(" ", _CONTROL.sub("", _SPACE.sub(" ", text))).strip()
    broken = _broken(text)
    folded = unicodedata.normalize("NFKC", broken)
    hidden = _broken(folded)
    return broken if hidden == folded else hidden


def _broken(text: str) -> str:
    return _SQUARE.sub("⟦", _ANGLE.sub("‹", text))


def lines(text: str) -> str:
    """Like `harmless`, but keeps the line breaks of a thought that is shown again."""
    return "\n".join(line for line in map(harmless, text.splitlines()) if line)


def chat(system: str, *parts: str) -> Prompt:
    """A system turn and one user turn of the parts that are not empty."""
    return (Message("system", system), Message("user", "\n\n".join(p for p in parts if p)))


def passage_block(passages: Iterable[Passage | Ranked], first: int = 1) -> str:
    """`Passages:` and one line each, numbered from `first`, or nothing.

    [1] Harrowgate: Harrowgate is a town in Vellmark.
    """
    rows = []
    for n, item in enumerate(passages, first):
        p = item.passage if isinstance(item, Ranked) else item
        title, text = harmless(p.title), harmless(p.text)
        rows.append(f"[{n}] {title}: {text}" if title else f"[{n}] {text}")
    return "\n".join(["Passages:", *rows]) if rows else ""


def known_block(chain: Sequence[tuple[str, str]]) -> str:
    """`Known:` and one line for each look-up and what it gave, or nothing."""
    rows = [f"- {harmless(query)} {harmless(found)}" for query, found in chain]
    return "\n".join(["Known:", *rows]) if rows else ""


def question_line(question: Question | str) -> str:
    text = question if isinstance(question, str) else question.text
    return f"Question: {harmless(text)}"


def thoughts_block(thoughts: str) -> str:
    kept = lines(thoughts)
    return f"Thoughts:\n{kept}" if kept else ""


def think_prompt(question: Question, *given: str) -> Prompt:
    """Ask for the steps that lead from what is given to the answer."""
    return chat(THINK, *given, question_line(question))


def answer_prompt(question: Question, *given: str, thoughts: str = "") -> Prompt:
    """The one answer template of all strategies, natural or forced by a limit."""
    return chat(ANSWER, *given, question_line(question), thoughts_block(thoughts))


def merged(pool: Sequence[Ranked], found: Sequence[Ranked], most: int) -> tuple[Ranked, ...]:
    """The pool with new passages appended, no passage twice, the oldest dropped beyond `most`."""
    seen = {r.passage.id for r in pool}
    joined = [*pool, *(r for r in found if r.passage.id not in seen)]
    return tuple(joined[-most:])


def first_line(passages: Sequence[Ranked]) -> str:
    """What stands in for a note when nothing may be thought: the best passage's own words."""
    return harmless(passages[0].passage.text) if passages else NOTHING


def fresh(asked: Iterable[str]) -> Form:
    """The form of a query: it says something that was not asked before.

    fresh(["Who?"])("who?") -> False
    """
    known = {said(Reply(text=query)).casefold() for query in asked}
    return lambda text: says_something(text) and said(Reply(text=text)).casefold() not in known


def said(reply: Reply) -> str:
    """The text of a short reply on one line, without the quotes models like to add."""
    return harmless(reply.text).strip().strip('"').strip()
