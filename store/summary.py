"""Sums that add up: a surface over any slice without touching a run.

For each cell, configuration and stratum (hops, operations, phrasing) and each metric, over questions q with n_q scored
runs that sum to y_q:

    questions = G    n = sum n_q    y = sum y_q    yy = sum y_q^2    ny = sum n_q y_q    nn = sum n_q^2

A question lies in one stratum, so sums over strata are sums over questions, and `engine.analysis.cells` has the mean
and its interval from them. The other columns are sums over the scored runs; `cost`, `turns`, `well_formed` and
`passages` are unknown where one of them is. `turns` counts the texts that a protocol parsed, `well_formed` those that
had its form. Scores are added up with `fsum`, so that the order in which they came cannot show. Sweeps may share
questions: their sums must not be added up.
"""

from __future__ import annotations

import duckdb

from store import judgements

METRICS = ("em", "f1", "contains", "numeric", "evidence_recall", *judgements.METRICS)
STRATA = ("hops", "operations", "phrasing")


def refresh(db: duckdb.DuckDBPyConnection) -> None:
    """Do the sums of the stale configurations again, in one transaction."""
    if not db.execute("SELECT 1 FROM stale LIMIT 1").fetchone():
        return
    db.begin()
    try:
        db.execute(
            "DELETE FROM summary s USING stale t WHERE s.sweep = t.sweep AND s.config = t.config"
        )
        judgements.fill(db)
        for metric in METRICS:
            db.execute(_sums(metric), [metric])
        db.execute("DELETE FROM stale")
        db.commit()
    except BaseException:
        db.rollback()
        raise


def _sums(metric: str) -> str:
    score = f'"{metric}"'
    return f"""
        INSERT INTO summary
        WITH by_question AS (
            SELECT sweep, strategy, model, index_name, config, search, think, search_mode,
                   think_mode, hops, operations, phrasing, question_id,
                   count(*) AS n, fsum({score}) AS y, count_if(cut_off) AS cut_off,
                   sum(search_used) AS search_used, sum(think_used) AS think_used,
                   sum(input_tokens + completion_tokens) AS tokens, sum(seconds) AS seconds,
                   CASE WHEN count(cost) = count(*) THEN sum(cost) END AS cost,
                   CASE WHEN count(turns) = count(*) THEN sum(turns) END AS turns,
                   CASE WHEN count(well_formed) = count(*) THEN sum(well_formed) END AS well_formed,
                   sum(rounds) AS rounds,
                   CASE WHEN count(passages) = count(*) THEN sum(passages) END AS passages,
                   sum(completion_tokens) AS generated
            FROM runs SEMI JOIN stale USING (sweep, config)
            WHERE {score} IS NOT NULL
            GROUP BY ALL
        )
        SELECT sweep, strategy, model, index_name, config, search, think, search_mode, think_mode,
               hops, operations, phrasing, $1, count(*), sum(n), fsum(y), fsum(y * y), fsum(n * y),
               sum(n * n), sum(cut_off), sum(search_used), sum(think_used), sum(tokens),
               sum(seconds), CASE WHEN count(cost) = count(*) THEN sum(cost) END,
               CASE WHEN count(turns) = count(*) THEN sum(turns) END,
               CASE WHEN count(well_formed) = count(*) THEN sum(well_formed) END, sum(rounds),
               CASE WHEN count(passages) = count(*) THEN sum(passages) END, sum(generated)
        FROM by_question GROUP BY ALL
    """
