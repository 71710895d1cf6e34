"""What one process opens: the app beside a command line that writes."""

import asyncio
import subprocess
import sys
import time

import pytest

from budgetscape import wiring
from budgetscape.endpoints import Registry
from budgetscape.wiring import App, Parts
from engine.errors import UnknownName
from engine.sweeps.record import to_body
from store.journal import Journal
from tests.store_fakes import trajectory


@pytest.fixture
def app(home, monkeypatch):
    monkeypatch.setattr(wiring, "KEEP_UP_S", 0.05)
    made = App(home, Registry.load(home, env={}))
    yield made
    made.close()


def test_the_app_shows_what_another_process_has_recorded(app, home):
    assert app.owner
    before = app.store.version()
    done = trajectory()
    with Journal.open(home, done.sweep) as journal:
        journal.append("trajectory", done.id, to_body(done))
        journal.flush()
    end = time.monotonic() + 60
    while app.store.version() == before and time.monotonic() < end:
        time.sleep(0.02)
    assert [s.name for s in app.store.sweeps()] == [done.sweep]


def test_a_second_app_reads_without_the_file_that_the_first_one_owns(app, home):
    second = App(home, Registry.load(home, env={}))
    try:
        assert not second.owner
    finally:
        second.close()


def test_two_saves_at_once_are_two_whole_lines(home):
    from concurrent.futures import ThreadPoolExecutor

    from store.journal import read_sweep

    parts = Parts(home, Registry.load(home, env={}))
    runs = [trajectory(n, "live") for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(parts.save, runs))
    assert {x.id for x in read_sweep(home, "live")} == {r.id for r in runs}


def test_an_index_that_was_built_anew_or_deleted_is_not_the_old_one(home):
    """As after a build from the command line, or a deletion on the library page."""
    from engine.retrieval.embedding import MiniLM
    from engine.run.ports import Query
    from engine.types import Passage, Question
    from store import trash
    from store.corpora import save_corpus, save_questions
    from store.index import build_index

    parts = Parts(home, Registry.load(home, env={}))

    def build(text):
        save_corpus(home, "mine", [Passage("p", "T", text)])
        build_index(home, "mine", MiniLM())
        save_questions(home, "mine", [Question("q", text)])

    async def found():
        retriever = await parts.retriever("mine")
        return (await retriever.search([Query("a town", 1)]))[0][0].passage.text

    for text in ("The old town.", "The new town."):
        build(text)
        assert asyncio.run(found()) == text
        assert [q.text for q in parts.questions("mine")] == [text]
    trash.delete_corpus(home, "mine")
    trash.delete_questions(home, "mine")
    for gone in (lambda: asyncio.run(found()), lambda: parts.questions("mine")):
        with pytest.raises(UnknownName):
            gone()


def test_the_first_page_waits_for_neither_chroma_nor_the_client_of_models():
    code = "import sys, budgetscape.wiring; print({'chromadb', 'openai'} & sys.modules.keys())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
