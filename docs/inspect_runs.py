"""Logs of inspect-ai as rows for `budgetscape runs`: run it where inspect-ai is, whose own reader it uses.

    python inspect_runs.py [--search-tool NAME ...] LOG.eval ... > runs.jsonl

A row is one sample at one epoch. Every tool call counts as a search, or those of the tools that are named. Scores are
those of the first scorer, as inspect-ai turns them into numbers. A sample that ended in an error is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def row(log: Any, sample: Any, as_number: Any, tools: set[str]) -> dict[str, Any]:
    """What one sample tells of a run; what it does not tell is left out."""
    used = list((sample.model_usage or {}).values())
    calls = [c for m in sample.messages for c in (getattr(m, "tool_calls", None) or [])]
    found = {
        "question_id": str(sample.id),
        "question": sample.input_text if hasattr(sample, "input_text") else _asked(sample.input),
        "answer": sample.output.completion if sample.output else "",
        "gold": [sample.target] if isinstance(sample.target, str) else list(sample.target),
        "strategy": _named(log.eval),
        "model": log.eval.model,
        "searches": sum(not tools or call.function in tools for call in calls),
        "thinking_budget": log.eval.model_generate_config.reasoning_tokens,
        "reasoning_tokens": sum(u.reasoning_tokens or 0 for u in used),
        "input_tokens": sum(u.input_tokens for u in used),
        "completion_tokens": sum(u.output_tokens for u in used),
        "seconds": sample.working_time or sample.total_time,
    }
    for score in (sample.scores or {}).values():
        found["accuracy"] = as_number(score.value)
        break
    return {name: value for name, value in found.items() if value not in (None, [""])}


def _asked(given: Any) -> str:
    if isinstance(given, str):
        return given
    return "\n".join(message.text for message in given if message.role == "user")


def _named(about: Any) -> str:
    """The task, and its solver where it tells one."""
    return f"{about.task} {about.solver}" if about.solver else about.task


def main() -> None:
    from inspect_ai.log import read_eval_log
    from inspect_ai.scorer import value_to_float

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+")
    parser.add_argument("--search-tool", action="append", default=[])
    options = parser.parse_args()
    as_number, left_out = value_to_float(), 0
    for path in options.logs:
        log = read_eval_log(path)
        for sample in log.samples or []:
            if sample.error is not None:
                left_out += 1
                continue
            print(json.dumps(row(log, sample, as_number, set(options.search_tool))))
    if left_out:
        print(f"{left_out} samples ended in an error and were left out", file=sys.stderr)


if __name__ == "__main__":
    main()
