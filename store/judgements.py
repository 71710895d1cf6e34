"""What a judge made of runs: journal lines of their own kind, checked, and the columns that they fill.

A line is known by its run and its judge (model and rubric). The columns `judge` and `citation_support` of a sweep's
runs come from one judge, the one that judged most of them, so that two judges are never pooled. Its cost stays here.
"""

from __future__ import annotations

from typing import Annotated, Any

import duckdb
from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one below Python 3.12

from engine.errors import Damaged
from engine.identity import content_hash, plain
from engine.judging import Judgement
from store.journal import Line
from store.rows import Amount, Count, Name, Row, Score, Text

KIND = "judgement"
METRICS = ("judge", "citation_support")


class _Usage(TypedDict):
    input_tokens: Count
    completion_tokens: Count
    calls: Count


class _Body(TypedDict):
    run_id: Name
    by: Annotated[str, Field(min_length=1, max_length=100)]
    model: Name
    judge: Score
    citation_support: Score
    reason: Text
    cited: Count
    decided: Count
    usage: _Usage
    seconds: Amount
    cost: Amount | None


_CHECK = TypeAdapter(_Body)


def judgement_id(run_id: str, by: str) -> str:
    return "j" + content_hash([run_id, by], 31)


def to_body(made: Judgement, by: str, model: str, cost: float | None) -> dict[str, Any]:
    """A judgement as JSON types; `by` is the judge's fingerprint."""
    return {**plain(made), "by": by, "model": model, "cost": cost}


def row_of(line: Line, sweep: str) -> Row:
    """The row of a judgement's line; Damaged says what is wrong with it."""
    try:
        body = _CHECK.validate_python(line.body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Damaged(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if line.id != judgement_id(body["run_id"], body["by"]):
        raise Damaged("its id is not that of its run and judge")
    rest = {k: body[k] for k in _Body.__annotations__ if k != "usage"}  # type: ignore[literal-required]
    spent = {k: body["usage"][k] for k in _Usage.__annotations__}  # type: ignore[literal-required]
    return {"id": line.id, "sha": line.sha, "sweep": sweep, **rest, **spent}


def mark_stale(db: duckdb.DuckDBPyConnection, sweeps: set[str]) -> None:
    """New judgements may change which judge speaks for a sweep: all of it is summed again."""
    for sweep in sorted(sweeps):
        db.execute(
            "INSERT INTO stale SELECT DISTINCT sweep, config FROM runs ANTI JOIN stale "
            "USING (sweep, config) WHERE sweep = ?",
            [sweep],
        )


def fill(db: duckdb.DuckDBPyConnection) -> None:
    """Put the scores of each sweep's judge beside the runs of the stale configurations."""
    if not db.execute("SELECT 1 FROM judgements SEMI JOIN stale USING (sweep) LIMIT 1").fetchone():
        return
    db.execute("""
        WITH speaks AS (
            SELECT sweep, "by" FROM judgements GROUP BY sweep, "by"
            QUALIFY row_number() OVER (PARTITION BY sweep ORDER BY count(*) DESC, "by") = 1
        ),
        said AS (
            SELECT r.id, r.sweep, j.judge, j.citation_support
            FROM runs r SEMI JOIN stale USING (sweep, config)
            LEFT JOIN (FROM judgements SEMI JOIN speaks USING (sweep, "by")) j
                   ON j.run_id = r.id AND j.sweep = r.sweep
            WHERE r.sweep IN (SELECT sweep FROM speaks)
        )
        UPDATE runs SET judge = said.judge, citation_support = said.citation_support
        FROM said WHERE runs.id = said.id AND runs.sweep = said.sweep
    """)
