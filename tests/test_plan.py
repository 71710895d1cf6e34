"""Plans: what a TOML file asks for, which line is wrong, and the jobs that follow."""

from collections import Counter

import pytest

from budgetscape.wiring import SAMPLES
from engine.errors import InputError
from engine.sweeps.jobs import Ground, jobs
from engine.sweeps.lines import line_of
from engine.sweeps.picking import Strata, picked
from engine.sweeps.plan import read_plan
from engine.sweeps.quote import Measured, pilot, quote
from engine.types import Budget, Question

PLAN = """
name = "first-look"
strategies = ["closed_book", "single_retrieval", "corag"]
models = ["m"]
index = "i"
questions = "q"
search = [0, 1, 4]
think = [0, 32]
seeds = [0, 1]
limit = 2
[knobs.corag]
top_k = 5
"""
GROUND = Ground({"m": "print"}, "recipe")
QUESTIONS = [Question(f"q{i}", f"What is {i}?", (str(i),)) for i in range(3)]


def test_a_plan_makes_one_job_for_each_question_strategy_and_seed():
    made = list(jobs(read_plan(PLAN), QUESTIONS, GROUND))
    assert len(made) == 2 * 3 * 2
    assert len({j.id for j in made}) == len(made)
    assert [j.question.id for j in made[:6]] == ["q0"] * 3 + ["q1"] * 3


def test_cells_that_a_strategy_cannot_reach_are_missing():
    by_name = {j.config.strategy: j.budgets for j in jobs(read_plan(PLAN), QUESTIONS, GROUND)}
    assert {b.search for b in by_name["closed_book"]} == {0}
    assert {b.search for b in by_name["single_retrieval"]} == {0, 1}
    assert Budget(4, 32) in by_name["corag"]


def test_knobs_reach_the_configuration_whole():
    job = next(j for j in jobs(read_plan(PLAN), QUESTIONS, GROUND) if j.config.strategy == "corag")
    assert job.config.knobs["top_k"] == 5
    assert job.config.knobs["length"] == 8


