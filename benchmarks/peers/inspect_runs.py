"""As many one-call runs by inspect-ai, in the environment of its own: prints their seconds.

python inspect_runs.py URL RUNS PLACES; `make peer` makes the environment. Each sample is one generation and no score;
its connections and samples at once are the endpoint's places, everything else is as it comes.
"""

import os
import sys
import tempfile
import time

from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.solver import generate, system_message


def main(url: str, runs: int, places: int) -> None:
    os.environ |= {"FIXED_API_KEY": "none", "FIXED_BASE_URL": url}
    asked = [
        Sample(f"Question: Where was ship {n} built?", target="Pirnby", id=n)
        for n in range(1, runs + 1)
    ]
    task = Task(
        dataset=MemoryDataset(asked),
        solver=[system_message("Answer the question with a few words."), generate()],
    )
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        (log,) = eval(
            task,
            model="openai-api/fixed/fixed",
            log_dir=folder,
            display="none",
            max_connections=places,
            max_samples=places,
            max_tokens=128,
            temperature=0.0,
            top_p=1.0,
            seed=0,
            stop_seqs=["\n"],
        )
        seconds = time.perf_counter() - began
    done = log.results.completed_samples if log.results else 0
    if log.status != "success" or done != runs:
        sys.exit(f"inspect-ai ended with {log.status} and {done} of {runs} samples: {log.error}")
    print(seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
