"""The lines that an agent outside speaks, read strictly, and those that are said to it.

One JSON object a line (docs/external.md). A line that is no step is told as malformed, with the reason, and nothing
of it is obeyed. Tokens that are not told are estimated from the text, and the step says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.identity import content_hash
from engine.run.ports import Said, Task
from engine.run.requests import Act, Reply
from engine.types import Passage, Ranked, Usage

CHARACTERS_PER_TOKEN = 4
ESTIMATED = "tokens estimated"
UNTOLD = "tokens that no step told"
MOST_SHOWN = 400
"""Characters of a malformed line that are kept."""
ACTS: dict[str, Act] = {"think": "thought", "reading": "reading", "answer": "answer"}
Count = Annotated[int, Field(ge=0, le=100_000_000)]
Text = Annotated[str, Field(max_length=200_000)]
Short = Annotated[str, Field(max_length=4_000)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True)


class _Cached(_Part):
    cached_tokens: Count | None = None


class _Hidden(_Part):
    reasoning_tokens: Count | None = None


class _Usage(_Part):
    """As OpenAI-compatible endpoints report it, so that an agent can pass theirs on."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: _Cached | None = None
    completion_tokens_details: _Hidden | None = None


class _Passage(_Part):
    text: Text
    title: Short = ""
    id: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class _Line(_Part):
    type: Literal["think", "search", "reading", "answer", "usage"]
    text: Text = ""
    query: Short = ""
    own: bool = False
    tokens: Count | None = None
    usage: _Usage | None = None
    passages: Annotated[list[_Passage], Field(max_length=1_000)] = []


@dataclass
class Lines:
    """Reads one agent's lines in order; knows what they have told so far."""

    own: bool = False
    """Every search is the agent's own, since nothing can be sent back."""
    input_tokens: int = 0
    completion_tokens: int = 0
    without_input: int = 0
    """Steps that told their tokens, but not those of their prompts."""

    def read(self, raw: bytes, seconds: float = 0.0) -> Said | None:
        """The step on a line; None for a blank one and for totals that add nothing."""
        if not raw.strip():
            return None
        try:
            line = _Line.model_validate(json.loads(raw, parse_constant=_refuse))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            return _malformed(raw, seconds, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        except (ValueError, RecursionError):
            return _malformed(raw, seconds, "not JSON")
        if line.type == "search" and not line.query.strip():
            return _malformed(raw, seconds, "a search without a query")
        if line.type == "usage":
            return self._totals(line.usage or _Usage(), seconds)
        if line.type == "reading":
            return Said("reading", Reply(_clean(line.query), passages=_ranked(line.passages)))
        return self._step(line, seconds)

    def _step(self, line: _Line, seconds: float) -> Said:
        text = _clean(line.query if line.type == "search" else line.text)
        told = line.usage or _Usage()
        tokens = told.completion_tokens if line.tokens is None else line.tokens
        known = tokens is not None
        if tokens is None:
            tokens = -(-len(text) // CHARACTERS_PER_TOKEN)
        own = line.type == "search" and (line.own or self.own)
        usage = _usage(
            told, tokens, unreported=bool(tokens) and (not known or told.prompt_tokens is None)
        )
        if own:
            usage += Usage(queries=1)
        self.input_tokens += usage.input_tokens
        self.completion_tokens += tokens
        self.without_input += known and usage.unreported
        act: Act = ACTS.get(line.type, "search" if own else "query")
        reply = Reply(text, tokens=tokens, usage=usage, seconds=seconds, well_formed=True)
        return Said(act, reply, "" if known or not tokens else ESTIMATED)

    def _totals(self, told: _Usage, seconds: float) -> Said | None:
        """What the whole run took: what no step told is thinking, and prompts are known now."""
        tokens = max(0, (told.completion_tokens or 0) - self.completion_tokens)
        prompt = max(0, (told.prompt_tokens or 0) - self.input_tokens)
        settled = self.without_input if told.prompt_tokens is not None else 0
        usage = _usage(told.model_copy(update={"prompt_tokens": prompt}), tokens)
        usage += Usage(unreported=-settled)
        self.completion_tokens, self.without_input = (
            self.completion_tokens + tokens,
            self.without_input - settled,
        )
        self.input_tokens += prompt
        if not (tokens or prompt or settled):
            return None
        return Said("thought", Reply(tokens=tokens, usage=usage, seconds=seconds), UNTOLD)


def _usage(told: _Usage, tokens: int, unreported: bool = False) -> Usage:
    prompt = told.prompt_tokens or 0
    cached = (told.prompt_tokens_details or _Cached()).cached_tokens or 0
    hidden = (told.completion_tokens_details or _Hidden()).reasoning_tokens or 0
    return Usage(
        input_tokens=prompt,
        cached_input_tokens=min(cached, prompt),
        completion_tokens=tokens,
        reasoning_tokens=min(hidden, tokens),
        calls=int(tokens > 0),
        unreported=int(unreported),
    )


def _malformed(raw: bytes, seconds: float, reason: str) -> Said:
    shown = _clean(raw[: 4 * MOST_SHOWN].decode("utf-8", "replace"))[:MOST_SHOWN].strip()
    return Said(
        "malformed", Reply(shown, seconds=seconds, well_formed=False), f"malformed line: {reason}"
    )


def _ranked(passages: list[_Passage]) -> tuple[Ranked, ...]:
    """Passages as the agent saw them; one without an id is known by its text."""
    return tuple(
        Ranked(Passage(_clean(p.id or ""), _clean(p.title), _clean(p.text)), rank, p.score)
        if p.id
        else Ranked(
            Passage("seen-" + content_hash([p.title, p.text], 16), _clean(p.title), _clean(p.text)),
            rank,
            p.score,
        )
        for rank, p in enumerate(passages, 1)
    )


def _clean(text: str) -> str:
    """Text that can be stored: half of a character pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# ---------------------------------------------------------------------------------------------- to the agent


def task_line(task: Task) -> bytes:
    """The first line that an agent gets, or the body of the request."""
    return _line(
        {
            "type": "task",
            "question": task.question,
            "search": task.search,
            "think": task.think,
            "seed": task.seed,
            "temperature": task.temperature,
        }
    )


def given_line(given: Reply) -> bytes:
    """The answer to a query, or that a budget is spent."""
    if given.refused:
        return _line({"type": "refused", "budget": given.refused})
    passages = [
        {
            "id": r.passage.id,
            "title": r.passage.title,
            "text": r.passage.text,
            "rank": r.rank,
            "score": r.score,
        }
        for r in given.passages
    ]
    return _line({"type": "passages", "passages": passages})


def _line(body: dict[str, Any]) -> bytes:
    return (json.dumps(body) + "\n").encode()