def test_equal_plans_have_equal_hashes_and_a_changed_one_has_another():
    assert read_plan(PLAN).hash == read_plan(PLAN + "\n# a remark").hash
    assert read_plan(PLAN).hash != read_plan(PLAN.replace("32", "64")).hash


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"corag"]', '"corga"]', "did you mean 'corag'"),
        ("search = [0, 1, 4]", "search = [0, -1]", "line 7: search"),
        ("search = [0, 1, 4]", "search = [1, 1]", "listed twice"),
        ("limit = 2", "limit = 0", "line 10: limit"),
        ("limit = 2", "limits = 2", "line 10: limits"),
        ('name = "first-look"', 'name = "../etc"', "name"),
        ("top_k = 5", 'top_k = "many"', "knob top_k"),
        ('index = "i"', "", "needs an index"),
        ("think = [0, 32]", "think = [0, 32", "not valid TOML"),
        ("think = [0, 32]", "think = [10000000000]", "think"),
        ("top_k = 5", "top_k = 5\nlength = -1", "line 13: strategy corag: knob length"),
        ("[knobs.corag]", "[knobs.iterative]", "line 11: knobs.iterative"),
        ("[knobs.corag]", "[knobs.corga]", "line 11: strategy 'corga'"),
        ('"corag"]', '"corag", "corag"]', "line 3: strategies"),
        ("limit = 2", 'limit = 2\nthink_mode = "dose"', "line 11: think_mode"),
        ("limit = 2", "limit = 2\nsamples = 0", "line 11: samples"),
        ("limit = 2", "limit = 2\nstrata = {hops = []}", "line 11: strata.hops"),
        ("limit = 2", "limit = 2\ncaps.cost = 0", "line 11: caps.cost"),
        ("limit = 2", "limit = 2\ncaps.money = 1", "line 11: caps.money"),
        (
            "search = [0, 1, 4]",
            "search = [1, 4]",
            "line 3: strategies: closed_book reaches no cell",
        ),
    ],
)
def test_a_wrong_plan_gets_one_line_that_names_the_field(old, new, said):
    with pytest.raises(InputError) as caught:
        read_plan(PLAN.replace(old, new), "plan.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "plan.toml" in str(caught.value)


def test_the_pilot_covers_each_strategy_that_nothing_is_known_of():
    made = list(jobs(read_plan(PLAN), QUESTIONS, GROUND))
    assert [j.config.strategy for j in pilot(made, [])] == [
        "closed_book",
        "single_retrieval",
        "corag",
    ]
    known = [Measured(("corag", "m"), 1.0, 10)]
    assert "corag" not in [j.config.strategy for j in pilot(made, known)]


def test_the_quote_adds_up_what_was_measured_and_divides_by_what_runs_at_once():
    made = [j for j in jobs(read_plan(PLAN), QUESTIONS, GROUND) if j.config.strategy == "corag"]
    known = [Measured(("corag", "m"), 10.0, 100)]
    assert quote(made, known, 1).seconds_p50 == pytest.approx(40.0)
    assert quote(made, known, 2).seconds_p90 == pytest.approx(20.0)
    assert quote(made, known).runs == sum(len(j.budgets) for j in made)


def test_a_plan_whose_budgets_are_doses_makes_forced_cells_where_they_can_be_forced():
    forced = read_plan(
        PLAN.replace("think =", 'search_mode = "force"\nthink_mode = "force"\nthink =')
    )
    by_name = {j.config.strategy: j.budgets for j in jobs(forced, QUESTIONS, GROUND)}
    assert Budget(4, 32, "force", "force") in by_name["corag"]
    assert Budget(0, 32, "force", "force") in by_name["closed_book"]
    wide = read_plan(
        PLAN.replace("closed_book", "fan_out").replace("think =", 'search_mode = "force"\nthink =')
    )
    fan_out = next(j for j in jobs(wide, QUESTIONS, GROUND) if j.config.strategy == "fan_out")
    assert {b.search for b in fan_out.budgets} == {0}
    assert forced.hash != read_plan(PLAN).hash


def test_plans_of_earlier_versions_keep_their_hashes():
    assert read_plan(PLAN).hash == "38c738763c4be28e"
    said = read_plan(PLAN.replace("think =", 'search_mode = "cap"\nthink ='))
    assert said.hash == read_plan(PLAN).hash


def test_a_mode_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="think_mode"):
        read_plan(PLAN.replace("think =", 'think_mode = "may"\nthink ='))


def test_the_plan_of_the_shipped_sweep_keeps_the_hash_it_was_journalled_with():
    text = (SAMPLES / "plans" / "as-it-comes.toml").read_text("utf-8")
    assert read_plan(text).hash == "907c42c5f6501779"


def test_caps_are_no_part_of_what_a_plan_is_and_everything_else_is():
    plain = read_plan(PLAN)
    capped = read_plan(PLAN + "[caps]\ncost = 2.5\ntokens = 1000\nminutes = 1.5\n")
    assert capped.hash == plain.hash
    assert (capped.caps.cost, capped.caps.tokens, capped.caps.minutes) == (2.5, 1000, 1.5)
    for more in ("samples = 2", 'think_mode = "force"', "strata = {hops = [1]}"):
        changed = PLAN.replace('name = "first-look"', f'name = "first-look"\n{more}')
        changed = changed.replace('"closed_book", "single_retrieval", "corag"', '"closed_book"')
        changed = changed.replace("[knobs.corag]\ntop_k = 5", "")
        before = changed.replace(more, "")
        assert read_plan(changed).hash != read_plan(before).hash, more


def test_a_plan_written_as_toml_reads_back_equal():
    text = PLAN + "[strata]\nhops = [1]\neach = 3\n[caps]\ntokens = 9\n"
    plan = read_plan(text)
    assert read_plan(plan.to_toml()) == plan


