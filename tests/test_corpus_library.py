"""The library page from the router: files are shown before they are taken in, errors are one line, deletions return."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from budgetscape.run_import import take_runs
from engine.figures.markdown import literal
from engine.figures.surface import METRICS
from engine.retrieval.embedding import Hashed
from engine.types import Passage, Question
from store.bundle_zip import zip_bytes
from store.corpora import corpus_names, load_corpus, load_questions, save_corpus, save_questions
from store.history import Slice
from store.home import Home
from store.index import build_index
from store.index_record import index_names
from tests.chat_server import ChatServer
from tests.chroma_server import running
from tests.dashboard_fakes import NASTY, FakeApp, all_runs
from tests.files import hotpot_entry
from tests.test_pages import opened

ROUTER = Path(__file__).parents[1] / "pages" / "parts" / "router.py"
PAGE = str(ROUTER.parents[1] / "corpus_library.py")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path / "home")
    yield from opened(fake)
    fake.close()


def visit(part: str) -> AppTest:
    at = AppTest.from_file(str(ROUTER), default_timeout=120)
    at.query_params["part"] = part
    at.run()
    at.switch_page(PAGE)
    at.query_params["part"] = part
    at.run()
    assert not at.exception, at.exception
    return at


def run(at: AppTest) -> AppTest:
    at.run()
    assert not at.exception, at.exception
    return at


def finished(app: FakeApp, at: AppTest) -> AppTest:
    deadline = time.monotonic() + 180
    while any(job.state == "running" for job in app.library.jobs.all()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return run(at)


def words(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.error, at.success, at.info, at.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 180
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_empty_library_says_what_to_do_in_every_part(app: FakeApp):
    for part, said in {
        "Corpora": "There is no corpus yet",
        "Questions": "There is no question set yet",
        "Endpoints": "Only the small models on board answer so far",
        "Bundles": "Nothing has been measured yet",
    }.items():
        assert said in words(visit(part))


def test_files_are_shown_cut_and_built_and_what_they_say_is_text(app: FakeApp):
    at = visit("Corpora")
    long = " ".join(f"Sentence number {n} of it." for n in range(100))
    name = f"{NASTY.replace('/', '')}.md"
    given = [
        (name, f"# {NASTY}\n\n{long}".encode(), "text/plain"),
        ("b.txt", b"Short.", "text/plain"),
    ]
    at.file_uploader[0].set_value(given)
    run(at)
    metrics = {m.label: m.value for m in at.metric}
    assert (metrics["Passages"], metrics["Words, at most"]) == ("5", "150")
    at.slider(key="words_a_passage").set_value(50)
    run(at)
    assert int({m.label: m.value for m in at.metric}["Passages"]) > 10
    shown = at.dataframe[0].value
    assert (
        shown["title"][0] == "bold i $E=mc^2$"
    )  # the formatting and the tag of a heading are no words of it
    at.text_input(key="corpus_name").set_value("mine")
    at.button(key="corpus_build").click()
    finished(app, run(at))
    assert corpus_names(app.home) == index_names(app.home) == ["mine"]
    assert "recall@3 1.000" in words(at).replace("\\", "")
    assert list(app.home.uploads.iterdir()) == [] and at.file_uploader[0].value == []
    for element in at.markdown:
        assert "<img" not in element.value or element.allow_html is False


def test_a_table_offers_its_columns(app: FakeApp):
    at = visit("Corpora")
    at.file_uploader[0].set_value(
        [("t.csv", b"Key,Head,Body\n1,One,First text\n2,Two,Second text\n", "")]
    )
    run(at)
    assert [s.value for s in at.selectbox if "column" in s.label] == ["Body", "None", "None"]
    at.selectbox[1].set_value("Head")
    run(at)
    assert list(at.dataframe[0].value["title"]) == ["One", "Two"]
    assert list(at.dataframe[0].value["text"]) == ["First text", "Second text"]


@pytest.mark.parametrize(
    ("part", "name", "content", "why"),
    [
        (
            "Corpora",
            "x.jsonl",
            b'{"id":"a","text":"x"}\n{"id":"b"}',
            "x.jsonl, line 2: field 'text' must be a text",
        ),
        ("Corpora", "x.pdf", b"%PDF-1.4 nothing", "x.pdf: cannot be read as PDF"),
        (
            "Questions",
            "x.json",
            b'[{"a": 1}]',
            "x.json, entry 1: is in no known format (fields: a)",
        ),
    ],
)
def test_a_broken_file_is_one_line_on_the_page_and_nothing_is_made(
    app: FakeApp, part: str, name: str, content: bytes, why: str
):
    at = visit(part)
    at.file_uploader[0].set_value([(name, content, "")])
    run(at)
    assert literal(why)[:60] in at.error[0].value
    assert not [b for b in at.button if b.label in ("Build", "Take it in")]
    assert app.library.shelves() == app.library.sets() == []


def test_an_official_file_is_recognised_and_brings_its_passages(app: FakeApp):
    at = visit("Questions")
    content = json.dumps([hotpot_entry(n) for n in range(4)]).encode()
    at.file_uploader[0].set_value([("dev.json", content, "application/json")])
    run(at)
    assert {m.label: m.value for m in at.metric} == {
        "Format": "HotpotQA",
        "Questions": "4",
        "With gold answers": "4",
        "With evidence told": "4",
    }
    at.text_input(key="set_name").set_value("dev")
    at.button(key="set_take").click()
    finished(app, run(at))
    saved = load_questions(app.home, "dev")
    assert saved.corpus == "dev" and all(q.supporting_ids for q in saved.questions)
    assert "4 questions (4 of 2 hops) · gold answers for 4, evidence for 4" in words(at).replace(
        "\\", ""
    )
    at = visit("Questions")
    at.file_uploader[0].set_value([("dev.json", content, "application/json")])
    run(at)
    evidence = next(s for s in at.segmented_control if s.label == "Supporting passages")
    evidence.set_value("Find them in a corpus")
    run(at)
    assert "Evidence is complete in this corpus for 4 of 4 questions." in words(at)


def test_a_world_is_invented(app: FakeApp):
    at = visit("Corpora")
    at.segmented_control[0].set_value("Invent a world")
    run(at)
    at.text_input(key="world_name").set_value("made")
    at.number_input(key="world_passages").set_value(60)
    at.number_input(key="world_questions").set_value(5)
    next(b for b in at.button if b.label == "Invent it").click()
    finished(app, run(at))
    assert load_corpus(app.home, "made").count == 60
    assert len(load_questions(app.home, "made").questions) == 5


def test_a_collection_of_a_real_server_is_chosen_and_attached(app: FakeApp, tmp_path: Path):
    from engine.retrieval.embedding import MiniLM
    from store.chroma import close_client, open_client

    texts = [f"The {word} of Velm are many." for word in ("masons", "dyers", "salters")]
    (tmp_path / "server").mkdir()
    with running(tmp_path / "server") as server:
        client = open_client(server)
        client.create_collection("theirs").add(
            ids=["a", "b", "c"], documents=texts, embeddings=MiniLM().embed(texts)
        )
        close_client(client)
        at = visit("Corpora")
        at.segmented_control[0].set_value("Attach a Chroma server")
        run(at)
        at.text_input(key="chroma_server").set_value("somewhere")
        run(at)
        assert "must look like http" in at.error[0].value.replace("\\", "")
        at.text_input(key="chroma_server").set_value(server)
        run(at)
        assert at.selectbox(key="chroma_collection").options == ["theirs (3 passages)"]
        at.text_input(key="chroma_name").set_value("papers")
        next(b for b in at.button if b.label == "Attach").click()
        finished(app, run(at))
        said = words(at).replace("\\", "")
        assert f"attached, theirs at {server}" in said and "recall@3 1.000" in said
    at.button(key="delete index papers").click()
    run(at)
    assert index_names(app.home) == []


def fill(home: Home) -> None:
    save_corpus(home, "mine", [Passage(f"p{n}", "T", f"Text {n}.") for n in range(9)])
    build_index(home, "mine", Hashed())
    save_questions(home, "mine", [Question("q", NASTY)], "mine")


def test_what_is_deleted_can_be_undone_at_once_and_later(app: FakeApp):
    fill(app.home)
    at = visit("Corpora")
    at.button(key="delete corpus mine").click()
    run(at)
    assert corpus_names(app.home) == [] and "Deleted corpus mine." in words(at)
    at.button(key="undo").click()
    run(at)
    assert corpus_names(app.home) == index_names(app.home) == ["mine"]
    at.button(key="delete index mine").click()
    run(at)
    assert "no index yet" in words(at)
    at = visit("Questions")
    at.button(key="delete set mine").click()
    run(at)
    assert [d.kind for d in app.library.deleted()] == ["question set", "index"]
    for one in app.library.deleted():
        at.button(key=f"restore {one.id}").click()
        run(at)
    assert app.library.deleted() == [] and index_names(app.home) == ["mine"]
    assert [row.name for row in app.library.sets()] == ["mine"]


def test_what_a_running_sweep_uses_is_not_deleted(app: FakeApp):
    fill(app.home)
    app.library._in_use = lambda name: "busy-sweep"
    at = visit("Corpora")
    at.button(key="delete corpus mine").click()
    run(at)
    assert (
        literal("sweep 'busy-sweep' is using 'mine'; pause or cancel it first") in at.error[0].value
    )
    assert corpus_names(app.home) == ["mine"]


def test_an_endpoint_is_added_probed_deleted_and_brought_back_and_a_key_goes_nowhere(app: FakeApp):
    secret = "sk-proj-Abc123Def456"
    at = visit("Endpoints")
    with ChatServer(lambda body: "alpha bravo") as server:
        at.text_input(key="endpoint_name").set_value("near")
        at.text_input(key="endpoint_url").set_value(server.url)
        at.text_input(key="endpoint_model").set_value("m")
        at.text_input(key="endpoint_key").set_value(secret)
        next(b for b in at.button if b.label == "Add it").click()
        run(at)
        assert "must be the NAME of an environment variable" in at.error[0].value.replace("\\", "")
        assert secret not in words(at) and at.text_input(key="endpoint_key").value == ""
        assert not app.home.endpoints.exists()
        next(b for b in at.button if b.label == "Add it").click()
        run(at)
        assert "key: none needed" in words(at).replace("\\", "") and "Not probed yet" in words(at)
        at.button(key="probe near").click()
        run(at)
        assert "thinking is cut at the token" in words(at)
    at.button(key="delete endpoint near").click()
    run(at)
    assert "near" not in [row.name for row in app.library.endpoints()]
    at.button(key="undo").click()
    run(at)
    assert "near" in [row.name for row in app.library.endpoints()]
    for path in app.home.root.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_an_endpoint_that_is_silent_says_so_in_one_line(app: FakeApp):
    app.library.add_model("gone", {"base_url": "http://127.0.0.1:9/v1", "model": "m"})
    at = visit("Endpoints")
    at.button(key="probe gone").click()
    run(at)
    assert len(at.error) == 1 and "gone" in at.error[0].value


def test_an_agent_is_added_by_address_and_a_program_only_by_hand(app: FakeApp):
    at = visit("Endpoints")
    next(s for s in at.segmented_control if s.label == "What").set_value("An agent of your own")
    run(at)
    at.text_input(key="agent_name").set_value("mine")
    at.text_input(key="agent_url").set_value("http://127.0.0.1:7/run")
    next(b for b in at.button if b.label == "Add it").click()
    run(at)
    app.home.endpoints.write_text(
        app.home.endpoints.read_text() + '\n[agents.program]\ncommand = ["python3", "agent.py"]\n'
    )
    at.button(key="endpoints_again").click()
    run(at)
    assert [r.name for r in app.library.endpoints() if r.kind == "agent"] == ["mine", "program"]


def test_a_bundle_is_taken_in(app: FakeApp, tmp_path: Path):
    other = FakeApp(tmp_path / "other", all_runs()[:24])
    content = zip_bytes(other.store, "grid")
    other.close()
    at = visit("Bundles")
    at.file_uploader[0].set_value([("grid.zip", content, "application/zip")])
    run(at)
    at.button(key="bundle_take").click()
    finished(app, run(at))
    app.store.ingest()
    assert "grid" in words(run(at)) and [s.name for s in app.store.sweeps()] == ["grid"]


def test_a_log_becomes_a_surface_in_three_steps_and_can_be_taken_out_again(app: FakeApp):
    at = visit("Runs")
    assert "**Needed:** the question" in words(at)
    head = "Asked,Searches,Budget,Correct,Extra\n"
    log = (
        head
        + "".join(f"q {n},{n % 3},{n % 2 * 64},yes,{NASTY}\n" for n in range(12))
        + "q,2,64,?,x\n"
    )
    at.file_uploader[0].set_value([("log.csv", log.encode(), "")])
    run(at)
    assert "no column tells the question" in words(at)
    picked = {s.label: s for s in at.selectbox}
    assert (picked["Quality"].value, picked["Searches used"].value) == ("Correct", "Searches")
    picked["Question"].set_value("Asked")
    picked["Reasoning budget"].set_value("Budget")
    run(at)
    assert {m.label: m.value for m in at.metric} == {
        "Runs": "12", "Questions": "12", "Search levels": "0, 1, 2", "Reasoning levels": "0, 64",
    }  # fmt: skip
    assert list(at.dataframe[0].value["what is wrong"]) == [
        "log.csv, line 14: field 'Correct' must be a number, or true or false"
    ]
    assert "No budget is told for searches" in words(at)
    at.text_input(key="runs_name").set_value("prod")
    at.button(key="runs_take").click()
    finished(app, run(at))
    assert "12 runs taken in; 1 row could not be read" in words(at)
    app.store.ingest()
    cells = app.store.cells(Slice(sweeps=("prod",)))
    assert len(cells) == 6 and {c.strategy for c in cells} == {"imported (by use)"}
    run(at)
    links = [link.proto.query_string for link in at.get("page_link")]
    assert "sweep=prod&metric=exact+match" in links
    at.button(key="delete import prod").click()
    run(at)
    app.store.ingest()
    assert app.store.cells(Slice(sweeps=("prod",))) == []
    at.button(key="undo").click()
    run(at)
    app.store.ingest()
    assert len(app.store.cells(Slice(sweeps=("prod",)))) == 6


def test_a_log_scored_by_a_judge_alone_opens_on_the_pages_that_its_link_leads_to(
    app: FakeApp, tmp_path: Path
):
    rows = [
        {
            "query": f"q {n % 9}",
            "tool_calls": n % 3,
            "reasoning_tokens": n % 2 * 90,
            "rating": n % 5 + 1,
        }
        for n in range(60)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    take_runs(app.home, "rated", log, None, lambda *_: None)
    app.store.ingest()
    for page in ("quality_surface", "budget_allocation"):
        at = AppTest.from_file(str(ROUTER), default_timeout=120)
        at.query_params.update({"sweep": "rated", "metric": METRICS["judge"]})
        at.run()
        at.switch_page(str(ROUTER.parents[1] / f"{page}.py"))
        at.query_params.update({"sweep": "rated", "metric": METRICS["judge"]})
        run(at)
        assert "No run with this score" not in words(at) and "No cell of this choice" not in words(
            at
        )
        assert "The model on board is tiny" not in words(at)
