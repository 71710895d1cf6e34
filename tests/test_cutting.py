"""Cutting loses no word, keeps to its bound, and prefers the ends of sentences."""

from hypothesis import given
from hypothesis import strategies as st

from engine.retrieval.cutting import WHOLE, Cut, cut, parts, size
from engine.types import Passage

SENTENCES = [f"This is sentence number {n} of a long text." for n in range(40)]


def test_a_short_document_and_an_uncut_one_stay_as_they_are():
    short, long = Passage("a", "T", "One two."), Passage("b", "T", " ".join(SENTENCES))
    assert list(cut([short], Cut(5, 2))) == [short]
    assert list(cut([short, long], WHOLE)) == [short, long]


def test_parts_are_numbered_and_end_with_sentences():
    made = list(cut([Passage("b", "Title", "\n".join(SENTENCES))], Cut(30, 0)))
    assert [p.id for p in made[:2]] == ["b#1", "b#2"]
    assert {p.title for p in made} == {"Title"}
    assert all(p.text.endswith(".") and size(p.text) <= 30 for p in made)
    assert " ".join(p.text for p in made) == " ".join(SENTENCES)


def test_an_overlap_repeats_whole_sentences_and_never_a_whole_part():
    made = list(parts(" ".join(SENTENCES), Cut(30, 10)))
    for before, after in zip(made, made[1:], strict=False):
        assert after.startswith(SENTENCES[0][:8]) and before.split(". ")[-1] in after
        assert after not in before


def test_a_text_without_blanks_is_cut_too():
    made = list(parts("词" * 5_000, Cut(50, 0)))
    assert "".join(made) == "词" * 5_000
    assert len(made) > 3


words = st.text(st.characters(codec="utf-8"), max_size=400)


@given(words, st.integers(1, 30), st.integers(0, 29))
def test_no_character_is_lost_and_no_part_is_too_long(text: str, most: int, overlap: int):
    made = list(parts(text, Cut(most, min(overlap, most - 1))))
    assert all(size(part) <= max(most, 1) + 1 for part in made)
    if not overlap:
        assert "".join("".join(made).split()) == "".join(text.split())
    assert set("".join(made)) - {" "} == set(text) - {c for c in text if c.isspace()}
