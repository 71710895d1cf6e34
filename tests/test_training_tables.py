"""Figures of an adapter: rows that can be counted by hand, and gains that pair the same questions."""

from __future__ import annotations

from engine.types import Budget, Question, Run, RunConfig, Scores, Spent, Trace, Usage
from training.tables import gains, table, wilson


def _run(question: Question, search: int, think: int, em: float, used: int = 0) -> Run:
    trace = Trace(
        (),
        "",
        "answer",
        False,
        Spent(used, search),
        Spent(think, think),
        think,
        0,
        1,
        Usage(completion_tokens=think + 1),
        1.0,
    )
    config = RunConfig("corag", "m", "test", Budget(search, think))
    return Run(
        f"{question.id}-{search}-{think}", "t", question, config, trace, Scores(em=em, f1=em), None
    )


ASKED = tuple(
    Question(f"q{n}", "?", ("a",), ("p",), 2, 0, ("untrained-phrasing",) if n % 2 else ())
    for n in range(20)
)


def test_a_row_counts_the_right_answers_and_the_searches_of_its_cell() -> None:
    runs = [_run(q, 4, 0, float(n < 5), used=2) for n, q in enumerate(ASKED)]
    (together,) = [r for r in table(runs) if r["phrasing"] == "all"]
    assert (together["n"], together["em"], together["searches"]) == (20, 0.25, 2.0)
    (apart,) = [r for r in table(runs) if r["phrasing"] == "untrained-phrasing"]
    assert (apart["n"], apart["em"]) == (10, 0.2)
    low, high = wilson(5, 20)
    assert together["interval"] == [round(low, 3), round(high, 3)] and low < 0.25 < high


def test_a_gain_pairs_questions_and_holds_the_other_budget_at_its_largest() -> None:
    runs = [_run(q, s, 64, float(s == 4 and n < 15)) for n, q in enumerate(ASKED) for s in (0, 4)]
    runs += [_run(q, 4, 0, 1.0) for q in ASKED]
    found = {r["gain_from"]: r for r in gains(runs) if r["phrasing"] == "all"}
    assert (found["search"]["gain"], found["search"]["n"]) == (0.75, 20)
    assert found["think"]["gain"] == -0.25
    low, high = found["search"]["interval"]
    assert 0 < low < 0.75 < high


def test_one_budget_alone_gains_nothing_and_says_nothing() -> None:
    assert gains([_run(q, 1, 1, 1.0) for q in ASKED]) == []
