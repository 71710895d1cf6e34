"""What a rollout is worth: the rewards of Search-R1 and of both stages of R1-Searcher, from its text alone.

Sources: Search-R1 (arXiv 2503.09516): exact match of the last answer block, nothing else. R1-Searcher (arXiv
2503.05592): first half a point for a look-up whose tags are whole and half for the form of thought and answer, then
F1 less two for a break of form. A text is the assistant's turn as it ended, its opened `<think>` included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from engine.grading import exact_match, f1

Reward = Callable[[str, Sequence[str]], float]
LONGEST_ANSWER = 10
"""Words."""
RETRIEVING = FORM = 0.5
PENALTY = 2.0
_TAGS = (
    "<|begin_of_query|>",
    "<|end_of_query|>",
    "<|begin_of_documents|>",
    "<|end_of_documents|>",
)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_DOCUMENTS = re.compile(r"<\|begin_of_documents\|>.*?<\|end_of_documents\|>", re.DOTALL)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def answer_of(text: str) -> str:
    """The last closed answer block; empty where there is none: an unclosed one is a wrong answer."""
    found = _ANSWER.findall(text)
    return found[-1].strip() if found else ""


def search_r1(text: str, gold: Sequence[str]) -> float:
    """1 or 0."""
    return exact_match(answer_of(text), gold)


def r1_searcher_first(text: str, _gold: Sequence[str]) -> float:
    """0, .5 or 1, whatever was answered."""
    return RETRIEVING * _looked_up(text) + FORM * _in_form(text)


def r1_searcher_second(text: str, gold: Sequence[str]) -> float:
    """-2 to 1."""
    return f1(answer_of(text), gold) - PENALTY * (not _in_form(text) or not _tags_match(text))


REWARDS: Mapping[str, Reward] = {
    "search_r1": search_r1,
    "r1_searcher_first": r1_searcher_first,
    "r1_searcher_second": r1_searcher_second,
}


LEAST: Mapping[str, float] = {"r1_searcher_second": -PENALTY}
"""The lowest reward, where it is not 0; the highest is 1."""


def _counts(text: str) -> list[int]:
    return [text.count(tag) for tag in _TAGS]


def _tags_match(text: str) -> bool:
    return len(set(_counts(text))) == 1


def _looked_up(text: str) -> bool:
    return _tags_match(text) and _counts(text)[0] >= 1


def _in_form(text: str) -> bool:
    """One thought, then one short answer without a look-up in it, and nothing of the chat's own words."""
    own = _DOCUMENTS.sub("", text)
    answers = _ANSWER.findall(own)
    return (
        own.count("<think>") == own.count("</think>") == 1
        and own.count("<answer>") == own.count("</answer>") == len(answers) == 1
        and own.index("</think>") < own.index("<answer>")
        and not any(tag in answers[0] for tag in _TAGS)
        and len(answers[0].split()) <= LONGEST_ANSWER
        and "assistant" not in own.lower()
        and not _CHINESE.search(own)
    )
