import pytest

from engine.errors import InputError
from engine.sweeps.plan import Ground, jobs, read_plan
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
