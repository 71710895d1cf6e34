"""What each slot has read, so that a text which begins as another did is read from there on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORTH = 32
"""Tokens from which on it pays to wait for another text, or to copy from another slot."""
NOTHING = -1


class Held:
    """Tokens by slot and place."""

    def __init__(self, slots: int, length: int) -> None:
        self._ids = np.full((slots, length), NOTHING)

    def clear(self) -> None:
        """All slots are empty."""
        self._ids[:] = NOTHING

    def shared(self, text: Sequence[int]) -> NDArray[np.int64]:
        """(slots,) how many of its first tokens each slot holds."""
        differ = self._ids[:, : len(text)] != np.array(text)
        found: NDArray[np.int64] = np.where(differ.any(1), differ.argmax(1), len(text))
        return found

    def hold(self, slot: int, text: Sequence[int]) -> None:
        """The slot holds this, and nothing after it."""
        self._ids[slot, : len(text)] = text
        self._ids[slot, len(text) :] = NOTHING

    def add(self, slot: int, place: int, token: int) -> None:
        """One more."""
        self._ids[slot, place] = token

    def apart(self, texts: Sequence[Sequence[int]]) -> list[int]:
        """Which of the texts to read now: the others begin as one of these does, and are read from what it leaves."""
        now: list[int] = []
        for number, text in enumerate(texts):
            beside = max((common(texts[other], text) for other in now), default=0)
            if beside <= self.shared(text).max() + WORTH:
                now.append(number)
        return now


def common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    count = min(len(one), len(other))
    differ = np.flatnonzero(np.array(one[:count]) != np.array(other[:count]))
    return int(differ[0]) if len(differ) else count
