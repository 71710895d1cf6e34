"""What 8 bits save: a prompt read by the model on board as it is served, over the same with the installed 4-bit file.

Two children with the default adapter, asked in turn; tokens and seconds are those that the server tells. The ratio is
promised to be at most 0.8; writing is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from budgetscape import weights
from budgetscape.embedded import Child, EmbeddedServers
from budgetscape.wiring import SAMPLES

PROMISE = 0.8
ADAPTER = SAMPLES / "adapters" / "smollm2-135m-search.gguf"
PROMPT = (
    "The river town of Esker Haven was founded in the year 1702 by settlers from Lyssmoor. " * 10
)
WRITTEN = 18


def timings(child: Child) -> dict[str, Any]:
    """How long reading the prompt and writing some tokens took, in milliseconds, as the server tells."""
    body = {
        "prompt": PROMPT,
        "n_predict": WRITTEN,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": False,
        "lora": [{"id": 0, "scale": 1.0}],
    }
    head = {"Authorization": f"Bearer {child.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(
        child.url.removesuffix("/v1") + "/completion", json.dumps(body).encode(), head
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as reply:
        told: dict[str, Any] = json.load(reply)["timings"]
    return told


def started(servers: EmbeddedServers, file: Callable[[], Path]) -> Child:
    with patch.object(weights, "ready", file):
        return servers.ensure(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {PROMISE}")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    files = {"4 bits": lambda: weights.installed().path, "8 bits": weights.ready}
    with EmbeddedServers([ADAPTER]) as first, EmbeddedServers([ADAPTER]) as second:
        children = {
            name: started(servers, files[name])
            for name, servers in zip(files, (first, second), strict=True)
        }
        told = [{n: timings(c) for n, c in children.items()} for _ in range(options.rounds + 1)][1:]
    read = {n: statistics.median(t[n]["prompt_ms"] for t in told) for n in files}
    written = {n: statistics.median(t[n]["predicted_ms"] for t in told) for n in files}
    for name in files:
        print(
            f"{name}: {told[0][name]['prompt_n']} tokens read in {read[name]:.0f} ms, "
            f"{WRITTEN} written in {written[name]:.0f} ms"
        )
    ratio = read["8 bits"] / read["4 bits"]
    print(f"ratio {ratio:.3f}")
    if options.check and ratio > PROMISE:
        sys.exit(f"promised: at most {PROMISE}")


if __name__ == "__main__":
    main()
