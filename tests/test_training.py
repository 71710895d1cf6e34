"""The trained searcher: the tree that examples share, the oracle, and the exported adapters."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.scripted import Scripted
from engine.retrieval.embedding import Hashed
from engine.retrieval.exact import ranked, searchable
from engine.run.requests import Think, Write
from engine.strategies import corag, knobs_of, start
from engine.strategies.blocks import NOTHING
from engine.types import Message, Passage, Question, Ranked
from engine.worlds import Lookup, World, build
from engine.worlds.phrasings import WORDINGS
from tests.dialogues import Library
from training import rejection, run
from training.further_paraphrases import FURTHER
from training.oracle import MOST_TRIES, TAGGED, UNKNOWN, Oracle, not_found
from training.packing import tree
from training.paraphrases import MORE, More, wordings
from training.rewards import REWARDS
from training.rollouts import spoken

ADAPTERS = sorted(Path("sample_runs/adapters").glob("*.gguf"))
TRAINED = ("closed_book", "corag", "iterative", "single_retrieval")
IDS = st.lists(st.integers(0, 3), min_size=1, max_size=6)


def _words(text: str, most: int) -> tuple[str, int]:
    words = text.split(" ")
    return (text, len(words)) if len(words) <= most else (" ".join(words[:most]), most)


@pytest.fixture(scope="module")
def world() -> World:
    return build(5, 120, 114, "train")


def _play(world: World, number: int, strategy: str, search: int, think: int) -> tuple[Oracle, str]:
    embedder = Hashed()
    vectors = embedder.embed([searchable(p) for p in world.passages])
    question = world.questions[number]

    def retrieve(query: str, top_k: int) -> tuple[Ranked, ...]:
        return ranked(
            world.passages, (vectors @ embedder.embed([query])[0]).astype(np.float32), top_k
        )

    player = Oracle(
        question, world.solutions[question.id], retrieve, _words, search, think, strategy
    )
    return player, _run(player)


def _run(player: Oracle) -> str:
    run = start(player.strategy, player.question, knobs_of(player.strategy))
    request = next(run)
    while True:
        assert not isinstance(request, Think | Write) or request.prompt
        try:
            request = run.send(player.reply(request))
        except StopIteration as end:
            return str(end.value)


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=5))
def test_every_row_can_be_read_back_from_the_tree(rows: list[tuple[list[int], list[int]]]) -> None:
    made = tree(rows)
    paths = {
        tuple(made.ids[np.flatnonzero(made.sees[node])].tolist()) for node in range(len(made.ids))
    }
    for prompt, reply in rows:
        assert (*prompt, *reply) in paths


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=5))
def test_a_node_sees_as_many_nodes_as_its_depth_and_only_earlier_ones(
    rows: list[tuple[list[int], list[int]]],
) -> None:
    made = tree(rows)
    assert (made.sees.sum(axis=1) == made.depths + 1).all()
    assert not np.triu(made.sees, 1).any()


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=5))
def test_each_reply_token_is_learnt_from_the_node_before_it(
    rows: list[tuple[list[int], list[int]]],
) -> None:
    made = tree(rows)
    assert made.targets.tolist() == [token for _, reply in rows for token in reply]
    starts = made.sources[np.cumsum([0, *(len(reply) for _, reply in rows)])[:-1]]
    assert made.depths[starts].tolist() == [len(prompt) - 1 for prompt, _ in rows]


def test_rows_that_begin_alike_share_nodes() -> None:
    assert len(tree([([1, 2, 3], [4]), ([1, 2, 3], [5])]).ids) == 5


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 113), st.sampled_from(TRAINED), st.integers(0, 6), st.integers(0, 60))
def test_the_ideal_player_answers_rightly_or_says_that_it_does_not_know(
    world: World, number: int, strategy: str, search: int, think: int
) -> None:
    player, answer = _play(world, number, strategy, search, think)
    solution = world.solutions[player.question.id]
    assert answer == (solution.answer if player.complete else UNKNOWN)
    needed = {s.passage_id for s in solution.lookups}
    assert not player.complete or search or not needed


def test_a_look_up_that_found_nothing_is_tried_in_other_words_and_then_given_up(
    world: World,
) -> None:
    question = next(q for q in world.questions if q.hops == 1 and not q.operations)
    wrong = [p for p in world.passages if p.id not in question.supporting_ids][:3]
    blind = tuple(Ranked(p, n, 0.5) for n, p in enumerate(wrong, 1))
    player = Oracle(question, world.solutions[question.id], lambda *_: blind, _words)
    assert _run(player) == UNKNOWN
    queries = [text for prompt, text in player.log if prompt[0].content == corag.SUB_QUERY]
    notes = [text for prompt, text in player.log if prompt[0].content == corag.SUB_ANSWER]
    assert len(queries) == len(set(queries)) == MOST_TRIES + 1
    assert queries[-1] == "done"
    assert notes == [NOTHING] * MOST_TRIES


def test_without_thinking_the_passages_stand_in_and_the_chain_goes_on(world: World) -> None:
    number = next(n for n, q in enumerate(world.questions) if q.hops == 2 and not q.operations)
    player, _ = _play(world, number, "corag", 9, 0)
    assert player.log
    assert all(
        prompt[0].content.startswith(("Break", "Answer the question from what"))
        for prompt, _ in player.log
    )


# ---------------------------------------------------------------------------------------------- adapters


def test_a_chain_stops_at_the_answer_and_becomes_the_rows_that_were_asked() -> None:
    shelf = Library(wrote=[("Book", "Ada wrote it.")], born=[("Ada", "Ada was born in Varn.")])
    replies = ["Who wrote it?", "Ada", "Where was Ada born?", "Varn"]
    model = Scripted(replies, scores=lambda call: -0.4)
    question = Question("q", "Where was its author born?", ("Varn",))
    chain = asyncio.run(rejection.grown(question, 5, model, shelf, 0))
    assert chain.steps == (("Who wrote it?", "Ada"), ("Where was Ada born?", "Varn"))
    assert chain.likelihood == -0.4
    asked = [call for call in model.history if call.score_text is None]
    assert [p for p, _ in chain.rows[:4]] == [call.prompt for call in asked]
    assert [t for _, t in chain.rows] == [*replies, "done", "Varn"]


def test_a_chain_stops_when_the_answer_has_become_likely() -> None:
    shelf = Library(wrote=[("Book", "Ada of Varn wrote it.")])
    model = Scripted(["Who wrote it?", "Ada of Varn"], scores=lambda call: -0.01)
    question = Question("q", "Where was its author born?", ("Varn",))
    chain = asyncio.run(rejection.grown(question, 5, model, shelf, 0))
    assert len(chain.steps) == 1 and chain.likelihood == -0.01


def test_the_row_order_of_llama_interleaves_the_halves_of_each_head() -> None:
    export = _export()
    rows = np.arange(8, dtype=np.float32)[:, None]
    assert export.permuted(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_attention_scores_stay_the_same_in_the_other_row_order() -> None:
    """Rotary turns pairs (i, i + half) in one order and (2i, 2i + 1) in the other."""
    torch = pytest.importorskip("torch")
    export = _export()
    torch.manual_seed(0)
    query, key = torch.randn(8, 5), torch.randn(8, 5)
    x, y = torch.randn(5), torch.randn(5)
    angles = torch.tensor([0.3, 0.1, 0.7, 0.2])

    def halves(v, turn):  # noqa: ANN001, ANN202
        a, b = v[:4], v[4:]
        return torch.cat(
            (a * torch.cos(turn) - b * torch.sin(turn), b * torch.cos(turn) + a * torch.sin(turn))
        )

    def pairs(v, turn):  # noqa: ANN001, ANN202
        a, b = v[0::2], v[1::2]
        rotated = torch.empty_like(v)
        rotated[0::2] = a * torch.cos(turn) - b * torch.sin(turn)
        rotated[1::2] = b * torch.cos(turn) + a * torch.sin(turn)
        return rotated

    plain = halves(query @ x, angles * 3) @ halves(key @ y, angles * 7)
    moved_query, moved_key = (
        torch.from_numpy(export.permuted(w.numpy(), 1).copy()) for w in (query, key)
    )
    moved = pairs(moved_query @ x, angles * 3) @ pairs(moved_key @ y, angles * 7)
    assert float(plain) == pytest.approx(float(moved), abs=1e-4)


@pytest.mark.skipif(not ADAPTERS, reason="no adapter has been exported")
@pytest.mark.parametrize("path", ADAPTERS, ids=lambda p: p.stem)
def test_an_exported_adapter_has_a_pair_of_matrices_of_one_rank_for_each_module(path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    reader = gguf.GGUFReader(path)
    shapes = {t.name: tuple(int(n) for n in t.shape) for t in reader.tensors}
    ins = {
        "attn_q": 576,
        "attn_k": 576,
        "attn_v": 576,
        "attn_output": 576,
        "ffn_gate": 576,
        "ffn_up": 576,
    }
    outs = {
        "attn_q": 576,
        "attn_k": 192,
        "attn_v": 192,
        "attn_output": 576,
        "ffn_gate": 1536,
        "ffn_up": 1536,
    }
    ins["ffn_down"], outs["ffn_down"] = 1536, 576
    layers = {name.split(".")[1] for name in shapes}
    assert len(shapes) == len(layers) * len(ins) * 2
    for layer in layers:
        for module in ins:
            wide, rank = shapes[f"blk.{layer}.{module}.weight.lora_a"]
            rank_too, tall = shapes[f"blk.{layer}.{module}.weight.lora_b"]
            assert (wide, tall, rank) == (ins[module], outs[module], rank_too)
    assert path.stat().st_size < 8 * 2**20


@pytest.mark.embedded
@pytest.mark.skipif(not ADAPTERS, reason="no adapter has been exported")
def test_the_served_adapter_writes_what_the_pytorch_model_wrote() -> None:
    from budgetscape.on_board import on_board, pools
    from budgetscape.pool import Pool
    from engine.run.ports import Call

    recorded = {
        p: p.with_suffix(".expected.json")
        for p in ADAPTERS
        if p.with_suffix(".expected.json").exists()
    }
    assert recorded

    async def said(pool: Pool, name: str, probe: dict[str, str]) -> str:
        prompt = (Message("system", probe["system"]), Message("user", probe["user"]))
        async with pool.model(name) as model:
            return (await model.generate(Call(prompt, 24))).text

    specs = on_board(Path("sample_runs/adapters"))
    served = pools(specs, 1)
    try:
        for path, expected in recorded.items():
            pool = served[specs[path.stem].base]
            for probe in json.loads(expected.read_text()):
                assert asyncio.run(said(pool, path.stem, probe)).strip() == probe["reply"].strip()
    finally:
        for pool in served.values():
            pool.close()


def _export():  # noqa: ANN202
    pytest.importorskip("gguf")
    pytest.importorskip("safetensors")
    from training import export

    return export


def test_paraphrases_are_new_words_for_every_relation_and_none_that_a_test_world_keeps_to_itself() -> (
    None
):
    assert MORE.keys() == FURTHER.keys() == WORDINGS.keys()
    beside = [(MORE[r], r) for r in WORDINGS] + [(More(*FURTHER[r]), r) for r in WORDINGS]
    for more, relation in beside:
        wording = WORDINGS[relation]
        known = {*wording.says, *wording.ask, *wording.noun, *wording.vague, *wording.keywords}
        unseen = {*wording.unseen_says, *wording.unseen_ask, *wording.unseen_noun}
        assert not (known | unseen).intersection((*more.says, *more.ask, *more.noun))
        assert all("{o}" in text and ("{s}" in text or "{m}" in text) for text in more.says)
        assert all("{m}" in text and "{o}" not in text for text in (*more.ask, *more.noun))
    for relation, wording in WORDINGS.items():
        for further in (False, True):
            told = wordings(further)[relation]
            assert told.ask[0] == wording.ask[0]
            every = (*told.says, *told.ask, *told.noun)
            assert len({text.casefold() for text in every}) == len(every)


def test_a_reader_who_finds_nothing_notes_the_other_name_that_the_passages_tell() -> None:
    lookup = Lookup(
        "Who taught Idora Crow?",
        (),
        "Jun",
        "p1",
        "",
        (),
        called="Idora Crow",
        other="the Endless Barber",
    )
    told = Ranked(Passage("p2", "Idora Crow", "Idora Crow (the Endless Barber) kept bees."), 1, 0.5)
    silent = Ranked(Passage("p3", "Idora Crow", "Idora Crow kept bees."), 1, 0.5)
    other = f"{NOTHING}; also called the Endless Barber"
    assert not_found(lookup, "Who taught Idora Crow?", (silent, told)) == other
    assert not_found(lookup, "Who taught Idora Crow?", (silent,)) == NOTHING
    back = f"{NOTHING}; also called Idora Crow"
    assert not_found(lookup, "Who taught the Endless Barber?", (told,)) == back
    assert not_found(lookup, "Who taught Opal Reed?", (told,)) == NOTHING


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 113), st.sampled_from(TAGGED), st.integers(0, 6))
def test_the_ideal_player_of_a_tagged_protocol_keeps_its_form_and_earns_its_reward(
    world: World, number: int, strategy: str, search: int
) -> None:
    player, answer = _play(world, number, strategy, search, 9999)
    turn = next(iter(spoken((p, t, "stop") for p, t in player.log)))
    question = player.question
    if player.planned == "done":
        pay = REWARDS["search_r1"](turn.text, question.answers)
        assert pay == float(player.complete)
        form = REWARDS["r1_searcher_first"](turn.text, ())
        assert strategy == "search_r1" or form == 0.5 + 0.5 * ("<|begin_of_query|>" in turn.text)
    own = "".join(text for text, own in turn.own() if own)
    assert not any(s.key_sentence in own for s in player.solution.lookups)


def test_what_each_adapter_was_trained_on_is_what_its_curve_says() -> None:
    """Training compute is an axis of Budget allocation, so no number of it is written by hand."""
    root = Path(__file__).parents[1]
    told = json.loads((root / run.TOLD).read_text())
    curves = root / run.CURVES
    steps = {f"{run.NAME}-step{run.STEPS * q // 100}": run.STEPS * q // 100 for q in (25, 50, 75)}
    wanted = {n: run.learnt("warm", s, curves) for n, s in {**steps, run.NAME: run.STEPS}.items()}
    wanted[run.KEPT] = wanted[run.NAME] + run.learnt("corag", run.MORE, curves)
    wanted[run.PRUNED] = run.learnt("pruned", run.SMALLER, curves)
    assert told == wanted
    shipped = {p.stem for p in (root / run.TOLD.parent).glob("*.gguf")}
    on_board = [name for name in run.REWARDED if name not in run.CONTROLS]
    assert shipped == {*told, *(f"{run.BASE}-{name}" for name in on_board)}


def test_the_form_of_r1_searcher_is_learnt_from_turns_that_fit_the_budget_of_its_rollouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BUILD", tmp_path)

    def group(task: str, *replies: str) -> str:
        return json.dumps({"task": task, "rows": [["prompt", reply] for reply in replies]}) + "\n"

    query, answer = (
        "<|begin_of_query|>Who?<|end_of_query|>\n\n",
        "Ada.</think>\n<answer>Ada</answer>",
    )
    fit = group("r1_searcher", query, query, answer)
    files = [tmp_path / f"{name}.jsonl" for name in run.TAGGED]
    others = (
        group("r1_searcher", query, query, query, answer),  # more look-ups than it may make
        group("r1_searcher", query, "\n\n<|"),  # ends in a look-up that was refused
        group("search_r1", query, answer),
    )
    for file in files:
        file.write_text("".join([others[0], fit, *others[1:]]))
    assert Path(run.fitting([str(file) for file in files], 2)).read_text() == fit * len(files)
