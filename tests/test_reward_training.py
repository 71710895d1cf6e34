"""Training by reward: rewards of hand-made texts, and texts that tell the model's own words from what was put in."""

import asyncio
from dataclasses import replace

import pytest

from engine.models.scripted import Scripted
from engine.types import Budget, Question
from tests.dialogues import Library
from training.rewards import REWARDS, answer_of
from training.rollouts import advantages, rollout, spoken

FOUND = "<|begin_of_query|>Ada<|end_of_query|>\n\n<|begin_of_documents|>\n(1)Ada assistant\n<|end_of_documents|>\n\n"
GOOD = f"<think>Who? {FOUND}So it is Varn.</think>\n<answer>Varn</answer>"


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (GOOD, 1.0, 1.0),
        (GOOD.replace("Varn</answer>", "Oslo</answer>"), 1.0, 0.0),
        ("<think>I know.</think>\n<answer>Varn</answer>", 0.5, 1.0),
        (GOOD.replace("<|end_of_query|>", ""), 0.5, -1.0),
        (GOOD.replace("</think>", ""), 0.5, -1.0),
        (GOOD.replace("</answer>", ""), 0.5, -2.0),
        (GOOD + "<answer>Varn</answer>", 0.5, -1.0),
        (GOOD.replace("So it", "The assistant says it"), 0.5, -1.0),
        (GOOD.replace("So it", "所以"), 0.5, -1.0),
        (GOOD.replace(">Varn<", f">{'Varn ' * 11}<"), 0.5, pytest.approx(2 / 12 - 2)),
    ],
)
def test_both_stages_of_r1_searcher_pay_for_form_first_and_for_the_answer_then(text, first, second):
    assert REWARDS["r1_searcher_first"](text, ["Varn"]) == first
    assert REWARDS["r1_searcher_second"](text, ["Varn"]) == second


def test_search_r1_pays_for_the_last_closed_answer_alone():
    pay = REWARDS["search_r1"]
    assert pay("<answer>Oslo</answer> no, <answer>the Varn.</answer>", ["Varn"]) == 1
    assert pay("<think>Varn</think><answer>Varn", ["Varn"]) == 0
    assert pay("Varn", ["Varn"]) == 0 and answer_of("") == ""


def test_a_group_that_agrees_teaches_nothing_and_another_is_scaled():
    assert advantages([1, 1, 1]) == [0, 0, 0]
    assert advantages([1, 0, 0, 1]) == [1, -1, -1, 1]


def _rolled(strategy, replies):
    shelf = Library(Ada=[("Ada", "Ada was born in Varn.")])
    question = Question("q", "Where was Ada born?", ("Varn",))
    model = Scripted(replies)
    return asyncio.run(rollout(strategy, question, model, shelf, Budget(4, 500), 0, 0.0))


def test_a_turn_of_search_r1_is_one_text_in_which_the_passages_are_not_the_models_own():
    done = _rolled(
        "search_r1", ["<think>Who?</think>\n<s", "Ada born", "<think>So.</think><a", "Varn"]
    )
    (turn,) = done.spoken
    pieces = list(turn.own())
    assert [own for _, own in pieces] == [True, False, True]
    assert pieces[1][0].startswith("<information>") and "born in Varn" in pieces[1][0]
    assert pieces[0][0].endswith("<search>Ada born</search>\n\n")
    assert turn.text.endswith("<answer>Varn</answer>") and done.searches == 1
    assert REWARDS["search_r1"](turn.text, done.question.answers) == 1


def test_a_turn_of_r1_searcher_earns_its_form():
    done = _rolled("r1_searcher", ["Who?<|", "Ada", "So Varn.</think>\n<a", "Varn"])
    (turn,) = done.spoken
    assert [own for _, own in turn.own()] == [True, False, True]
    assert REWARDS["r1_searcher_first"](turn.text, ()) == 1


def test_a_correction_is_not_the_models_own_and_a_forced_answer_is_another_text():
    done = _rolled("search_r1", ["I do not know", "nor now", "nor then", "Varn"])
    turn, forced = done.spoken
    put_in = [text for text, own in turn.own() if not own]
    assert len(put_in) == 2 and all(text.startswith("That was not a valid step") for text in put_in)
    assert forced.text == "Varn" and forced.put_in == ()


def test_nothing_said_is_no_text():
    assert list(spoken([])) == []


# ------------------------------------------------------------------------------------ the gradient


