"""Corpora, vectors and question sets on disk: kept whole, or as they were."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Damaged, InputError, StoreError, UnknownName
from engine.retrieval.embedding import Hashed, Vectors
from engine.types import Passage, Question
from store.corpora import (
    copy_corpus,
    corpus_hash,
    corpus_names,
    load_corpus,
    load_questions,
    open_corpus,
    passages_file,
    question_names,
    save_corpus,
    save_questions,
)
from store.home import Home
from store.vectors import BLOCK, embed_corpus, load_vectors

PASSAGES = [
    Passage(f"p{n}", "" if n % 3 else "T", f"text {n} \x00 <b>") for n in range(2 * BLOCK + 5)
]
QUESTIONS = [
    Question("q1", "Who?", ("Ann", "A."), ("p1", "p2"), 2, 0, ("yes-no",)),
    Question("q2", "When?"),
]


class Counting(Hashed):
    """Counts the texts it embeds, and can be made to fail."""

    def __init__(self, fails_after: int = 10**9) -> None:
        self.count, self.fails_after = 0, fails_after

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.count + len(texts) > self.fails_after:
            raise KeyboardInterrupt
        self.count += len(texts)
        return super().embed(texts)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_what_is_saved_comes_back(home: Home) -> None:
    saved = save_corpus(home, "world", iter(PASSAGES))
    loaded = load_corpus(home, "world")
    assert loaded == saved and loaded.passages() == PASSAGES
    assert loaded.hash == corpus_hash(PASSAGES) and loaded.count == len(PASSAGES)
    assert loaded.ids() == {p.id for p in PASSAGES}
    assert corpus_names(home) == ["world"]


def test_the_hash_sees_every_field_and_the_order() -> None:
    one = Passage("a", "b", "c")
    others = [Passage("ab", "", "c"), Passage("a", "bc", ""), Passage("a", "b", "C")]
    hashes = {corpus_hash([p, PASSAGES[0]]) for p in (one, *others)} | {
        corpus_hash([PASSAGES[0], one])
    }
    assert len(hashes) == 5


def test_saving_the_same_again_changes_nothing(home: Home) -> None:
    first = save_corpus(home, "world", PASSAGES)
    before = {p: (home.corpora / p).stat().st_mtime_ns for p in files(home.corpora)}
    assert save_corpus(home, "world", PASSAGES) == first
    assert {p: (home.corpora / p).stat().st_mtime_ns for p in files(home.corpora)} == before


def test_other_passages_take_the_place_of_the_old_with_their_vectors(home: Home) -> None:
    embed_corpus(save_corpus(home, "world", PASSAGES), Hashed())
    new = save_corpus(home, "world", PASSAGES[:3])
    assert load_corpus(home, "world").passages() == PASSAGES[:3]
    assert files(new.folder) == ["manifest.json", passages_file(new.hash)]


def broken_off() -> Iterator[Passage]:
    yield PASSAGES[0]
    raise InputError("corpus.jsonl, line 2: is not JSON")


@pytest.mark.parametrize(
    ("passages", "why"),
    [
        ([], "has no passages"),
        ([PASSAGES[0], PASSAGES[0]], "'p0' comes twice"),
        ([Passage("", "t", "x")], "is empty"),
        ([Passage("a", "t", " \n")], "'a' has no text"),
        ([Passage("a", "t", "\ud800")], "half a character"),
        (broken_off(), "line 2"),
    ],
)
def test_an_unusable_corpus_leaves_the_old_one(home: Home, passages, why: str) -> None:
    save_corpus(home, "world", PASSAGES[:2])
    before = files(home.corpora)
    with pytest.raises(InputError, match=why):
        save_corpus(home, "world", passages)
    assert load_corpus(home, "world").passages() == PASSAGES[:2]
    assert files(home.corpora) == before


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-x", "a b", "a" * 65, "ä", "a\n"])
def test_a_name_is_never_a_path(home: Home, name: str) -> None:
    for call in (
        lambda: save_corpus(home, name, PASSAGES),
        lambda: load_corpus(home, name),
        lambda: save_questions(home, name, QUESTIONS),
        lambda: load_questions(home, name),
    ):
        with pytest.raises(InputError, match="letters, digits"):
            call()
    assert files(home.root.parent) == []


def test_an_unknown_corpus_is_answered_with_the_nearest(home: Home) -> None:
    save_corpus(home, "world", PASSAGES[:1])
    with pytest.raises(UnknownName, match="corpus 'wrold' is not known; did you mean 'world'"):
        load_corpus(home, "wrold")


def test_changed_passages_are_noticed(home: Home) -> None:
    corpus = save_corpus(home, "world", PASSAGES)
    other = save_corpus(home, "other", PASSAGES[:9])
    target = corpus.folder / passages_file(corpus.hash)
    target.write_bytes((other.folder / passages_file(other.hash)).read_bytes())
    with pytest.raises(Damaged, match="not those that were saved"):
        corpus.passages()
    target.write_bytes(b"torn")
    with pytest.raises(Damaged, match="cannot be read"):
        corpus.passages()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "w", "hash": "../x", "count": 1, "created": ""}']
)
def test_a_broken_manifest_is_damage_that_saving_again_repairs(home: Home, text: str) -> None:
    corpus = save_corpus(home, "world", PASSAGES[:2])
    (corpus.folder / "manifest.json").write_text(text)
    with pytest.raises(Damaged, match="budgetscape index"):
        load_corpus(home, "world")
    assert save_corpus(home, "world", PASSAGES[:2]).passages() == PASSAGES[:2]


def test_a_copied_corpus_brings_its_vectors(home: Home, tmp_path: Path) -> None:
    source = save_corpus(Home(tmp_path / "shipped"), "sample", PASSAGES)
    vectors = embed_corpus(source, Hashed())
    copy = copy_corpus(open_corpus(source.folder), home, "mine")
    assert (copy.name, copy.hash) == ("mine", source.hash)
    assert (load_vectors(copy, Hashed()) == vectors).all()


# ---------------------------------------------------------------------------------------- vectors


def test_vectors_are_computed_once_and_told_as_they_come(home: Home) -> None:
    corpus, embedder, told = save_corpus(home, "world", PASSAGES), Counting(), []
    vectors = embed_corpus(corpus, embedder, lambda done, of: told.append((done, of)))
    assert {(BLOCK, 261), (2 * BLOCK, 261), (261, 261)} < set(told)
    assert told == sorted(set(told)) and told[0] == (32, 261)
    assert vectors.shape == (261, 256)
    assert (embed_corpus(corpus, embedder) == vectors).all()
    assert (load_vectors(corpus, embedder) == vectors).all()
    assert embedder.count == 261


def test_a_kill_loses_no_finished_block(home: Home) -> None:
    corpus = save_corpus(home, "world", PASSAGES)
    with pytest.raises(KeyboardInterrupt):
        embed_corpus(corpus, Counting(fails_after=BLOCK + 1))
    with pytest.raises(InputError, match=r"1 of 3 blocks .* `budgetscape index`"):
        load_vectors(corpus, Hashed())
    rest = Counting()
    vectors = embed_corpus(corpus, rest)
    assert rest.count == 261 - BLOCK
    assert (vectors == embed_corpus(save_corpus(home, "other", PASSAGES), Hashed())).all()


@pytest.mark.parametrize("damage", ["torn", "zeros", "short", "pickle"])
def test_a_broken_block_is_computed_again(home: Home, damage: str) -> None:
    corpus = save_corpus(home, "world", PASSAGES)
    good = embed_corpus(corpus, Hashed())
    block = next(corpus.folder.glob("vectors-*")) / f"{BLOCK:08d}.npy"
    if damage == "torn":
        block.write_bytes(block.read_bytes()[:1000])
    else:
        made = {
            "zeros": np.zeros((BLOCK, 256), np.float32),
            "short": good[:3],
            "pickle": np.array([print], object),
        }
        np.save(block, made[damage], allow_pickle=True)
    again = Counting()
    assert (embed_corpus(corpus, again) == good).all()
    assert again.count == BLOCK


# -------------------------------------------------------------------------------------- questions


def test_questions_come_back_with_their_corpus(home: Home) -> None:
    save_corpus(home, "world", PASSAGES)
    saved = save_questions(home, "hard", iter(QUESTIONS), corpus="world")
    assert load_questions(home, "hard") == saved
    assert saved.questions == tuple(QUESTIONS) and saved.corpus == "world"
    assert save_questions(home, "plain", QUESTIONS).corpus is None
    assert load_questions(home, "plain").corpus is None
    assert question_names(home) == ["hard", "plain"]


def test_supporting_passages_must_be_in_the_corpus(home: Home) -> None:
    save_corpus(home, "world", PASSAGES[:2])
    with pytest.raises(InputError, match="1 supporting passages, such as 'p2', are not in corpus"):
        save_questions(home, "hard", QUESTIONS, corpus="world")
    with pytest.raises(UnknownName):
        save_questions(home, "hard", QUESTIONS, corpus="nowhere")
    assert question_names(home) == []


@pytest.mark.parametrize(
    ("questions", "why"),
    [
        ([], "is empty"),
        ([QUESTIONS[0]] * 2, "'q1' comes twice"),
        ([Question("q", "\udfff")], "half a character"),
    ],
)
def test_an_unusable_question_set_leaves_the_old_one(home: Home, questions, why: str) -> None:
    saved = save_questions(home, "hard", QUESTIONS)
    with pytest.raises(InputError, match=why):
        save_questions(home, "hard", questions)
    assert load_questions(home, "hard") == saved
    assert files(home.questions) == ["hard.parquet"]


def test_unknown_and_damaged_question_sets_are_said_so(home: Home) -> None:
    save_questions(home, "hard", QUESTIONS)
    with pytest.raises(UnknownName, match="did you mean 'hard'"):
        load_questions(home, "hrad")
    (home.questions / "hard.parquet").write_bytes(b"PAR1 torn PAR1")
    with pytest.raises(Damaged, match="budgetscape questions"):
        load_questions(home, "hard")


# ------------------------------------------------------------------------------------------- home


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    assert Home.find({"BUDGETSCAPE_HOME": str(tmp_path)}).root == tmp_path
    assert Home.find({"BUDGETSCAPE_HOME": " "}).root.name == ".budgetscape"
    assert Home.find({}).database.parent == Home.find({}).root
    assert Home.find({"BUDGETSCAPE_HOME": "~/x"}).root == Path.home() / "x"


def test_a_home_is_for_its_owner_only_and_ensured_twice(home: Home) -> None:
    home.ensure()
    for folder in (home.root, home.journals, home.corpora, home.locks, home.snapshots):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_a_home_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match="set BUDGETSCAPE_HOME to a folder you can write"
    ) as raised:
        Home(tmp_path / "file" / "home").ensure()
    assert "\n" not in str(raised.value)


def test_a_full_disk_is_one_line_and_leaves_the_old_corpus(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_corpus(home, "world", PASSAGES[:2])

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left on device; free some space"):
            save_corpus(home, "world", PASSAGES)
        with pytest.raises(StoreError, match="No space left"):
            save_questions(home, "hard", QUESTIONS)
    assert load_corpus(home, "world").passages() == PASSAGES[:2]
    assert question_names(home) == []
