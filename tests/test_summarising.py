"""A sweep summed up: one frozen value that goes through JSON, with reasons where there is nothing to say."""

import numpy as np
import pytest

from budgetscape.summarising import Wanted, summary
from engine.errors import InputError
from engine.figures.summary import from_json, to_json
from engine.figures.summary_export import as_markdown
from engine.types import EFFORTS, Budget
from store.history import Slice, Store
from tests.store_fakes import trajectory, write


@pytest.fixture
def summed(home):
    """Sum up a sweep of these trajectories."""

    def run(*some, **asked):
        write(home, list(some), plan={"name": "grid"})
        with Store.scratch(home) as store:
            where = asked.pop("where", Slice(sweeps=("grid",)))
            info = summary(store, Wanted("grid", where, **asked), small=("smollm2",))
            for one in info.examples:
                for side in filter(None, (one.before, one.after)):
                    assert store.run(side.run_id).trace.answer == side.answer
            return info

    return run


def many(count=24, **kind):
    return [trajectory(n, strategy=s, **kind) for n in range(count) for s in ("corag", "iterative")]


def test_a_summary_is_whole_and_comes_back_from_json_as_it_was(summed):
    info = summed(*many())
    assert info.card.facts and info.card.standings and info.said and info.caveats
    assert len(info.examples) == 3 and len(info.run_ids) >= 4
    assert from_json(to_json(info)) == info


@pytest.mark.parametrize("text", ["", "{}", "[" * 5000, '{"sweep": 1}', "null"])
def test_what_is_no_summary_is_refused_in_one_line(text):
    with pytest.raises(InputError, match="this is no summary") as caught:
        from_json(text)
    assert "\n" not in str(caught.value)


def test_one_question_is_too_few_and_says_so(summed):
    info = summed(trajectory(1))
    assert info.card.sentence.startswith("No recommendation") and not info.card.facts
    assert "1 question" in info.measured
    assert from_json(to_json(info)) == info


def test_one_cell_has_no_examples_but_reasons(summed):
    info = summed(*(trajectory(n, cells=[Budget(2, 32)]) for n in range(12)))
    assert all(not e.run_ids and e.bought.startswith("No example") for e in info.examples)
    assert as_markdown(info)


def test_filters_without_runs_give_a_reason(summed):
    info = summed(*many(), where=Slice(sweeps=("grid",), hops=(99,)))
    assert "No run" in info.reason and info.reason in as_markdown(info).replace("\\", "")
    assert from_json(to_json(info)) == info


def test_effort_levels_find_the_runs_of_their_examples(summed):
    cells = [
        Budget(s, EFFORTS.index(e) + 1, think_mode="effort")
        for s in (0, 2)
        for e in ("low", "high")
    ]
    info = summed(*(trajectory(n, cells=cells) for n in range(12)))
    assert [len(e.run_ids) for e in info.examples] == [2, 2, 2]
    assert "effort" in info.examples[0].before.budget


def test_the_document_has_the_numbers_and_no_markup_of_others(summed):
    info = summed(*many())
    said = as_markdown(info, "http://127.0.0.1/summary?sweep=grid")
    assert info.card.facts[0].value in said.replace("\\", "")
    assert "<http://127.0.0.1/summary?sweep=grid>" in said
    assert said.count("### ") == len(info.dials.readings) + 3
    cells = [s for r in info.dials.readings for row in r.stops for s in row if s]
    assert all(s.quality.replace(".", "\\.") in said for s in cells)
    assert np.isfinite([p.z for s in info.surface.sheets for p in s.points]).all()
