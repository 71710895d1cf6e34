"""Which examples are trained on, and how many of each: groups of several files, thinned by what they teach.

Questions of one or two look-ups are kept whole, since stopping in time is learnt from them; `unknown` is thinned, since
it is easily learnt and, said too often, hides what the model knows.

    python -m training.mix training/build/mix.jsonl training/build/examples.jsonl training/build/drill.jsonl
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

KEEP = {"sub-answer": 0.55, "iterative": 0.8, "closed_book": 0.25, "ending": 0.4}
"""Share of the groups of a task; 1 for the others."""
UNKNOWN = 0.35
"""Share of the rows that say that something is not known, and of look-ups in questions of many."""
FEW = 2
"""Look-ups of a question that are never thinned."""


def thinned(groups: Iterable[dict[str, Any]], seed: int) -> Iterator[dict[str, Any]]:
    """The groups that are kept, each with the rows that are kept."""
    rng = Random(seed)
    for group in groups:
        if rng.random() > KEEP.get(group["task"], 1.0):
            continue
        rows = [row for row in group["rows"] if rng.random() < share(group["task"], *row)]
        if rows:
            yield {"task": group["task"], "rows": rows}


def share(task: str, prompt: str, reply: str) -> float:
    """How often a row is kept."""
    if reply == "unknown" or reply.startswith("Not known"):
        return UNKNOWN
    if task == "sub-query" and reply != "done" and prompt.count("\n- ") > FEW:
        return UNKNOWN
    return 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    lines = [json.loads(line) for path in args.examples for line in path.read_text().splitlines()]
    kept = list(thinned(lines, args.seed))
    Random(args.seed).shuffle(kept)
    args.out.write_text("".join(json.dumps(group) + "\n" for group in kept))
    print(dict(Counter(group["task"] for group in kept)))


if __name__ == "__main__":
    main()
