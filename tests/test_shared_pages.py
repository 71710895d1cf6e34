"""Share on a page and the shared view, from the router, as a visitor gets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from budgetscape.freezing import runs_behind, spread
from engine.errors import Damaged
from pages.parts import dials, views
from store.history import Slice
from tests.dashboard_fakes import NASTY, QUESTIONS, FakeApp, all_runs
from tests.test_pages import ROUTER, SURFACE, opened, sent, visit

COMPARE, SHARED = (str(ROUTER.parents[1] / name) for name in ("trace_compare.py", "shared_view.py"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApp]:
    """The measured store; what is published goes to a folder of the test's own."""
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path))
    yield from opened(measured)


def published(at, title: str = "", notes: str = "") -> str:
    """Press Publish; returns the id."""
    if title:
        at.text_input(key="share_title").set_value(title)
    at.text_area(key="share_notes").set_value(notes)
    at.button(key="share_publish").click().run()
    assert not at.exception and not at.error, (at.exception, at.error)
    link = next(c.value for c in at.code if "shared-view?id=" in c.value)
    return link.partition("id=")[2]


def test_a_surface_is_published_and_opened_as_it_was(filled):
    at = visit(SURFACE, strategies=["corag"], at="2,32", camera="1,2,3,0,0,-0.1")
    was = sent(at, "surface")
    name = published(at, NASTY, f"Look:\n{NASTY}")
    told = sent(visit(SHARED, id=name), "shared")
    assert (told["title"], told["notes"]) == (NASTY, f"Look:\n{NASTY}")
    block = next(b for b in told["blocks"] if b["kind"] == "surface")
    assert block["figure"] == was["figure"] and block["at"] == was["at"] == {
        "search": 2,
        "think": 32,
    }
    assert block["figure"]["layout"]["scene"]["camera"]["eye"] == {"x": 1.0, "y": 2.0, "z": 3.0}
    assert json.loads(json.dumps(block["dials"])) == was["dials"]
    assert {tuple(r["key"]) for r in block["runs"]["runs"]} == {("corag", "smollm2")}
    assert len(block["runs"]["runs"]) == 12 * len(QUESTIONS) and block["runs"]["note"] == ""
    table = next(b for b in told["blocks"] if b["kind"] == "table")
    assert len(table["rows"]) == 12
    assert views.snapshot(name).view.get("strategies") == ("corag",)


def test_lanes_are_published_with_the_bodies_of_all_their_steps(filled):
    lanes = ["run-corag-2-32-q1", "run-corag-4-128-q1"]
    at = visit(COMPARE, lane=lanes, compare_fold="false")
    was = sent(at, "lanes")
    (block,) = sent(visit(SHARED, id=published(at)), "shared")["blocks"]
    assert block["kind"] == "lanes" and block["folded"] is False
    assert [dict(enumerate(heads)) for heads in block["heads"]] == [
        {int(step): head for step, head in heads.items()} for heads in was["heads"]
    ]
    opening = {
        f"{i}:{n}" for i, lane in enumerate(block["heads"]) for n, h in enumerate(lane) if h[-1]
    }
    assert opening <= set(block["bodies"])


def test_what_was_published_is_listed_withdrawn_and_brought_back(filled):
    name = published(visit(SURFACE), "The grid")
    at = visit(SHARED)
    assert any("The grid" in m.value for m in at.markdown)
    at.button(key=f"withdraw_{name}").click().run()
    assert not any("The grid" in m.value for m in at.markdown)
    assert "withdrawn" in visit(SHARED, id=name).error[0].value
    at.button(key="share_undo").click().run()
    assert sent(visit(SHARED, id=name), "shared")["title"] == "The grid"


def test_an_empty_list_says_how_to_publish(filled):
    at = visit(SHARED)
    assert any("press **Share**" in m.value for m in at.markdown)


def test_a_page_with_more_choices_than_a_link_holds_is_drawn_and_only_not_published(filled):
    at = visit(SURFACE, cell=["x" * 190] * 60)
    assert not at.exception and sent(at, "surface")["figure"] and sent(at, "address")["longest"]
    assert "more choices than a link holds" in at.error[0].value
    assert not [b for b in at.button if b.key == "share_publish"]


@pytest.mark.parametrize(
    "wanted", ["", "x", "../../endpoints.toml", "s" + "0" * 31, "s\x00", NASTY]
)
def test_a_link_to_nothing_is_one_line(filled, wanted):
    at = visit(SHARED, id=wanted)
    assert len(at.error) == 1 and "shared view" in at.error[0].value.replace("\\", "")


def test_a_changed_snapshot_is_refused(filled, tmp_path):
    name = published(visit(SURFACE))
    path = tmp_path / "snapshots" / f"{name}.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"corag", b"carog", 1))
    views._snapshot.clear()
    with pytest.raises(Damaged):
        views.snapshot(name)
    assert len(visit(SHARED, id=name).error) == 1


def test_the_link_says_where_dials_and_camera_stand_and_nonsense_in_it_does_nothing(filled):
    at = visit(SURFACE, at="4,128")
    assert sent(at, "dials")["at"] == {"search": 4, "think": 128}
    plain = sent(visit(SURFACE), "surface")["figure"]
    for at_, camera in (("x", "1,2"), ("1,2,3", "1,2,3,4,5,nan"), ("-1,1e9", NASTY)):
        assert sent(visit(SURFACE, at=at_, camera=camera), "surface")["figure"] == plain


