"""Scores of one answer against its gold, as the field computes them.

Normalisation and F1 follow SQuAD as used by Search-R1, CoRAG and FlashRAG: lower case, ASCII punctuation deleted
without a space, the words a/an/the dropped, white space collapsed, in that order. The yes/no guard of HotpotQA applies:
when one side is yes, no or noanswer and the other differs, F1 is 0. A missing answer is a wrong answer, never a skipped
one.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

from engine.types import Question, Reading, Scores, Step

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
_CLOSED = {"yes", "no", "noanswer"}


def normalised(text: str) -> str:
    """ "The U.S. navy" -> "us navy" """
    text = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def exact_match(answer: str, gold: Sequence[str]) -> float:
    """1.0 when the normalised answer equals any normalised gold alias."""
    said = bool(answer.strip())
    return float(said and normalised(answer) in {normalised(g) for g in gold})


def f1(answer: str, gold: Sequence[str]) -> float:
    """Token F1 over multisets, the best over aliases."""
    if not answer.strip():
        return 0.0
    return max((_f1(normalised(answer), normalised(g)) for g in gold), default=0.0)


def _f1(answer: str, gold: str) -> float:
    if answer != gold and (answer in _CLOSED or gold in _CLOSED):
        return 0.0
    left, right = Counter(answer.split()), Counter(gold.split())
    common = sum((left & right).values())
    if not common:
        return float(left == right)
    precision, recall = common / sum(left.values()), common / sum(right.values())
    return 2 * precision * recall / (precision + recall)


def contains(answer: str, gold: Sequence[str]) -> float:
    """1.0 when a normalised gold alias stands in the normalised answer as whole words."""
    padded = f" {normalised(answer)} "
    return float(any(f" {normalised(g)} " in padded for g in gold if normalised(g)))


def numeric(answer: str, gold: Sequence[str]) -> float | None:
    """1.0 when the last number of the answer equals a gold number; None when no gold is a number."""
    wanted = {_number(g) for g in gold if _NUMBER.fullmatch(g.strip())}
    if not wanted:
        return None
    found = _NUMBER.findall(answer)
    return float(bool(found) and _number(found[-1]) in wanted)


def _number(text: str) -> float:
    return float(text.strip().replace(",", ""))


def evidence_recall(supporting_ids: Iterable[str], steps: Iterable[Step]) -> float | None:
    """Share of the supporting passages that were shown; None when none is needed."""
    needed = set(supporting_ids)
    if not needed:
        return None
    shown = {r.passage.id for s in steps if isinstance(s, Reading) for r in s.passages}
    return len(needed & shown) / len(needed)


def scores(question: Question, answer: str, steps: Iterable[Step]) -> Scores:
    """All scores that the question's gold allows."""
    recall = evidence_recall(question.supporting_ids, steps)
    if not question.answers:
        return Scores(evidence_recall=recall)
    gold = question.answers
    return Scores(
        em=exact_match(answer, gold),
        f1=f1(answer, gold),
        contains=contains(answer, gold),
        numeric=numeric(answer, gold),
        evidence_recall=recall,
    )