def test_samples_are_jobs_of_their_own_with_seeds_that_never_coincide():
    plan = read_plan(PLAN.replace("seeds = [0, 1]", "seeds = [0, 1]\nsamples = 3"))
    assert plan.draws[:2] == (0, 1)
    assert len(set(plan.draws)) == 6
    made = list(jobs(plan, QUESTIONS, GROUND))
    assert len({j.id for j in made}) == len(made) == 6 * 2 * 3
    alone = {j.id for j in jobs(read_plan(PLAN), QUESTIONS, GROUND)}
    assert alone < {j.id for j in made}


def test_a_mode_reaches_every_cell_and_strategies_that_cannot_be_forced_are_named():
    text = PLAN.replace("think = [0, 32]", 'think = [0, 32]\nthink_mode = "force"')
    forced = text.replace('"single_retrieval", "corag"', '"single_retrieval"')
    plan = read_plan(forced.replace("[knobs.corag]\ntop_k = 5", ""))
    assert {b.think_mode for b in plan.cells("closed_book")} == {"force"}


QUESTION_SET = [
    Question(f"q{n}", "What?", (), hops=n // 10, operations=n % 2, tags=("a",) if n % 3 else ("b",))
    for n in range(30)
]


def stratum(question):
    return question.hops, question.operations


def test_without_strata_the_first_questions_are_taken_and_a_spread_of_them_comes_first():
    taken = picked(QUESTION_SET, None, 20)
    assert {q.id for q in taken} == {q.id for q in QUESTION_SET[:20]}
    assert {stratum(q) for q in taken[:4]} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_strata_filter_and_take_as_many_of_each():
    taken = picked(QUESTION_SET, Strata(hops=(1, 2), tags=("a",), each=2), None)
    assert sorted(Counter(map(stratum, taken)).values()) == [2, 2, 2, 2]
    assert {q.hops for q in taken} == {1, 2}
    assert all("a" in q.tags for q in taken)
    assert picked(QUESTION_SET, Strata(hops=(7,)), None) == []


def test_a_draw_is_random_repeatable_and_even():
    def ids(draw):
        return [q.id for q in picked(QUESTION_SET, Strata(each=3, draw=draw), 12)]

    assert ids(1) == ids(1) != ids(2)
    assert len(set(map(stratum, picked(QUESTION_SET, Strata(draw=1), 6)))) == 6


LONG = """
name = "long"  # why
strategies = [
    "closed_book",
    "corag",
]
models = ["m"]
index = "i"
questions = "q"
search = [
  0,
  99999999,
]
think = [0]

[knobs.corag]
top_k = 3
length = -1

[caps]
tokens = -1
"""


@pytest.mark.parametrize(
    ("location", "value", "line"),
    [
        (("knobs", "corag", "length"), None, 18),
        (("knobs", "corag"), None, 16),
        (("caps", "tokens"), None, 21),
        (("strategies", 1), "corag", 5),
        (("search", 1), 99999999, 12),
        (("nothing",), None, None),
        (("knobs", "corag", "absent"), None, 16),
    ],
)
def test_the_line_of_a_value_is_found_in_tables_and_in_lists_of_many_lines(location, value, line):
    assert line_of(LONG, location, value) == line


def test_errors_name_the_line_inside_tables_and_lists():
    sound = LONG.replace("99999999", "9").replace("length = -1", "length = 9").replace("-1", "1")
    assert read_plan(sound).name == "long"
    for old, new, line in (
        ("length = 9", "length = -1", 18),
        ('"corag",\n]', '"corgi",\n]', 5),
        ("  9,", "  99999999,", 10),
        ("tokens = 1", "tokens = -1", 21),
    ):
        with pytest.raises(InputError, match=f"^the plan, line {line}: "):
            read_plan(sound.replace(old, new))
