"""A trajectory's body as rows of tables: checked, and without its steps, calls and passages.

The bodies come from files that others may have written, so every value is checked for kind and size here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from engine.errors import Damaged
from engine.identity import canonical_json, content_hash
from engine.types import Mode, StoppedBy, ThinkMode
from store.journal import Line

Row = dict[str, Any]
Count = Annotated[int, Field(ge=0, le=2**53)]
Small = Annotated[int, Field(ge=0, le=2**31 - 1)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None
Amount = Annotated[float, Field(allow_inf_nan=False)]


def writable(text: Any) -> Any:
    """Half of a character pair, as models leave behind, cannot be stored as UTF-8: it becomes a question mark."""
    if not isinstance(text, str) or text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()


Text = Annotated[str, Field(max_length=10_000_000), BeforeValidator(writable)]
Name = Annotated[str, Field(max_length=500), BeforeValidator(writable)]


class _Budget(TypedDict):
    search: Small
    think: Small
    search_mode: Mode
    think_mode: ThinkMode


class _Spent(TypedDict):
    used: Small


class _Tokens(TypedDict):
    thinking: Count
    query: Count
    answer: Count


class _Usage(TypedDict):
    input_tokens: Count
    cached_input_tokens: Count
    completion_tokens: Count
    reasoning_tokens: Count
    queries: Count
    calls: Count


class _Scores(TypedDict, total=False):
    em: Score
    f1: Score
    contains: Score
    numeric: Score
    evidence_recall: Score


class _Run(TypedDict):
    turns: NotRequired[Count | None]
    """Not recorded by earlier versions: unknown."""
    well_formed: NotRequired[Count | None]
    id: Name
    leaf: Annotated[int, Field(ge=-1, le=2**31 - 1)]
    budget: _Budget
    answer: Text
    stopped_by: StoppedBy
    cut_off: bool
    search: _Spent
    think: _Spent
    tokens: _Tokens
    usage: _Usage
    seconds: Amount
    rounds: Count
    scores: _Scores
    cost: Amount | None


class _Failure(TypedDict):
    budget: _Budget
    error: Text


class _Question(TypedDict):
    id: Name
    text: Text
    answers: list[Text]
    supporting_ids: list[Text]
    hops: Small | None
    operations: Small | None
    tags: list[Name]


class _Decoding(TypedDict):
    temperature: Amount
    top_p: Amount


class _Config(TypedDict):
    strategy: Name
    model: Name
    index: Name | None
    knobs: dict[str, Any]
    decoding: _Decoding
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    fingerprint: Text
    index_recipe: Text
    prompt_hash: Text


class _Body(TypedDict):
    steps: NotRequired[Any]
    """Read by whoever wants a run whole; here only passages are counted, where it has the usual shape."""
    id: Name
    sweep: Name
    question: _Question
    config: _Config
    runs: list[_Run]
    failures: list[_Failure]
    paid: _Usage
    paid_cost: Amount | None


_CHECK = TypeAdapter(_Body)
LOGGED = "imported from"
"""The knob of runs that were made elsewhere: what they were shown is not known."""
PHRASINGS = ("trained-phrasing", "untrained-phrasing")


@dataclass(frozen=True, slots=True)
class Rows:
    """One trajectory for the tables."""

    trajectory: Row
    """Without its place in the journal."""
    config: Row
    runs: list[Row]
    failures: list[Row]


def rows_of(line: Line, sweep: str) -> Rows:
    """The rows of the trajectory that this line of a sweep's journal holds; Damaged says what is wrong with it."""
    try:
        body = _CHECK.validate_python(line.body, strict=True)
        if (body["sweep"], body["id"]) != (sweep, line.id):
            raise Damaged(f"{sweep}/{line.id} says to be {body['sweep']}/{body['id']}"[:300])
        if len({r["id"] for r in body["runs"]}) < len(body["runs"]):
            raise Damaged("two of its runs have one id")
        return _rows(body, line.sha)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (ValueError, RecursionError) as error:
        raise Damaged(f"it is no plain JSON ({type(error).__name__})") from None


def plan_row(line: Line) -> Row:
    """What a sweep's first line says of its plan; Damaged when it says nothing."""
    try:
        said, plan = line.body["hash"], canonical_json(line.body["plan"])
    except (KeyError, ValueError, RecursionError) as error:
        raise Damaged(f"it holds no plan ({type(error).__name__})") from None
    return {"hash": writable(str(said))[:500], "plan": writable(plan)}


def _rows(body: _Body, sha: str) -> Rows:
    question, config = body["question"], body["config"]
    alike = {k: v for k, v in config.items() if k != "seed"}
    key = content_hash(alike, 16)
    shared = {"sweep": body["sweep"], "question_id": question["id"]}
    who = {"strategy": config["strategy"], "model": config["model"]}
    made = {"config": key, "seed": config["seed"]}
    cell = {
        **shared,
        **who,
        **made,
        "trajectory_id": body["id"],
        "index_name": config["index"] or "",
        "question": question["text"],
        "hops": question["hops"],
        "operations": question["operations"],
        "tags": sorted(set(question["tags"])),
        "phrasing": next((p for p in PHRASINGS if p in question["tags"]), None),
    }
    shown = None if LOGGED in config["knobs"] else _shown(body.get("steps"))
    failed = {**shared, **who, "trajectory_id": body["id"]}
    return Rows(
        trajectory={**shared, **made, "id": body["id"], "sha": sha, **_paid(body)},
        config={"config": key, "content": writable(canonical_json(alike))},
        runs=[{**cell, **_run(run), "passages": _at(shown, run["leaf"])} for run in body["runs"]],
        failures=[{**failed, **f["budget"], "error": f["error"]} for f in body["failures"]],
    )


def _paid(body: _Body) -> Row:
    paid = body["paid"]
    return {
        "paid_input": paid["input_tokens"],
        "paid_cached": paid["cached_input_tokens"],
        "paid_completion": paid["completion_tokens"],
        "paid_queries": paid["queries"],
        "paid_calls": paid["calls"],
        "paid_cost": body["paid_cost"],
    }


def _run(run: _Run) -> Row:
    return {
        "id": run["id"],
        "leaf": run["leaf"],
        "answer": run["answer"],
        "stopped_by": run["stopped_by"],
        "cut_off": run["cut_off"],
        "seconds": run["seconds"],
        "rounds": run["rounds"],
        **_turns(run),
        "cost": run["cost"],
        **run["budget"],
        "search_used": run["search"]["used"],
        "think_used": run["think"]["used"],
        **{f"{kind}_tokens": n for kind, n in run["tokens"].items()},
        **run["usage"],
        **run["scores"],
    }


def _shown(steps: Any) -> list[int] | None:
    """How many passages were shown up to each step of the trie; None when it is none."""
    counts: list[int] = []
    try:
        for parent, step in steps:
            before = counts[parent] if parent >= 0 else 0
            counts.append(before + len(step.get("passages", ())))
    except (TypeError, ValueError, IndexError, AttributeError):
        return None
    return counts


def _at(counts: list[int] | None, leaf: int) -> int | None:
    if counts is None or leaf >= len(counts):
        return None
    return counts[leaf] if leaf >= 0 else 0


def _turns(run: _Run) -> Row:
    """Both counts, or neither; Damaged when more turns are well-formed than there are."""
    turns, formed = run.get("turns"), run.get("well_formed")
    if turns is None or formed is None:
        return {"turns": None, "well_formed": None}
    if formed > turns:
        raise Damaged(f"{formed} of {turns} turns are said to be well-formed")
    return {"turns": turns, "well_formed": formed}
