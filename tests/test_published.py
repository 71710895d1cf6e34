"""Published figures: all there, typed, with their sources; curves of one source each; cautions where they apply."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import streamlit as st

from engine.analysis.published import Figure, cautions, over_best, published_curves, searched
from engine.errors import Damaged
from engine.figures.palette import identities
from engine.figures.published import overlay_info, slices, source_info
from store.published import SCHEMA, read_published
from tests.dashboard_fakes import MODEL
from tests.test_pages import ROUTER, empty, filled, measured, visit  # noqa: F401

PAGE = str(ROUTER.parents[1] / "published_results.py")
SHIPPED = Path(__file__).parents[1] / "sample_runs" / "published"
FIGURE = Figure(
    "A", "m", 7.0, "D", "s", 1.0, "rounds", None, None, None, "EM", 10.0, "paper", "primary"
)


@pytest.fixture(scope="module")
def shipped():
    return read_published(SHIPPED)


def test_every_published_figure_is_shipped_with_source_and_grade(shipped):
    grades = Counter(f.evidence for f in shipped)
    assert len(shipped) == 2440
    assert grades == {
        "primary": 1450,
        "secondary": 580,
        "image": 234,
        "recomputed": 108,
        "digitised": 68,
    }
    assert all(f.source and f.metric for f in shipped)


def test_a_figure_known_by_heart_is_as_its_paper_has_it(shipped):
    found = searched(shipped, "2501.14342 Table 1 No retrieval Llama-3.1-8B HotpotQA")
    plain = [f for f in found if f.system == "No retrieval"]
    assert {(f.metric, f.value) for f in plain} == {("EM", 20.8), ("F1", 28.8)}


def test_iter_retgen_gains_most_of_its_rise_in_the_second_round(shipped):
    (curve,) = [
        c
        for c in published_curves(shipped)
        if "ITER-RETGEN" in c.name
        and c.dataset == "HotpotQA"
        and c.metric == "EM"
        and len(c.x) == 7
    ]
    assert curve.x == (1, 2, 3, 4, 5, 6, 7) and curve.y[:3] == (39.2, 44.1, 45.2)


def test_no_curve_pools_two_sources(shipped):
    curves = published_curves(shipped)
    assert len(curves) > 80
    assert all(len(c.x) >= 3 and list(c.x) == sorted(set(c.x)) for c in curves)
    keys = Counter((c.source, c.name, c.dataset, c.metric, c.unit) for c in curves)
    assert len({c.source for c in curves}) >= 8 and keys


def test_two_budgets_are_no_curve_and_other_settings_are_other_curves():
    assert published_curves([FIGURE, FIGURE._replace(search_budget=2.0)]) == ()
    line = [FIGURE._replace(search_budget=float(x), value=10.0 * x) for x in (1, 2, 3)]
    other = [f._replace(dataset="E") for f in line]
    held = [f._replace(reasoning_budget=float(f.value)) for f in line]
    assert len(published_curves([*line, *other])) == 2
    assert published_curves(held) == (), "both budgets change"


def test_each_curve_is_scaled_to_its_own_best():
    assert over_best((0, 2, 4), (10, 20, 40)) == ((0.5, 1.0), (0.5, 1.0))
    assert over_best((0,), (10,)) == ((), ()) == over_best((1, 2), (0, 0))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strategy": "OBSERVED 2 searches"}, "how hard the questions were"),
        ({"evidence": "secondary"}, "check before quoting"),
        ({"search_unit": "max_tool_calls"}, "a cap"),
        ({"metric": "cover-EM"}, "above exact match"),
    ],
)
def test_a_caution_is_said_where_it_applies_and_nowhere_else(changed, said):
    assert cautions([FIGURE]) == ()
    assert any(said in text for text in cautions([FIGURE._replace(**changed)]))


def test_a_table_of_another_shape_is_refused(tmp_path):
    assert read_published(tmp_path) == ()
    rows = pa.table({"system": ["A"]})
    pq.write_table(rows, tmp_path / "figures.parquet")
    with pytest.raises(Damaged, match="columns"):
        read_published(tmp_path)
    for bad in ({"evidence": "rumour"}, {"value": None}, {"source": None}):
        row = (FIGURE._asdict()) | bad
        pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), tmp_path / "figures.parquet")
        with pytest.raises(Damaged, match="row 0"):
            read_published(tmp_path)
    (tmp_path / "figures.parquet").write_bytes(b"no table")
    with pytest.raises(Damaged, match="cannot be read"):
        read_published(tmp_path)


def test_ours_lie_over_a_paper_along_the_same_budget(filled):  # noqa: F811
    cells = filled.store.cells()
    line = [FIGURE._replace(search_budget=float(x), value=10.0 * x) for x in (1, 2, 4)]
    curve = published_curves(line)
    looks = identities((c.strategy, c.model) for c in cells)
    info = overlay_info(curve, cells, looks)
    assert info.series[0].y[-1] == 1.0
    assert [s.kind for s in info.series].count("interpolated") >= 2
    x, y = slices(cells, "search")["corag", MODEL]
    means = {c.search: c.mean for c in cells if c.strategy == "corag" and c.think == 128}
    assert dict(zip(x, y, strict=True)) == means
    assert source_info([]).reason and overlay_info([], cells, looks).reason


def shown(**query):
    st.cache_data.clear()
    return visit(PAGE, **query)


def test_the_page_draws_a_source_with_its_cautions_and_ours(filled):  # noqa: F811
    at = shown(words="ITER-RETGEN")
    assert len(at.get("plotly_chart")) == 2
    assert any("Source: ITER" in c.value.replace("\\", "") for c in at.caption)


def test_the_page_finds_figures_by_words_and_says_when_there_are_none(filled):  # noqa: F811
    at = shown(words="CoRAG MuSiQue")
    assert any("figures" in c.value for c in at.caption) and len(at.dataframe) >= 1
    at = shown(words="nobody wrote this")
    assert any("No figure has all of these words" in i.value for i in at.info)


def test_without_runs_of_our_own_the_papers_are_still_shown(empty):  # noqa: F811
    assert len(shown(words="s1 Figure 1").get("plotly_chart")) == 2
