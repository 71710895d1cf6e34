"""Groups of examples as trees, in a mixed order, and several of them side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from training.chat import END, Tokens
from training.packing import Tree, tree


def groups(
    paths: Sequence[Path], tokens: Tokens, most: int, readers: int = 0
) -> Iterator[tuple[str, Tree]]:
    """Groups in an order mixed over all worlds, over and over; those of more than `most` nodes are left out.

    `readers`: processes that make the trees beforehand. Raises ValueError where there are none.
    """
    lines = [line for path in paths for line in path.read_text().splitlines()]
    if not lines:
        raise ValueError(f"no examples in {', '.join(map(str, paths))}")
    made = DataLoader(
        _Groups(lines, tokens),
        batch_size=None,
        sampler=_Orders(len(lines)),
        num_workers=readers,
        prefetch_factor=16 if readers else None,
        multiprocessing_context="fork" if readers else None,
        collate_fn=lambda one: one,
    )
    yield from (one for one in made if len(one[1].ids) <= most)


@dataclass
class _Groups(Dataset[tuple[str, Tree]]):
    lines: Sequence[str]
    tokens: Tokens

    def __getitem__(self, number: int) -> tuple[str, Tree]:
        return group_of(self.tokens, self.lines[number])


class _Orders(Sampler[int]):
    """All numbers below `count` in one random order after the other."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        for turn in range(1_000):
            order = list(range(self.count))
            Random(turn).shuffle(order)
            yield from order


def group_of(tokens: Tokens, line: str) -> tuple[str, Tree]:
    """The task of a line of examples and its rows as a tree."""
    group = json.loads(line)
    end = "" if group.get("goes_on") else END
    return group["task"], tree(
        [(tokens.ids(p), tokens.ids(reply + end)) for p, reply in group["rows"]]
    )


def beside(parts: Sequence[Tree]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(n, t) tokens, (n, t) positions and (n, t, t) what sees what; what fills a shorter tree up sees itself, and
    t is a multiple of 8, which GPUs want."""
    longest = -(-max(len(p.ids) for p in parts) // 8) * 8
    ids = torch.zeros(len(parts), longest, dtype=torch.long)
    depths, sees = (
        torch.zeros_like(ids),
        torch.eye(longest, dtype=torch.bool).repeat(len(parts), 1, 1),
    )
    for n, part in enumerate(parts):
        size = len(part.ids)
        ids[n, :size] = torch.from_numpy(part.ids)
        depths[n, :size] = torch.from_numpy(part.depths)
        sees[n, :size, :size] = torch.from_numpy(part.sees)
    return ids, depths, sees
