"""Official formats: real files load as their references say; a broken one gets a line that names row and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import InputError, UnknownName
from store.corpora import question_names, save_corpus, save_questions
from store.documents import read_documents
from store.gold import bound, contexts
from store.home import Home
from store.question_formats import passage_of, read_asked, recognised
from tests.files import (
    as_array,
    as_csv,
    as_lines,
    flashrag_entry,
    hotpot_entry,
    musique_entry,
    real,
    wiki_entry,
)


@pytest.mark.parametrize("name", ["hotpotqa_train100", "musique_train100"])
def test_a_real_official_file_gives_the_questions_and_the_evidence_of_its_reference(
    name: str, home: Home
):
    folder = real(name)
    official = folder / "official.json"
    assert recognised(official) == name.split("_")[0]
    corpus = save_corpus(home, name, read_documents([folder / "corpus.jsonl"]))
    given = bound(read_asked(official), corpus)
    assert (given.told, given.found) == (100, 100)
    reference = {row.question.id: row.question for row in read_asked(folder / "questions.jsonl")}
    for question in given.questions:
        other = reference[question.id]
        assert question.text == other.text.strip()
        assert question.answers == other.answers and question.hops == other.hops
        assert set(question.supporting_ids) == set(other.supporting_ids)
    assert len(list(contexts(read_asked(official)))) == corpus.count


def test_the_passages_of_a_file_can_be_its_corpus(tmp_path: Path, home: Home):
    path = as_array(tmp_path / "dev.json", *map(hotpot_entry, range(5)))
    corpus = save_corpus(home, "dev", contexts(read_asked(path)))
    assert corpus.count == 11
    given = bound(read_asked(path), corpus)
    assert given.found == 5
    save_questions(home, "dev", given.questions, "dev")
    texts = {p.id: p.text for p in corpus.passages()}
    assert [texts[i] for i in given.questions[3].supporting_ids] == [
        "Novel 3 was written by Author 3. It is long.",
        "Author 3 is a writer. She was born in Town 3.",
    ]


def test_each_format_is_recognised_and_read(tmp_path: Path):
    hotpot = as_array(tmp_path / "a.json", hotpot_entry(1))
    (row,) = read_asked(hotpot)
    assert recognised(hotpot) == "hotpotqa"
    assert (row.question.hops, row.question.tags) == (2, ("bridge", "easy"))
    assert row.question.answers == ("Town 1",)

    wiki = as_array(tmp_path / "b.json", wiki_entry(1))
    (row,) = read_asked(wiki)
    assert recognised(wiki) == "2wikimultihopqa"
    assert row.context[0].text == "Novel 1 was written by Author 1. It is long."
    assert row.question.hops == 2 and row.question.tags == ("compositional",)

    musique = as_lines(tmp_path / "c.jsonl", musique_entry(1))
    (row,) = read_asked(musique)
    assert recognised(musique) == "musique"
    assert row.question.answers == ("Town 1", "T. 1") and row.question.hops == 2
    assert [p.text for p in row.gold] == ["Text 1 True."]

    bamboogle = as_csv(tmp_path / "d.csv", ["Question", "Answer"], ["Who?", "Ann, née B"])
    (row,) = read_asked(bamboogle)
    assert recognised(bamboogle) == "bamboogle"
    assert (row.question.id, row.question.answers, row.question.hops) == ("d-1", ("Ann, née B",), 2)

    flashrag = as_lines(tmp_path / "e.jsonl", flashrag_entry(1), flashrag_entry(2, metadata={}))
    first, second = read_asked(flashrag)
    assert recognised(flashrag) == "flashrag"
    assert first.question.answers == ("Town 1", "T. 1") and first.question.tags == ("bridge",)
    assert [p.text for p in first.gold] == ["Author 1 was born in Town 1."]
    assert (second.gold, second.question.hops) == ((), None)

    ours = as_lines(tmp_path / "f.jsonl", {"id": 7, "question": "Who?", "supporting_ids": ["p"]})
    (row,) = read_asked(ours)
    assert recognised(ours) == "budgetscape"
    assert (row.question.id, row.question.supporting_ids) == ("7", ("p",))


def test_a_test_set_without_answers_loads_without_gold(tmp_path: Path):
    entry = hotpot_entry(1)
    for hidden in ("answer", "supporting_facts", "type", "level"):
        del entry[hidden]
    (row,) = read_asked(as_array(tmp_path / "test.json", entry))
    assert (row.question.answers, row.gold, row.question.hops) == ((), (), None)


def test_an_unanswerable_twin_of_musique_gets_its_own_id_and_no_gold(tmp_path: Path):
    path = as_lines(tmp_path / "m.jsonl", musique_entry(1), musique_entry(1, answerable=False))
    one, other = (row.question for row in read_asked(path))
    assert other.id == f"{one.id}-unanswerable" and other.tags == ("unanswerable",)
    assert (other.answers, other.supporting_ids) == ((), ())


def test_evidence_that_is_not_all_in_the_corpus_is_unknown_not_a_part(tmp_path: Path, home: Home):
    path = as_array(tmp_path / "dev.json", hotpot_entry(1), hotpot_entry(2))
    passages = [p for p in contexts(read_asked(path)) if p.title != "Author 2"]
    given = bound(read_asked(path), save_corpus(home, "some", passages))
    assert (given.told, given.found) == (2, 1)
    assert len(given.questions[0].supporting_ids) == 2 and given.questions[1].supporting_ids == ()


def test_a_passage_whose_text_differs_is_found_by_a_title_that_is_the_only_one(
    tmp_path: Path, home: Home
):
    path = as_array(tmp_path / "dev.json", hotpot_entry(1))
    others = [
        replace(p, id=f"o{n}", text=f"{p.text} Edited.")
        for n, p in enumerate(contexts(read_asked(path)))
    ]
    assert bound(read_asked(path), save_corpus(home, "one", others)).found == 1
    twins = [*others, passage_of("Novel 1", "Another of this title.")]
    assert bound(read_asked(path), save_corpus(home, "two", twins)).found == 0


def broken(name: str, *entries: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        writer = as_array if name.endswith(".json") else as_lines
        return writer(folder / name, *entries)

    return write


def bytes_of(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


HOTPOT, MUSIQUE = (
    json.dumps([hotpot_entry(1), hotpot_entry(2)]).encode(),
    json.dumps(musique_entry(1)).encode(),
)
BROKEN: list[tuple[Callable[[Path], Path], str]] = [
    (bytes_of("h.json", HOTPOT[:-200]), "h.json, entry 2: is not JSON .*; was the file cut off"),
    (bytes_of("h.json", HOTPOT[:-1]), "h.json, entry 3: is not JSON .the file ends here"),
    (bytes_of("h.json", HOTPOT.replace(b"Novel 2", b"Nov\xe9l 2", 1)), "h.json: is not UTF-8 near byte"),
    (broken("h.json", hotpot_entry(1), hotpot_entry(2, question=None)), "h.json, entry 2: field 'question' must be"),
    (broken("h.json", hotpot_entry(1), hotpot_entry(1)), "h.json, entry 2: field '_id' repeats 'h1'"),
    (broken("h.json", hotpot_entry(1, context=[["a", "b"]])), r"field 'context' must be a list of \[title, .*number 1"),
    (broken("h.json", hotpot_entry(1, supporting_facts=[[1, 2]])), "field 'supporting_facts' must be a list"),
    (broken("h.json", hotpot_entry(1, answer=["x"])), "entry 1: field 'answer' must be a text"),
    (broken("h.json"), "h.json: holds no question"),
    (broken("w.json", wiki_entry(1, context={"a": 1})), "field 'context' must be a list"),
    (broken("w.json", wiki_entry(1), {"_id": "x"}), "w.json, entry 2: field 'question' must be"),
    (broken("w.json", wiki_entry(1), wiki_entry(2, question="x" * 17_000_000)), "w.json, entry 2: is over 4194304"),
    (bytes_of("w.json", json.dumps([wiki_entry(1)]).encode()[:-20]), "w.json, entry 1: is not JSON .*cut off"),
    (bytes_of("w.json", b""), "w.json: is empty"),
    (bytes_of("m.jsonl", MUSIQUE + b"\n" + MUSIQUE[:-9]), "m.jsonl, line 2: is not JSON"),
    (bytes_of("m.jsonl", MUSIQUE.replace(b"Text", b"T\xffxt")), "m.jsonl, line 1: is not UTF-8 at byte"),
    (broken("m.jsonl", musique_entry(1, paragraphs=[{"title": "x"}])), "line 1, paragraphs 1: field 'paragraph_text'"),
    (broken("m.jsonl", musique_entry(1, paragraphs="x")), "line 1: field 'paragraphs' must be a list of objects"),
    (broken("m.jsonl", musique_entry(1, answerable="yes")), "field 'answerable' must be true or false"),
    (broken("m.jsonl", musique_entry(1), musique_entry(1)), "line 2: field 'id' repeats"),
    (bytes_of("b.csv", b"Question,Answer\nWho?,"), "b.csv, line 2: field 'Answer' must be a text"),
    (bytes_of("b.csv", b'Question,Answer\n"Who?,Ann'), "b.csv, line 2: is not CSV"),
    (bytes_of("b.csv", b"Question,Answer\nWho?,Ann\xe9"), "b.csv, line 2: is not UTF-8 at byte 9"),
    (bytes_of("b.csv", b"Question,Answer\n"), "b.csv: holds no question"),
    (bytes_of("b.csv", b"Q,A\nx,y\n"), r"b.csv, line 2: is in no known format \(fields: Q, A\)"),
    (broken("f.jsonl", flashrag_entry(1, golden_answers="x")), "line 1: field 'golden_answers' must be a list"),
    (broken("f.jsonl", flashrag_entry(1, metadata=[])), "line 1: field 'metadata' must be an object"),
    (broken("f.jsonl", flashrag_entry(1, metadata={"context": {"title": ["a"]}})), "context: field 'content'"),
    (bytes_of("f.jsonl", json.dumps(flashrag_entry(1)).encode()[:-5]), "f.jsonl, line 1: is not JSON"),
    (bytes_of("f.jsonl", b""), "f.jsonl: is empty"),
    (broken("f.jsonl", {"id": "a", "question": "x" * 17_000_000}), "f.jsonl, line 1: is over"),
    (broken("q.jsonl", {"id": "a", "question": " "}), "q.jsonl, line 1: field 'question' must be a text"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "why"), BROKEN, ids=[why[:40] for _, why in BROKEN])
def test_a_broken_file_gets_one_line_and_leaves_nothing(
    tmp_path: Path, home: Home, make: Callable[[Path], Path], why: str
):
    path = make(tmp_path)
    with pytest.raises(InputError, match=why) as raised:
        save_questions(home, "broken", bound(read_asked(path), None).questions)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    assert question_names(home) == []


def test_a_format_that_is_not_there_is_an_unknown_name(tmp_path: Path):
    with pytest.raises(UnknownName, match="did you mean 'hotpotqa'"):
        list(read_asked(as_array(tmp_path / "a.json", hotpot_entry(1)), "hotpotq"))
