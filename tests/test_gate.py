"""The gate: rarely alarmed by equal systems, surely by a worse one, and clear about what it did not compare."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from budgetscape.cli.gate import REGRESSED, markdown
from budgetscape.cli.main import cli
from engine.analysis.gate import gate
from engine.analysis.panel import Group, Unknown
from store.bundles import export_sweep
from store.history import Store
from tests.panel_fakes import CORAG, panel_of, scores
from tests.store_fakes import trajectory, write

SEARCH, THINK = (0, 2, 4), (0, 64)
TRUTH = np.array([[0.1, 0.2], [0.4, 0.5], [0.5, 0.6]])


def _two(seed, loss=0.0, questions=200):
    """Two sweeps of the same questions; the second is worse by so much."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=(questions, 1, 1))

    def drawn(truth):
        from scipy.special import ndtri

        noise = np.sqrt(0.6) * hard + np.sqrt(0.4) * rng.normal(size=(questions, *truth.shape))
        return (noise < ndtri(np.clip(truth, 1e-9, 1))).astype(float)

    before, now = drawn(TRUTH), drawn(TRUTH - loss)
    return [panel_of(now, SEARCH, THINK)], [panel_of(before, SEARCH, THINK)]


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_equal_systems_raise_an_alarm_at_most_as_often_as_is_said(level):
    runs = 400
    alarms = sum(
        gate(*_two(n), margin=0.0, level=level).outcome == "regressed" for n in range(runs)
    )
    spare = 2 * np.sqrt(level * (1 - level) / runs)
    assert alarms / runs <= level + spare


def test_a_clear_loss_is_found_and_said():
    found = gate(*_two(1, loss=0.1))
    assert found.outcome == "regressed" and found.overall.difference.high < -0.02
    assert "Worse than the baseline" in found.sentence


def test_a_loss_in_one_cell_alone_is_named():
    now, before = _two(2)
    y = now[0].y.copy()
    y[:, 2, 1] = 0
    found = gate([panel_of(y, SEARCH, THINK)], before)
    assert [(c.cell.search, c.cell.think) for c in found.regressions] == [(4, 64)]
    assert "search 4, think 64" in found.sentence


def test_few_questions_hide_a_loss_and_that_is_said():
    found = gate(*_two(3, questions=12))
    assert found.outcome == "undecided" and found.could_hide > 0.02
    assert "cannot be ruled out" in found.sentence


def test_the_same_sweep_twice_is_as_good():
    y = scores(TRUTH, 400)
    found = gate([panel_of(y, SEARCH, THINK)], [panel_of(y, SEARCH, THINK)])
    assert found.outcome == "as good" and found.overall.difference.value == 0


def test_what_the_baseline_lacks_is_listed_and_not_compared():
    now, before = _two(4)
    other = panel_of(now[0].y, SEARCH, THINK, Group("iterative", "small"))
    wide = panel_of(scores(np.full((4, 2), 0.5), 200), (0, 2, 4, 8), THINK)
    found = gate([wide, other], before)
    assert len(found.cells) == 6
    assert any("iterative" in line for line in found.dropped)
    assert any("2 cells are not in the baseline" in line for line in found.dropped)


def test_another_model_is_compared_with_the_only_one_there_was():
    now, before = _two(5)
    new = panel_of(now[0].y, SEARCH, THINK, CORAG._replace(model="large", config="other"))
    assert len(gate([new], before).cells) == 6
    twice = [*before, panel_of(before[0].y, SEARCH, THINK, CORAG._replace(model="third"))]
    assert "several surfaces" in gate([new], twice).why


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_any_two_surfaces_give_a_gate_or_a_reason(mine, theirs, share):
    y = np.full((mine, 3, 2), share)
    found = gate([panel_of(y, SEARCH, THINK)], [panel_of(np.ones((theirs, 3, 2)), SEARCH, THINK)])
    assert isinstance(found, Unknown) == (min(mine, theirs) < 10)


def test_the_summary_shows_names_as_text():
    found = gate(*_two(6))
    text = markdown(found, "a|<b>![x](http://y)", "base", "em")
    assert "a\\|\\<b\\>\\!\\[x\\]\\(http://y\\)" in text and "| setting |" in text


@pytest.fixture
def homes(home, tmp_path, monkeypatch):
    """A home with a sweep `grid`, its plan file, and its bundle."""
    monkeypatch.setenv("BUDGETSCAPE_SAMPLES", str(tmp_path / "no-samples"))
    write(home, [trajectory(n) for n in range(24)], plan={"name": "grid"})
    with Store.scratch(home) as store:
        export_sweep(store, "grid", tmp_path / "bundle")
    plan = tmp_path / "grid.toml"
    plan.write_text(
        'name = "grid"\nstrategies = ["corag"]\nmodels = ["m"]\nindex = "i"\nquestions = "q"\n'
        "search = [0, 1]\nthink = [0]\nseeds = [0]\n"
    )
    return plan, tmp_path / "bundle"


def _ask(*words):
    got = CliRunner().invoke(cli, [str(w) for w in words], catch_exceptions=True)
    if got.exception is not None and not isinstance(got.exception, SystemExit):
        return 1, str(got.exception)
    return got.exit_code, got.output


def test_a_bundle_is_a_baseline_and_the_summary_is_appended(homes, tmp_path):
    plan, bundle = homes
    out = tmp_path / "summary.md"
    out.write_text("before\n")
    code, said = _ask(
        "gate", plan, "--baseline", bundle, "--no-run", "--summary", out, "--margin", "0.5"
    )
    assert code == 0, said
    assert out.read_text().startswith("before\n## grid against") and "as good" in said
    code, said = _ask(
        "gate", plan, "--baseline", bundle, "--no-run", "--json", "--strict", "--margin", "0"
    )
    body = json.loads(said)
    assert code == REGRESSED and body["outcome"] == "undecided"


def test_a_sweep_is_not_its_own_baseline_and_an_unknown_one_is_refused(homes):
    plan, _ = homes
    code, said = _ask("gate", plan, "--baseline", "grid", "--no-run")
    assert code == 1 and "own baseline" in said
    code, said = _ask("gate", plan, "--baseline", "gird", "--no-run")
    assert code == 1 and "grid" in said
