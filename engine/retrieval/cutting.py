"""Long texts into passages: whole sentences where that is possible, a little overlap, a bounded length.

It knows words, not the embedding's tokens: an English word is about 1.3 of them. A text without blanks (or one endless
word) is counted by its characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.types import Passage

CHARACTERS_A_WORD = 10
_ENDS = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n\s*\n")


@dataclass(frozen=True, slots=True)
class Cut:
    """How documents are cut; 0 words leave them whole."""

    words: int = 150
    """The longest passage."""
    overlap: int = 20
    """What the end of a passage and the beginning of the next may share, in words."""


WHOLE = Cut(0, 0)


def cut(documents: Iterable[Passage], how: Cut) -> Iterator[Passage]:
    """Documents as passages: one that is short enough stays as it is; the parts of another are numbered.

    Passage("a", "T", "One two. Three.") with 2 words -> a#1 "One two.", a#2 "Three."
    """
    for document in documents:
        if not how.words or size(document.text) <= how.words:
            yield document
            continue
        for number, text in enumerate(parts(document.text, how), 1):
            yield replace(document, id=f"{document.id}#{number}", text=text)


def parts(text: str, how: Cut) -> Iterator[str]:
    """A text in pieces of at most `how.words`, cut between sentences where one is not longer itself."""
    held: list[str] = []
    length = shared = 0
    for sentence in _sentences(text, how.words):
        more = size(sentence)
        if held and length + more > how.words:
            yield " ".join(held)
            held = _tail(held, min(how.overlap, how.words - more))
            length = shared = sum(map(size, held))
        held.append(sentence)
        length += more
    if length > shared or not shared:
        yield " ".join(held)


def size(text: str) -> int:
    """Words, or what would be words in a script without blanks."""
    return max(len(text.split()), len(text) // CHARACTERS_A_WORD)


def _sentences(text: str, most: int) -> Iterator[str]:
    for sentence in _ENDS.split(text):
        sentence = " ".join(sentence.split())
        if size(sentence) <= most:
            if sentence:
                yield sentence
            continue
        yield from _broken(sentence, most)


def _broken(sentence: str, most: int) -> Iterator[str]:
    """A sentence that is too long, between words; a word that is too long, anywhere."""
    held: list[str] = []
    longest = most * CHARACTERS_A_WORD
    for word in sentence.split():
        for at in range(0, len(word), longest):
            piece = word[at : at + longest]
            if held and size(" ".join([*held, piece])) > most:
                yield " ".join(held)
                held = []
            held.append(piece)
    if held:
        yield " ".join(held)


def _tail(sentences: list[str], words: int) -> list[str]:
    """The last sentences that are together no longer than this."""
    kept: list[str] = []
    for sentence in reversed(sentences):
        words -= size(sentence)
        if words < 0:
            break
        kept.insert(0, sentence)
    return kept
