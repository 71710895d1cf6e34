"""Snapshots: what is read is what was published, byte by byte, or a refusal; no id is ever a path."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.traces import compared
from engine.errors import BudgetscapeError, Damaged, InputError, UnknownName
from engine.figures.blocks import Chart, Lanes, Numbers, Surface, Table, Trace, Words, drawn
from engine.figures.dials import dials_info
from engine.figures.held import Holding, held_runs
from engine.figures.lanes import lanes_info
from engine.figures.lines import LinesInfo, Series
from engine.figures.palette import Identity, identities
from engine.figures.surface import surface_info
from engine.figures.trace import trace_info
from engine.identity import plain
from engine.snapshot import Snapshot, id_of, is_id
from engine.types import Budget
from engine.view import View
from store.history import CellRow
from store.snapshots import Snapshots
from tests.dashboard_fakes import NASTY, question, run

LOOK = Identity("corag", "#0072B2", "circle", "●")
RUNS = [run("corag", Budget(s, t), question(n)) for s in (0, 2) for t in (0, 32) for n in (1, 2)]


def row(search: int, think: int) -> CellRow:
    told = (0.4, 0.3, 0.5, 0.1, 1.0, 9.0, 400.0, 1.2, None)
    return CellRow(
        *("grid", "corag", "m", "i", "c", {}, search, think, "cap", "cap", (), 2, 2), *told
    )


def blocks():
    rows = [row(r.config.budget.search, r.config.budget.think) for r in RUNS[::2]]
    looks = identities((c.strategy, c.model) for c in rows)
    info = surface_info(rows, looks=looks)
    readings = dials_info(rows, info)
    placed = [(r, ("corag", "m"), r.config.budget.search, r.config.budget.think) for r in RUNS]
    held = held_runs(placed)
    told = compared(RUNS[:2])
    line = LinesInfo("tokens", NASTY, (Series(NASTY, LOOK, (1.0,), (0.5,)),))
    return (
        Words(NASTY, "heading"),
        Numbers((("saving", "40%"),)),
        Table("All", ("a", "b"), (("x", None), (1, 0.5))),
        Chart(line, "a chart"),
        Surface(info, readings, (2, 32), (1.0, 2.0, 3.0, 0.0, 0.0, 0.0), held),
        Trace("One", held_runs(placed[:1])),
        Lanes(lanes_info(told, looks, {(0, 1), (1, 1)})),
    )


VIEW = View.of("quality-surface", {"sweep": ["grid"]})


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return Snapshot.of(VIEW, " The  grid\x00 ", f"{NASTY}\n\u202eline", blocks())


@pytest.fixture
def shelf(tmp_path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


def test_what_is_opened_is_what_was_published(shelf, snapshot):
    name = shelf.publish(snapshot)
    assert is_id(name) and shelf.open(name) == snapshot
    assert snapshot.title == "The grid" and snapshot.notes == f"{NASTY}\nline"
    assert shelf.publish(snapshot) == name and shelf.names() == [name]
    assert [drawn(b) for b in shelf.open(name).blocks] == [drawn(b) for b in snapshot.blocks]
    json.dumps([drawn(b) for b in snapshot.blocks], allow_nan=False)


def test_one_byte_more_or_less_is_no_longer_that_snapshot(shelf, snapshot):
    name = shelf.publish(snapshot)
    path = shelf.folder / f"{name}.json"
    assert path.stat().st_mode & 0o777 == 0o400
    data = path.read_bytes()
    for other in (data[:-1], data + b" ", data.replace(b"The grid", b"The grit"), b""):
        path.unlink()
        path.write_bytes(other)
        with pytest.raises(Damaged, match="is not what was published"):
            shelf.open(name)


def test_withdrawn_it_opens_nothing_until_it_is_restored_or_published_again(shelf, snapshot):
    name = shelf.publish(snapshot)
    shelf.withdraw(name)
    with pytest.raises(UnknownName, match="withdrawn"):
        shelf.open(name)
    assert shelf.names() == []
    shelf.restore(name)
    assert shelf.open(name) == snapshot
    shelf.withdraw(name)
    assert shelf.publish(snapshot) == name and len(list(shelf.folder.iterdir())) == 1


@given(st.text())
@pytest.mark.parametrize("act", ["open", "read", "withdraw", "restore"])
def test_no_text_but_an_id_reaches_the_disk(tmp_path_factory, act, text):
    folder = tmp_path_factory.getbasetemp() / "none"
    with pytest.raises(UnknownName):
        getattr(Snapshots(folder), act)(text)


@pytest.mark.parametrize(
    "name", ["../endpoints.toml", "s" + "0" * 30 + "/", "s" + "0" * 32, "S" + "0" * 31, "s\n", ""]
)
def test_a_path_is_no_id(name):
    assert not is_id(name)


def body(snapshot: Snapshot, **other) -> bytes:
    return json.dumps({**json.loads(snapshot.to_bytes()), **other}).encode()


@pytest.mark.parametrize(
    "other",
    [
        {"version": 2},
        {"view": "javascript:alert(1)"},
        {"view": 7},
        {"published": "yesterday"},
        {"blocks": [{"kind": "script", "text": "x"}]},
        {"blocks": [{"kind": "words", "text": "x", "style": "<b>"}]},
        {"blocks": [{"kind": "table", "title": "x", "columns": [], "rows": [[{}]]}]},
        {"blocks": {}},
        {"onload": "x"},
    ],
)
def test_content_of_another_shape_is_refused_whoever_made_its_hash(snapshot, other):
    data = body(snapshot, **other)
    with pytest.raises(Damaged):
        Snapshot.from_bytes(data, id_of(data))


@given(st.binary())
def test_any_bytes_are_refused_in_one_line(data):
    with pytest.raises(BudgetscapeError) as told:
        Snapshot.from_bytes(data, id_of(data))
    assert len(str(told.value).splitlines()) == 1


def test_a_snapshot_needs_a_title_and_content():
    for title, held in (("\u200b \n", blocks()), ("A", ())):
        with pytest.raises(InputError):
            Snapshot.of(VIEW, title, "", held)


def test_a_snapshot_beyond_its_bound_is_not_published(shelf, snapshot):
    large = replace(snapshot, blocks=tuple(Words("x" * 2_000_000) for _ in range(9)))
    with pytest.raises(InputError, match="choose fewer"):
        shelf.publish(large)


# ------------------------------------------------------------------------------------------- held runs


def test_held_runs_tell_the_steps_of_every_run_and_each_text_once():
    held = next(b for b in blocks() if b.kind == "surface").runs
    assert len(held.runs) == len(RUNS) and len(held.questions) == 2
    for one, kept in zip(RUNS, held.runs, strict=True):
        told = [held.steps[n] for n in kept.steps]
        expected = trace_info(one.trace.steps, one.question.supporting_ids)
        assert [(s.kind, s.title, s.text, s.facts) for s in told] == [
            (s.kind, s.title, s.text, s.facts) for s in expected
        ]
        assert [[held.passages[p[0]] for p in s.passages] for s in told] == [
            [(p.title, p.text) for p in s.passages] for s in expected
        ]
        assert held.questions[kept.question].text == one.question.text
    assert len(set(held.steps)) == len(held.steps) and len(set(held.passages)) == len(held.passages)


def test_a_question_that_does_not_fit_leaves_nothing_behind():
    placed = [(r, ("corag", "m"), 0, 0) for r in RUNS]
    holding = Holding(most_bytes=2_500)
    assert holding.take(placed[:1])
    before = plain(holding.held())
    assert not holding.take(placed[1:])
    assert plain(holding.held()) == before
