"""What the summary of every shipped sweep says first, recomputed from its rows by plain SQL and none of our code."""

from pathlib import Path

import duckdb
import pytest

from budgetscape.summarising import Wanted, summary
from store.bundles import install_bundles
from store.history import Store
from store.values import Slice

SWEEPS = Path(__file__).parents[1] / "sample_runs" / "sweeps"
SETTINGS = """
WITH runs AS (
    FROM runs SELECT * REPLACE (
        model || CASE search_mode WHEN 'force' THEN ' · search force' ELSE '' END
              || CASE think_mode WHEN 'force' THEN ' · think force' ELSE '' END AS model)
), cells AS (
    SELECT strategy, model, search, think, count(DISTINCT question_id) AS questions,
           avg(input_tokens + completion_tokens) AS tokens
    FROM runs GROUP BY ALL
), kept AS (SELECT * FROM cells WHERE questions * 2 >= (SELECT max(questions) FROM cells)),
whole AS (
    SELECT question_id FROM runs SEMI JOIN kept USING (strategy, model, search, think)
    GROUP BY ALL HAVING count(*) = (SELECT count(*) FROM kept)
)
SELECT strategy || ' · ' || model || ', search ' || search || ', think ' || think AS setting,
       avg(em) AS quality, any_value(tokens) AS tokens
FROM runs JOIN kept USING (strategy, model, search, think) SEMI JOIN whole USING (question_id)
GROUP BY strategy, model, search, think
"""
STEP = """
SELECT count(*) FILTER (after.em > before.em), count(*) FILTER (after.em < before.em), avg(after.em - before.em)
FROM runs before JOIN runs after USING (strategy, model, question_id)
WHERE strategy = ? AND model = ? AND before.think = after.think AND before.think = ?
AND before.search = ? AND after.search = ?
"""


@pytest.fixture(scope="module", params=sorted(p.name for p in SWEEPS.iterdir()))
def shipped(request, tmp_path_factory):
    """The summary of a shipped sweep, and its rows in a database that has nothing else."""
    from store.home import Home

    home = Home(tmp_path_factory.mktemp("home")).ensure()
    install_bundles(home, SWEEPS)
    with Store.scratch(home, [request.param]) as store:
        info = summary(store, Wanted(request.param, Slice(sweeps=(request.param,))))
    with duckdb.connect() as db:
        db.read_parquet(str(SWEEPS / request.param / "runs.parquet")).create("runs")
        yield info, db


def _whose(surface):
    """Strategy and model of a surface's name."""
    return surface.split(" · ")[:2]


def test_the_recommendation_and_its_saving(shipped):
    info, db = shipped
    by_hand = {name: (quality, tokens) for name, quality, tokens in db.execute(SETTINGS).fetchall()}
    pick, best, saving, _ = info.card.facts
    assert best.value == f"{max(quality for quality, _ in by_hand.values()):.3f}"
    assert pick.value == f"{by_hand[pick.meaning][0]:.3f}"
    assert saving.value == f"{1 - by_hand[pick.meaning][1] / by_hand[best.meaning][1]:.0%}"


def test_every_setting_stands_with_its_quality_and_its_tokens(shipped):
    info, db = shipped
    by_hand = {name: (quality, tokens) for name, quality, tokens in db.execute(SETTINGS).fetchall()}
    assert {s.setting for s in info.card.standings} == by_hand.keys()
    for s in info.card.standings:
        assert (s.quality, s.spend) == pytest.approx(by_hand[s.setting])


def test_what_more_searching_bought(shipped):
    info, db = shipped
    example = info.examples[0]
    search, think = (int(part.split()[0]) for part in example.after.budget.split(", "))
    before = int(example.before.budget.split()[0])
    won, lost, gain = db.execute(
        STEP, [*_whose(info.examples_of), think, before, search]
    ).fetchone()
    assert f"won {won}, lost {lost}," in example.bought
    assert example.bought.startswith(f"{100 * gain:+.1f} [")


def test_how_much_of_the_largest_budgets_was_used(shipped):
    info, db = shipped
    whose = _whose(info.card.facts[0].meaning.split(",")[0])
    own = "FROM runs WHERE strategy = ? AND model = ?"
    search, think = db.execute(
        f"SELECT search, think {own} ORDER BY ALL DESC LIMIT 1", whose
    ).fetchone()
    used = db.execute(
        f"SELECT avg(search_used / ?), avg(think_used / ?) {own} AND search = ? AND think = ?",
        [search, think, *whose, search, think],
    ).fetchone()
    told = next((c for c in info.caveats if c.startswith("Budgets are permissions")), "")
    for share, name in zip(used, ("searches", "thinking"), strict=True):
        assert (f"{share:.0%} of the {name}" in told) == (share < 0.75)


def test_how_many_right_answers_had_not_seen_the_evidence(shipped):
    info, db = shipped
    name = info.card.facts[0].meaning
    search, think = (int(part.split()[1]) for part in name.split(", ")[1:])
    right, unseen = db.execute(
        "SELECT count(*), count(*) FILTER (evidence_recall < 1) FROM runs WHERE em = 1 AND evidence_recall IS NOT NULL "
        "AND strategy = ? AND model = ? AND search = ? AND think = ?",
        [*_whose(name.split(",")[0]), search, think],
    ).fetchone()
    told = [c for c in info.caveats if "whose evidence is known" in c]
    assert bool(told) == bool(unseen)
    assert all(f"Of {right} right answer" in c and f"known, {unseen} came" in c for c in told)
