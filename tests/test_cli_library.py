"""`budgetscape index`, `questions` and `world` take files in as passages and questions, or say in one line why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from budgetscape.cli.child import telling
from budgetscape.cli.main import cli
from engine.errors import InputError
from store.corpora import corpus_names, load_corpus, load_questions, question_names
from store.home import Home
from store.index_record import index_names, index_report
from tests.files import as_array, as_csv, as_lines, as_pdf, hotpot_entry

ROOT = Path(__file__).parents[1]
LONG = " ".join(f"Sentence number {n} says a little about something." for n in range(60))


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def files_in(home: Home) -> list[Path]:
    return sorted(p for p in home.root.rglob("*") if p.is_file())


@pytest.fixture
def mixed(tmp_path: Path) -> list[Path]:
    guide = tmp_path / "guide.md"
    guide.write_text(f"# Guide\n\n{LONG}\n\n## Use\n\nTurn it on.\n")
    table = as_csv(tmp_path / "rows.csv", ["id", "text"], ["r1", "A row."], ["r2", "Another row."])
    return [guide, table, as_pdf(tmp_path / "paper.pdf", "Page one.", "Page two.")]


def test_files_of_many_kinds_become_one_corpus_with_a_measured_index(home: Home, mixed: list[Path]):
    said = run("index", *mixed, "--name", "mixed", "--words", 60)
    report = index_report(home, "mixed")
    assert f"index mixed: {report.count} passages. recall@3 1.000" in said
    passages = load_corpus(home, "mixed").passages()
    assert [p.title for p in passages if p.id.startswith("guide-1#")] == ["Guide"] * 10
    assert [p.id for p in passages][-4:] == ["r1", "r2", "paper-1", "paper-2"]


def test_a_check_shows_what_would_be_made_and_makes_nothing(home: Home, mixed: list[Path]):
    before = files_in(home)
    show = json.loads(run("index", *mixed, "--check", "--json", "--words", 60))
    assert (show["documents"], show["passages"], show["longest_words"]) == (6, 15, 56)
    assert show["first"][0]["id"] == "guide-1#1" and show["embedding_seconds"] > 0
    whole = json.loads(run("index", mixed[1], "--check", "--json"))
    assert (whole["words"], whole["chosen"]) == (0, {"text": "text", "title": None, "id": "id"})
    assert files_in(home) == before


def test_an_official_file_brings_its_own_corpus(home: Home, tmp_path: Path):
    path = as_array(tmp_path / "dev.json", *map(hotpot_entry, range(6)))
    check = json.loads(run("questions", path, "--check", "--json"))
    assert (check["format"], check["count"], check["passages"]) == ("HotpotQA", 6, 13)
    assert question_names(home) == []
    run("questions", path, "--name", "dev", "--own-passages")
    saved = load_questions(home, "dev")
    assert saved.corpus == "dev" and index_names(home) == ["dev"]
    assert {i for q in saved.questions for i in q.supporting_ids} < load_corpus(home, "dev").ids()
    again = json.loads(run("questions", path, "--check", "--json", "--corpus", "dev"))
    assert (again["told"], again["found"]) == (6, 6)


def test_a_world_is_taken_in_as_corpus_index_and_questions(home: Home):
    run("world", "--seed", 4, "--passages", 60, "--questions", 8, "--name", "made")
    assert corpus_names(home) == index_names(home) == question_names(home) == ["made"]


def test_what_cannot_be_used_leaves_everything_as_it_was(home: Home, tmp_path: Path):
    good = as_lines(tmp_path / "good.jsonl", {"id": "a", "text": "Kept."})
    run("index", good, "--name", "mine")
    before = {p: p.read_bytes() for p in files_in(home)}
    bad = as_lines(tmp_path / "bad.jsonl", {"id": "a", "text": "x"}, {"id": "b"})
    broken = as_array(tmp_path / "bad.json", hotpot_entry(1), hotpot_entry(2, question=""))
    refused = [
        (("index", bad, "--name", "mine"), "bad.jsonl, line 2: field 'text'"),
        (("index", good, "--name", "mine", "--new"), "there is a corpus 'mine' already"),
        (("index", good, "--name", "../mine"), "cannot be used"),
        (("index", good, "--name", "mine", "--words", 3), "10 to 2000 words"),
        (("questions", broken, "--name", "q", "--own-passages"), "entry 2: field 'question'"),
        (("questions", good, "--name", "q"), "in no known format"),
    ]
    for words, why in refused:
        done = CliRunner().invoke(cli, [*map(str, words)])
        assert isinstance(done.exception, InputError) and why in str(done.exception)
    after = {p: p.read_bytes() for p in files_in(home) if "locks" not in p.parts}
    assert after == {p: b for p, b in before.items() if "locks" not in p.parts}


def test_a_child_tells_its_progress_as_json_lines_and_ends_with_its_parent(
    home: Home, tmp_path: Path
):
    good = as_lines(tmp_path / "good.jsonl", *({"id": str(n), "text": LONG} for n in range(2000)))
    command = [sys.executable, "-m", "budgetscape.cli.main", "index", str(good), "--name", "mine"]
    with subprocess.Popen(
        [*command, "--as-child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as child:
        assert child.stdin and child.stdout
        told = [json.loads(child.stdout.readline()) for _ in range(2)]
        child.stdin.close()
        assert child.wait(240) == 130
    assert [t["what"] for t in told] == ["reading", "embedding"]
    assert told[1]["of"] == 4000
    assert index_names(home) == [] and corpus_names(home) == ["mine"]


def test_an_interrupt_that_a_library_makes_an_error_of_its_own_is_still_an_interrupt(monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr("budgetscape.cli.child._bounded", lambda: None)
    source = os.fdopen(reading)
    monkeypatch.setattr("sys.stdin", source)
    with source, pytest.raises(KeyboardInterrupt), telling(child=True):
        os.close(writing)
        try:
            for _ in range(6_000):  # one long sleep would be slept out
                time.sleep(0.01)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None
