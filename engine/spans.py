"""A run as spans by OpenInference: an AGENT with an LLM for every text and a RETRIEVER for every look-up.

Source: the OpenInference specification (semantic conventions, annotations). Ids follow from the run's id, so that a run
that is sent twice is the same trace. A run keeps how long its steps took and not when: they are laid one after the
other from its start, branches side by side. Steps hold no prompts, so `llm.input_messages` is left out, and cost is in
the metadata with everything else of ours, since the convention's is in dollars.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from engine.identity import plain
from engine.types import Answer, Reading, Run, Search, Step, Stopped, Thought

Attribute = str | int | float | bool
KIND = "openinference.span.kind"
NO_EVIDENCE = "the search budget was spent"


@dataclass(frozen=True, slots=True)
class Span:
    """One span; times are seconds."""

    trace_id: int
    """128 bits."""
    id: int
    """64 bits."""
    parent: int | None
    name: str
    start: float
    end: float
    attributes: Mapping[str, Attribute]
    error: str = ""


def spans(run: Run, sweep: str, start: float) -> list[Span]:
    """The spans of a run that began at `start`, seconds since 1970; the root comes first."""
    trace_id, root = _id(run.id, "trace", 16), _id(run.id, "root", 8)
    steps = sorted(run.trace.steps, key=lambda step: step.path)
    children = [
        Span(
            trace_id,
            _id(run.id, f"{number} {step.path}", 8),
            root,
            name,
            start + begin,
            start + begin + step.seconds,
            attributes,
            error,
        )
        for number, (step, begin) in enumerate(_laid(steps))
        for name, attributes, error in _told(step, run)
    ]
    end = max([start + run.trace.seconds, *(child.end for child in children)])
    return [
        Span(trace_id, root, None, run.config.strategy, start, end, _whole(run, sweep)),
        *children,
    ]


def _id(run: str, what: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{run} {what}".encode()).digest()[:size]) or 1


# ---------------------------------------------------------------------------------------- attributes


def _whole(run: Run, sweep: str) -> dict[str, Attribute]:
    trace, config = run.trace, run.config
    metadata = {
        **{"sweep": sweep, "run": run.id, "question": run.question.id, "seed": config.seed},
        **{"strategy": config.strategy, "knobs": plain(config.knobs), "index": config.index},
        "budget": plain(config.budget),
        "used": {"search": trace.search.used, "think": trace.think.used},
        **{"stopped_by": trace.stopped_by, "cut_off": trace.cut_off, "cost": run.cost},
        **{"queries": trace.usage.queries, "seconds": trace.seconds},
    }
    return {
        KIND: "AGENT",
        **_text("input", run.question.text),
        **_text("output", trace.answer),
        "llm.model_name": config.model,
        **_tokens(trace.usage.input_tokens, trace.usage.completion_tokens),
        "llm.token_count.completion_details.reasoning": trace.thinking_tokens,
        "metadata": json.dumps(metadata, sort_keys=True, ensure_ascii=False),
        **_scores(run),
    }


def _scores(run: Run) -> dict[str, Attribute]:
    given = {name: score for name, score in plain(run.scores).items() if score is not None}
    told: dict[str, Attribute] = {}
    for number, (name, score) in enumerate(given.items()):
        prefix = f"annotations.{number}.annotation"
        told |= {
            f"{prefix}.name": name,
            f"{prefix}.score": float(score),
            f"{prefix}.annotator_kind": "CODE",
        }
    return told


def _told(step: Step, run: Run) -> list[tuple[str, dict[str, Attribute], str]]:
    """Name, attributes and error of what a step is; nothing for one in which nothing was made or looked up."""
    match step:
        case Thought() if step.refused:
            return []
        case Thought():
            return [("think", _written(step, step.text, run), "")]
        case Search() if step.refused:
            asked = {KIND: "RETRIEVER", **_text("input", step.query)}
            return [("search", asked, NO_EVIDENCE)]
        case Search() if step.tokens:
            return [("write query", _written(step, step.query, run), "")]
        case Reading():
            return [("search", _found(step), "")]
        case Answer():
            return [("answer", _written(step, step.text, run), "")]
        case Search() | Stopped():
            return []


def _written(step: Step, text: str, run: Run) -> dict[str, Attribute]:
    return {
        KIND: "LLM",
        "llm.model_name": run.config.model,
        "llm.invocation_parameters": json.dumps(plain(run.config.decoding), sort_keys=True),
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": text,
        **_text("output", text),
        **_tokens(step.input_tokens, step.tokens),
    }


def _found(step: Reading) -> dict[str, Attribute]:
    told: dict[str, Attribute] = {KIND: "RETRIEVER", **_text("input", step.query)}
    for number, one in enumerate(step.passages):
        prefix = f"retrieval.documents.{number}.document"
        told |= {
            f"{prefix}.id": one.passage.id,
            f"{prefix}.content": one.passage.text,
            f"{prefix}.score": float(one.score),
            f"{prefix}.metadata": json.dumps({"title": one.passage.title}, ensure_ascii=False),
        }
    return told


def _text(which: str, text: str) -> dict[str, Attribute]:
    return {f"{which}.value": text, f"{which}.mime_type": "text/plain"}


def _tokens(prompt: int, completion: int) -> dict[str, Attribute]:
    return {
        "llm.token_count.prompt": prompt,
        "llm.token_count.completion": completion,
        "llm.token_count.total": prompt + completion,
    }


# ---------------------------------------------------------------------------------------------- time


def _laid(steps: Sequence[Step]) -> list[tuple[Step, float]]:
    """Each step with the second at which it begins."""
    placed: list[tuple[Step, float]] = []
    _lay(steps, 0, 0.0, placed)
    return placed


def _lay(steps: Sequence[Step], depth: int, at: float, placed: list[tuple[Step, float]]) -> float:
    """Place steps from `at` on: requests one after the other, the branches of one side by side; when all are over."""
    for _, some in groupby(steps, key=lambda step: step.path[depth : depth + 1]):
        inner: list[Step] = []
        for step in some:
            if len(step.path) > depth + 1:
                inner.append(step)
            else:
                placed.append((step, at))
                at += step.seconds
        branches = [list(b) for _, b in groupby(inner, key=lambda step: step.path[depth + 1])]
        at = max((_lay(branch, depth + 2, at, placed) for branch in branches), default=at)
    return at
