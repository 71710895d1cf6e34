"""Worlds: what they promise is checked from the outside, with an evaluator of its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from functools import cache
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.identity import canonical_json, content_hash
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import ranked, searchable
from engine.types import Passage
from engine.worlds import Lookup, Operand, Solution, World, build
from engine.worlds.names import POOLS
from engine.worlds.operations import OPERATIONS
from engine.worlds.passages import Written
from engine.worlds.phrasings import BASICS, FILLERS, UNITS, WORDINGS, YEARS
from engine.worlds.programs import STRATA, pose

SPLITS = ("train", "test")


@cache
def world(split: str = "test", seed: int = 7) -> World:
    return build(seed, 1500, 320, split)  # type: ignore[arg-type]


UNSEEN = re.compile(
    "|".join(
        ".+".join(map(re.escape, re.split(r"\{.\}", template))).replace("^", "")
        for wording in WORDINGS.values()
        for template in wording.unseen_says
    ),
    re.IGNORECASE,
)
"""Sentences in a wording that train worlds lack."""


def lookups(w: World) -> list[Lookup]:
    return [lookup for q in w.questions for lookup in w.solutions[q.id].lookups]


def by_id(w: World) -> dict[str, Passage]:
    return {p.id: p for p in w.passages}


def names(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


# --------------------------------------------------------------------------------------- same bytes


@pytest.mark.parametrize(
    ("split", "digest"),
    [("train", "f0d8d20db86147cace495f7d9720d4db"), ("test", "a4bdf0b02d68616a0ae41b20ad0ff15e")],
)
def test_the_same_seed_gives_the_same_bytes_on_every_machine(split: str, digest: str) -> None:
    assert content_hash(build(7, 120, 40, split)) == digest  # type: ignore[arg-type]


@given(seed=st.integers(0, 2**31 - 1), split=st.sampled_from(SPLITS))
@settings(max_examples=10, deadline=None)
def test_building_twice_gives_equal_worlds(seed: int, split: str) -> None:
    assert build(seed, 120, 25, split) == build(seed, 120, 25, split)  # type: ignore[arg-type]


def test_different_seeds_give_different_worlds() -> None:
    assert build(1, 60, 10, "test").passages != build(2, 60, 10, "test").passages


def test_a_world_survives_json() -> None:
    w = build(3, 60, 19, "test")
    q = w.questions[-1]
    back = json.loads(canonical_json(w))
    assert back["solutions"][q.id]["answer"] == w.solutions[q.id].answer
    assert [p["id"] for p in back["passages"]] == [p.id for p in w.passages]


# -------------------------------------------------------------------------------------------- sizes


@given(passages=st.integers(60, 400), seed=st.integers(0, 10**6), split=st.sampled_from(SPLITS))
@settings(max_examples=15, deadline=None)
def test_any_size_gives_exactly_what_was_asked_for(passages: int, seed: int, split: str) -> None:
    w = build(seed, passages, 10, split)  # type: ignore[arg-type]
    assert (len(w.passages), len(w.questions), len(w.solutions)) == (passages, 10, 10)
    assert w.passages[0].id == f"w{seed}-0001"
    assert w.questions[0].id == f"w{seed}-q0001"


def test_the_largest_world_can_be_built() -> None:
    assert len(build(0, 5000, 19, "test").passages) == 5000


@pytest.mark.parametrize(
    ("seed", "passages", "questions", "split", "says"),
    [
        (7, 59, 10, "test", "passages must be a whole number from 60 to 5000"),
        (7, 10**9, 10, "test", "passages must be"),
        (7, 60, -1, "test", "questions must be"),
        (7, 60, 10**9, "test", "questions must be"),
        (-1, 60, 10, "test", "seed must be"),
        (7, 60.5, 10, "test", "passages must be"),
        (True, 60, 10, "test", "seed must be"),
        (7, 60, 10, "dev", "use train or test"),
    ],
)
def test_absurd_sizes_are_refused_in_one_line(
    seed: int, passages: int, questions: int, split: str, says: str
) -> None:
    with pytest.raises(InputError, match=re.escape(says)) as caught:
        build(seed, passages, questions, split)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_too_many_questions_for_the_facts_are_refused() -> None:
    with pytest.raises(InputError, match="ask for fewer questions or more passages"):
        pose(Random(0), "test", 7, Written((), ()), 1)


# ----------------------------------------------------------------------------------------- passages


@pytest.mark.parametrize("split", SPLITS)
def test_passages_are_short_and_plain(split: str) -> None:
    lengths = [len(p.text.split()) for p in world(split).passages]
    assert 20 <= sum(lengths) / len(lengths) <= 45
    assert min(lengths) >= 15
    assert max(lengths) <= 50
    for p in world(split).passages:
        assert p.text[0].isupper() or p.text[0].isdigit()
        assert p.text.endswith(".")
        assert not re.search(r"[{}<>|]|  |\.\.", p.text)


def test_no_sentence_repeats_itself_within_a_passage() -> None:
    for p in world().passages:
        sentences = re.split(r"(?<=\w)\. ", p.text)
        assert len(set(sentences)) == len(sentences), p


def test_ids_are_unique_and_supporting_ids_exist() -> None:
    w = world()
    assert len({p.id for p in w.passages}) == 1500
    assert len({q.id for q in w.questions}) == len({q.text for q in w.questions}) == 320
    assert {i for q in w.questions for i in q.supporting_ids} <= set(by_id(w))


def test_some_names_are_nearly_alike() -> None:
    titles = {p.title for p in world().passages}
    surnames = Counter(t.split()[-1] for t in titles if len(t.split()) == 2)
    assert sum(n > 1 for n in surnames.values()) > 20


# ----------------------------------------------------------------------------- splits share nothing


def test_no_word_of_the_name_pools_is_in_both_splits() -> None:
    for field, words in asdict(POOLS["train"]).items():
        assert not set(words) & set(getattr(POOLS["test"], field)), field
        assert len(set(words)) == len(words), field


@given(train=st.integers(0, 10**6), test=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_worlds_of_different_splits_share_no_name_whatever_their_seeds(
    train: int, test: int
) -> None:
    titles = [
        {p.title for p in build(s, 600, 0, x).passages}
        for s, x in ((train, "train"), (test, "test"))
    ]  # type: ignore[arg-type]
    assert not titles[0] & titles[1]


def test_untrained_phrasings_occur_in_test_worlds_only_and_are_marked() -> None:
    assert {t for q in world("train").questions for t in q.tags} & {"untrained-phrasing"} == set()
    marked = Counter("untrained-phrasing" in q.tags for q in world("test").questions)
    assert 0.4 < marked[True] / 320 < 0.6
    for passage in world("train").passages:
        for sentence in re.split(r"(?<=\w)\. |\.$", passage.text):
            assert not UNSEEN.fullmatch(sentence), sentence


def test_a_question_marked_trained_rests_on_trained_sentences_only() -> None:
    w = world("test")
    for q in w.questions:
        unseen = [bool(UNSEEN.fullmatch(x.key_sentence[:-1])) for x in w.solutions[q.id].lookups]
        assert not any(unseen) or "untrained-phrasing" in q.tags


# ----------------------------------------------------------------------------------- what is needed


@pytest.mark.parametrize("split", SPLITS)
def test_every_look_up_is_answered_by_its_passage_and_sentence(split: str) -> None:
    w = world(split)
    passages = by_id(w)
    for lookup in lookups(w):
        assert lookup.key_sentence in passages[lookup.passage_id].text
        assert names(lookup.key_sentence, lookup.answer), lookup


@pytest.mark.parametrize("split", SPLITS)
def test_without_a_supporting_passage_its_look_up_has_no_answer(split: str) -> None:
    """No other passage names both whom the look-up is about and its answer."""
    w = world(split)
    passages = by_id(w)
    for lookup in lookups(w):
        home = passages[lookup.passage_id]
        first = home.text.split(".")[0] + home.text.split(".")[1]
        called = {home.title, *re.findall(r"\(the ([A-Z][^)]*)\)", first)}
        for other in w.passages:
            if other.id != home.id and lookup.answer in other.text:
                whole = f"{other.title} {other.text}"
                told = names(other.text, lookup.answer) and any(names(whole, c) for c in called)
                assert not told, (lookup, other)


@pytest.mark.parametrize("split", SPLITS)
def test_a_query_names_someone_whom_its_passage_names(split: str) -> None:
    """Else the passage would not be enough to know that it is about the right one."""
    w = world(split)
    passages = by_id(w)
    for lookup in lookups(w):
        home = passages[lookup.passage_id]
        text = f"{home.title} {home.text}"
        words = re.findall(r"[A-Z]\w+|\w*(?:viol|flute|bell|horn|lute|chord)\b", lookup.query)[1:]
        assert words and any(names(text, word) for word in words), (lookup, home)


def test_initials_beside_a_by_name_fit_one_person_only() -> None:
    persons = {p.title for p in world().passages if len(p.title.split()) == 2 and "(the " in p.text}
    for p in world().passages:
        for initial, surname in re.findall(r"\(([A-Z])\. (\w+)\)", p.text):
            assert sum(n[0] == initial and n.split()[1] == surname for n in persons) <= 1, p


def test_no_question_gives_its_own_answer_away() -> None:
    for q in world().questions:
        assert "chain" not in q.tags or not any(a in q.text for a in q.answers)


def test_later_look_ups_use_the_answer_of_the_one_they_depend_on() -> None:
    for solution in world().solutions.values():
        for place, lookup in enumerate(solution.lookups):
            assert all(before < place for before in lookup.depends_on)
            for before in lookup.depends_on:
                assert solution.lookups[before].answer in lookup.query


def test_alternatives_are_other_queries() -> None:
    for lookup in lookups(world()):
        assert len(lookup.alternatives) >= 3
        assert lookup.query not in lookup.alternatives
        assert len(set(lookup.alternatives)) == len(lookup.alternatives)
        assert not any("{" in a for a in lookup.alternatives)


def test_hops_count_the_passages_and_operations_the_steps() -> None:
    w = world()
    steps = {(o.name, o.kind): o.steps for o in OPERATIONS if o.operands == 3}
    for q in w.questions:
        s = w.solutions[q.id]
        assert q.hops == len(s.lookups) == len(q.supporting_ids)
        assert q.operations == 0 or len(s.thinking) == q.operations + 1
        if len(s.operands) == 3:
            assert steps[s.rule, q.tags[1]] == q.operations


# ------------------------------------------------------------------------------------------- strata


@pytest.mark.parametrize("split", SPLITS)
def test_every_stratum_is_filled_evenly(split: str) -> None:
    counts = Counter((q.hops, q.operations) for q in world(split).questions)
    assert set(counts) == set(STRATA) == {(h, o) for h in range(5) for o in range(4)} - {(0, 0)}
    assert max(counts.values()) - min(counts.values()) <= 1


def test_any_first_part_is_a_fair_spread() -> None:
    for n in (19, 60, 190):
        counts = Counter((q.hops, q.operations) for q in world().questions[:n])
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == 19


def test_every_kind_of_question_is_there_and_no_answer_is_a_safe_guess() -> None:
    tags = Counter(t for q in world().questions for t in q.tags)
    assert {"chain", "comparison", "difference", "count", "ordering", "yes-no"} <= set(tags)
    assert min(tags["open"], tags["choice"]) > 100
    verdicts = Counter(q.answers[0] for q in world().questions if "yes-no" in q.tags)
    assert set(verdicts) == {"yes", "no"}
    assert max(verdicts.values()) < 2.2 * min(verdicts.values())
    open_answers = Counter(q.answers[0] for q in world().questions if "open" in q.tags)
    assert open_answers.most_common(1)[0][1] <= 5


# ---------------------------------------------------------------- the answers, worked out once more


def evaluate(rule: str, operands: tuple[Operand, ...], n: int | None) -> str:
    v = [o.value for o in operands]
    two = [*v, n or 0] if len(v) == 1 else v
    gaps = [abs(a - b) for a, b in combinations(two, 2)]
    label = {o.value: o.label for o in operands}
    match rule:
        case "lowest":
            return label[min(v)]
        case "highest":
            return label[max(v)]
        case "middle":
            return label[sorted(v)[1]]
        case "difference" | "span":
            return str(max(gaps))
        case "below":
            return "yes" if two[0] < two[1] else "no"
        case "above":
            return "yes" if two[0] > two[1] else "no"
        case "gap-over":
            return "yes" if gaps[0] > (n or 0) else "no"
        case "count-above":
            return str(len([x for x in v if x > (n or 0)]))
        case "shifted":
            return str(abs(v[0] + (n or 0) - v[1]))
        case "from-later":
            return str(abs(max(v[:2]) - v[2]))
        case "wider":
            return "yes" if gaps[0] > gaps[2] else "no"
    raise AssertionError(rule)


def check_answer(solution: Solution) -> None:
    for operand in solution.operands:
        if operand.lookup is not None:
            assert solution.lookups[operand.lookup].answer == str(operand.value)
    if solution.rule == "chain":
        assert solution.answer == solution.lookups[-1].answer
        assert solution.thinking == ()
    else:
        assert solution.answer == evaluate(solution.rule, solution.operands, solution.parameter)


@pytest.mark.parametrize("split", SPLITS)
def test_the_answer_follows_from_the_look_ups(split: str) -> None:
    w = world(split)
    for q in w.questions:
        check_answer(w.solutions[q.id])
        assert q.answers[0] == w.solutions[q.id].answer
        assert len(set(q.answers)) == len(q.answers)


def test_what_no_look_up_brings_stands_in_the_question() -> None:
    w = world()
    for q in w.questions:
        s = w.solutions[q.id]
        assert all(names(q.text, str(o.value)) for o in s.operands if o.lookup is None)
        assert s.parameter is None or names(q.text, str(s.parameter))
        assert not any(names(q.text, str(o.value)) for o in s.operands if o.lookup is not None)


def test_thinking_ends_with_the_answer_and_its_sums_are_right() -> None:
    for s in world().solutions.values():
        if s.rule == "chain":
            continue
        assert names(s.thinking[-1], s.answer)
        for a, sign, b, c in re.findall(r"(\d+) ([-+]) (\d+) = (\d+)", " ".join(s.thinking)):
            assert int(a) + int(b) == int(c) if sign == "+" else int(a) - int(b) == int(c)
        for a, sign, b in re.findall(r"(\d+) ([<>]) (\d+)", " ".join(s.thinking)):
            assert int(a) < int(b) if sign == "<" else int(a) > int(b)
        assert all(
            int(gap) <= 400
            for gap in re.findall(r"= (\d+)[.,]", " ".join(s.thinking[1:]))
            if "+" not in " ".join(s.thinking)
        )


# --------------------------------------------------------------------------------------- the tables


def test_every_relation_has_words_enough() -> None:
    relations = [r for r in WORDINGS if r not in UNITS and r not in YEARS]
    assert len(BASICS) >= 8 and set(BASICS) == set(FILLERS)
    assert len(relations) >= 4 and len(UNITS) + len(YEARS) >= 4
    for relation, wording in WORDINGS.items():
        assert len(wording.says) >= 4 and len(wording.unseen_says) >= 2, relation
        assert all(
            "{o}" in t and ("{s}" in t or "{m}" in t) for t in wording.says + wording.unseen_says
        )
        assert not set(wording.says) & set(wording.unseen_says)
        assert all(t.endswith("?") and "{m}" in t for t in wording.ask + wording.unseen_ask)
        assert all("{m}" in t for t in wording.noun + wording.unseen_noun + wording.keywords)
        assert all("{o}" not in t for t in wording.vague)


def test_one_query_finds_about_seven_of_ten_passages_of_the_shipped_world():
    world, embedder = build(7, 1500, 320, "test"), MiniLM(threads=2)
    vectors = embedder.embed([searchable(p) for p in world.passages])
    lookups = {(s.query, s.passage_id) for x in world.solutions.values() for s in x.lookups}
    found = 0
    for (_, wanted), query in zip(lookups, embedder.embed([q for q, _ in lookups]), strict=True):
        first = ranked(world.passages, vectors @ query, 3)
        found += any(r.passage.id == wanted for r in first)
    assert 0.6 < found / len(lookups) < 0.85