@pytest.mark.parametrize("sent_", [None, "x", [1, 2], [1, 2, 3, 4, 5, "6"], [1e9] * 6, {"eye": 1}])
def test_what_a_browser_sends_as_a_camera_is_checked(sent_):
    assert dials.looked(sent_) is None
    assert dials.looked([1, 2.5, 3, 0, 0, -0.1]) == (1.0, 2.5, 3.0, 0.0, 0.0, -0.1)


def test_runs_are_kept_question_by_question_spread_over_difficulty(filled):
    asked = filled.store.asked(Slice(sweeps=("grid",)))
    first = {(q.hops, q.operations) for q in spread(asked)[:6]}
    assert len(first) == 6 and sorted(q.id for q in spread(asked)) == sorted(q.id for q in asked)
    rows = filled.store.cells(Slice(sweeps=("grid",)))
    told = []
    held = runs_behind(
        filled.store, rows, Slice(sweeps=("grid",), hops=(1,)), lambda *a: told.append(a)
    )
    assert {q.detail.partition(",")[0] for q in held.questions} == {"1 hop"}
    assert told[0][0] == 0 and len(told) == len(held.questions)


def test_a_summary_is_published_with_its_examples_and_their_traces(filled):
    at = visit(str(ROUTER.parents[1] / "summary.py"))
    told = sent(visit(SHARED, id=published(at)), "shared")
    words = [b["text"] for b in told["blocks"] if b["kind"] == "words"]
    assert "Recommendation" in words and "Before quoting a number" in words
    assert [b["kind"] for b in told["blocks"]].count("surface") == 1
    lanes = [b for b in told["blocks"] if b["kind"] == "lanes"]
    assert lanes and all(len(b["lanes"]) == 2 and b["bodies"] for b in lanes)
    assert views.snapshot(visit_id(told)).view.page == "summary"


def visit_id(told: dict) -> str:
    return told["id"]


def plain(text: str) -> str:
    return text.replace("\\", "")


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("budget_allocation", {"every_search": "true"}),
        ("budget_allocation", {"unit": "seconds", "margin": "10", "strategies": ["corag"]}),
        ("published_results", {"words": "CoRAG"}),
    ],
)
def test_whatever_the_page_shows_is_in_what_is_published_from_it(filled, page, query):
    at = visit(str(ROUTER.parents[1] / f"{page}.py"), **query)
    texts = {plain(e.value) for kind in ("markdown", "caption", "info") for e in at.get(kind)}
    frames = {(tuple(d.value.columns), len(d.value)) for d in at.dataframe}
    charts = [len(json.loads(c.proto.spec)["data"]) for c in at.get("plotly_chart")]
    blocks = sent(visit(SHARED, id=published(at)), "shared")["blocks"]
    words = [b["text"] for b in blocks if b["kind"] == "words"]
    held = {*words, *(text.partition(": ")[2] for text in words)}
    held |= {f"{v}]" for b in blocks if b["kind"] == "numbers" for _, v in b["items"]}
    assert {t for t in texts if t.rpartition(": ")[2] not in held and t not in held} <= {
        t for t in texts if t.startswith(OF_THE_PAGE)
    }
    tables = {(tuple(b["columns"]), len(b["rows"])) for b in blocks if "columns" in b}
    assert frames and frames <= tables
    assert charts and charts == [len(b["figure"]["data"]) for b in blocks if b["kind"] == "chart"]


OF_THE_PAGE = (
    "This page as a link",
    "Published, it stays",
    "New: it showed",
    "- ",
    "2,440 figures",
)
"""Words about the page itself and its controls."""


@pytest.mark.parametrize(
    "query",
    [
        {"over": ["equal spend", "cheapest path", "live runs", "beyond the cells"]},
        {"along_search": "passages read", "along_think": "tokens generated"},
        {"against": "difference from iterative", "at": "2,32"},
    ],
)
def test_what_is_laid_over_a_surface_differences_and_used_axes_are_published(filled, query):
    at = visit(SURFACE, **query)
    was = sent(at, "surface")
    name = published(at)
    blocks = sent(visit(SHARED, id=name), "shared")["blocks"]
    (block,) = (b for b in blocks if b["kind"] == "surface")
    assert block["figure"] == was["figure"] and block["key"] == was["key"]
    assert json.loads(json.dumps(block["dials"])) == was["dials"]
    assert block["figure"] != sent(visit(SURFACE, over="live runs"), "surface")["figure"]
    words = {b["text"] for b in blocks if b["kind"] == "words"}
    assert {plain(c.value) for c in at.caption if not c.value.startswith(OF_THE_PAGE)} - words <= {
        "Choose a cell on the surface or the map to see its questions."
    }
    (table,) = (b for b in blocks if b["kind"] == "table")
    shown = next(d.value for d in at.dataframe)
    assert table["columns"] == list(shown.columns) and len(table["rows"]) == len(shown)
    kept = views.snapshot(name).view
    assert all(kept.get(k) == tuple(v if isinstance(v, list) else [v]) for k, v in query.items())


def test_the_cell_and_the_run_that_are_open_are_open_in_what_is_published(filled):
    run = f"run-corag-2-32-{QUESTIONS[-1].id}"
    at = visit(SURFACE, cell=["corag", "smollm2", "2", "32"], run=run)
    (block,) = (
        b for b in sent(visit(SHARED, id=published(at)), "shared")["blocks"] if "dials" in b
    )
    assert block["cell"] == {"key": ["corag", "smollm2"], "search": 2, "think": 32}
    opened = block["runs"]["runs"][block["runs"]["open"]]
    assert (opened["search"], opened["think"], opened["question"]) == (2, 32, 0)
    assert block["runs"]["questions"][0]["text"] == QUESTIONS[-1].text
