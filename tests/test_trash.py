"""What is deleted is gone from every list, and comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import InputError, StoreHeld, UnknownName
from engine.retrieval.embedding import Hashed
from engine.types import Passage, Question
from store import trash
from store.corpora import corpus_names, question_names, save_corpus, save_questions
from store.home import Home
from store.index import alone, build_index, index_names, open_index

PASSAGES = [Passage(f"p{n}", f"T{n}", f"Text number {n}.") for n in range(20)]


@pytest.fixture
def filled(home: Home) -> Home:
    save_corpus(home, "mine", PASSAGES)
    build_index(home, "mine", Hashed())
    save_questions(home, "mine", [Question("q", "Who?")], "mine")
    return home


def held(home: Home) -> dict[str, bytes]:
    folders = (home.corpora, home.indexes, home.questions)
    paths = [p for folder in folders for p in folder.rglob("*") if p.is_file()]
    return {str(p): p.read_bytes() for p in paths}


def test_a_corpus_goes_with_its_index_and_comes_back_byte_for_byte(filled: Home):
    before = held(filled)
    gone = trash.delete_corpus(filled, "mine")
    assert corpus_names(filled) == index_names(filled) == []
    assert question_names(filled) == ["mine"]
    assert trash.deleted(filled) == [gone]
    trash.restore(filled, gone.id)
    assert held(filled) == before and trash.deleted(filled) == []
    open_index(filled, "mine", Hashed()).close()


def test_an_index_and_a_set_go_alone(filled: Home):
    index, questions = trash.delete_index(filled, "mine"), trash.delete_questions(filled, "mine")
    assert (corpus_names(filled), index_names(filled), question_names(filled)) == (["mine"], [], [])
    assert [d.kind for d in trash.deleted(filled)] == ["question set", "index"]
    for one in (index, questions):
        trash.restore(filled, one.id)
    assert index_names(filled) == question_names(filled) == ["mine"]


def test_what_was_made_anew_is_not_overwritten_by_the_old(filled: Home):
    old = trash.delete_corpus(filled, "mine")
    save_corpus(filled, "mine", PASSAGES[:3])
    with pytest.raises(InputError, match="there is a new corpus 'mine'; delete that first"):
        trash.restore(filled, old.id)
    new = trash.delete_corpus(filled, "mine")
    trash.restore(filled, old.id)
    assert [d.id for d in trash.deleted(filled)] == [new.id]


def test_what_is_not_there_or_just_being_built_is_refused(filled: Home):
    with pytest.raises(UnknownName, match="did you mean 'mine'"):
        trash.delete_corpus(filled, "nine")
    with pytest.raises(InputError, match="cannot be used"):
        trash.delete_index(filled, "../mine")
    with pytest.raises(UnknownName):
        trash.restore(filled, "../../mine")
    with alone(filled, "mine"), pytest.raises(StoreHeld):
        trash.delete_corpus(filled, "mine")
    assert corpus_names(filled) == index_names(filled) == ["mine"]


def test_a_kill_between_the_moves_loses_nothing(filled: Home, monkeypatch: pytest.MonkeyPatch):
    before, move, moved = held(filled), trash.os.replace, []

    def once(source: Path, target: Path) -> None:
        if moved and "about.json" not in str(target):
            raise KeyboardInterrupt
        moved.extend([source] if "about.json" not in str(target) else [])
        move(source, target)

    monkeypatch.setattr(trash.os, "replace", once)
    with pytest.raises(KeyboardInterrupt):
        trash.delete_corpus(filled, "mine")
    monkeypatch.undo()
    (left,) = trash.deleted(filled)
    for part in left.parts:
        if (filled.trash / left.id / part).exists():
            assert not (filled.root / part).exists()
    with pytest.raises(InputError):  # the index still stands where it was
        trash.restore(filled, left.id)
    trash.delete_index(filled, "mine")
    trash.restore(filled, left.id)
    assert {k: v for k, v in held(filled).items() if "/indexes/" not in k} == {
        k: v for k, v in before.items() if "/indexes/" not in k
    }


def test_old_things_are_forgotten_and_strange_descriptions_are_not_followed(filled: Home):
    gone = trash.delete_questions(filled, "mine")
    about = filled.trash / gone.id / "about.json"
    said = json.loads(about.read_text())
    about.write_text(json.dumps(said | {"parts": ["../../etc/passwd"]}))
    assert trash.deleted(filled) == []
    about.write_text(json.dumps(said | {"when": "2001-01-01T00:00:00+00:00"}))
    assert [d.id for d in trash.deleted(filled)] == [gone.id]
    trash.delete_index(filled, "mine")
    assert gone.id not in [d.id for d in trash.deleted(filled)]