def test_what_was_put_in_contributes_nothing_to_the_gradient():
    torch = pytest.importorskip("torch")
    from training.policy import loss

    own = torch.tensor([1.0, 0.0, 0.0, 1.0])
    now = torch.randn(4, requires_grad=True)
    loss(now, now.detach() - 0.1, torch.randn(4), own, 0.7, beta=0.5).backward()
    assert now.grad[1] == now.grad[2] == 0 and now.grad[0] != 0 and now.grad[3] != 0
    other = torch.where(own > 0, now.detach(), torch.randn(4)).requires_grad_()
    parts = [loss(x, x.detach(), torch.zeros(4), own, 0.7, beta=0.5) for x in (now, other)]
    assert parts[0].item() == pytest.approx(parts[1].item())


def test_the_gradient_raises_what_was_better_than_its_group():
    torch = pytest.importorskip("torch")
    from training.policy import loss

    now = torch.zeros(3, requires_grad=True)
    loss(now, now.detach(), now.detach(), torch.ones(3), 1.0).backward()
    assert now.grad.tolist() == pytest.approx([-1 / 3] * 3)
    assert loss(now, now, now, torch.zeros(3), 1.0).item() == 0


def test_a_token_that_touches_a_passage_is_masked():
    pytest.importorskip("torch")
    from training.policy import sequence
    from training.rollouts import Spoken

    class Letters:
        def __call__(self, text, **_):
            return type(
                "T",
                (),
                {
                    "input_ids": [ord(c) for c in text],
                    "offset_mapping": [(i, i + 1) for i in range(len(text))],
                },
            )

    class Fake:
        inner = Letters()

        def ids(self, text):
            return [ord(c) for c in text]

    one = sequence(Spoken("ab", "cdefg", ((1, 3),)), Fake())
    assert one.own.tolist() == [1, 0, 0, 1, 1] and len(one.ids) == 7
    assert sequence(Spoken("ab", "cdefg", ((1, 3),)), Fake(), masked=False).own.tolist() == [1] * 5


# ------------------------------------------------------------------------------------ the curves


def test_a_line_of_the_curve_tells_reward_searches_and_form_of_all_and_by_hops():
    pytest.importorskip("torch")
    from training.reinforce import by_hops

    right = _rolled(
        "search_r1", ["<think>Who?</think><s", "Ada born", "<think>So.</think><a", "Varn"]
    )
    wrong = _rolled("search_r1", ["<think>I know.</think><a", "Oslo"])
    done = [
        replace(one, question=replace(one.question, hops=hops))
        for one, hops in ((right, 2), (wrong, 1))
    ]
    line = by_hops("search_r1", done)
    assert (line["rollouts"], line["reward"], line["em"], line["searches"]) == (2, 0.5, 0.5, 0.5)
    assert line["well_formed"] == 1 and line["interval"][0] < 0.5 < line["interval"][1]
    assert line["hops"][2]["em"] == 1 and line["hops"][1]["em"] == 0
    assert line["reward_interval"][0] < 0.5 < line["reward_interval"][1]
    assert by_hops("search_r1", done[:1])["reward_interval"] is None


def test_the_interval_of_a_reward_stays_within_what_can_be_paid():
    pytest.importorskip("torch")
    from training.reinforce import reward_interval

    for answer, mean in (("Oslo", 0), ("Varn", 1)):
        done = [_rolled("r1_searcher", ["I know.</think>\n<a", answer])] * 12
        low, high = reward_interval("r1_searcher_second", done)
        assert -2 < low < 1 and low <= mean <= high <= 1
    formless = [_rolled("r1_searcher", ["I know.", "Oslo"])] * 12
    low, high = reward_interval("r1_searcher_second", formless)
    assert low == -2 < high < 0


def test_unseen_questions_are_taken_evenly_over_hops():
    pytest.importorskip("torch")
    from training.reinforce import evenly

    asked = [Question(f"q{n}", "?", ("a",), hops=1 + n % 2) for n in range(20)]
    asked += [Question(f"r{n}", "?", ("a",), hops=3) for n in range(5)]
    assert [q.hops for q in evenly(asked, 9)] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning")
def test_a_stage_cut_off_before_its_first_step_does_not_pass_for_the_one_before(tmp_path):
    torch = pytest.importorskip("torch")
    from training.adapters import base_model, fresh
    from training.learner import Learner

    before = tmp_path / "first"
    fresh(base_model(), 2).save_pretrained(before)
    torch.save({"step": 8, "minutes": 1.0, "by_reward": True, "optimiser": {}}, before / "state.pt")
    for _ in range(2):  # started, cut off, started again
        assert Learner(tmp_path / "second", before).step == 0
