"""Many texts at once in PyTorch, written, weighed or learnt from: as each would be alone."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from engine.run.ports import Call  # noqa: E402
from engine.types import Message, Prompt  # noqa: E402
from training.adapters import base_model, fresh  # noqa: E402
from training.batched import Batched  # noqa: E402
from training.chat import END, Tokens, chat_text  # noqa: E402
from training.groups import groups  # noqa: E402
from training.llama import Llama  # noqa: E402
from training.packing import tree  # noqa: E402
from training.policy import likelihoods, sequence  # noqa: E402
from training.rollouts import Spoken  # noqa: E402
from training.soup import soup  # noqa: E402
from training.warm_start import Trainer, loss_of, rate  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
PROMPTS: tuple[Prompt, ...] = tuple(
    (Message("user", text),)
    for text in (
        "Say hello.",
        "Name three colours, one a line, and nothing else at all.",
        "Which river flows through Paris? Answer in one word.",
    )
)


@pytest.fixture(scope="module")
def model() -> Any:
    """The base with an adapter that changes what it says."""
    torch.set_num_threads(1)
    adapted = fresh(base_model())
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.01)
    return adapted.eval()


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens.of_base()


def told(model: Any, tokens: Tokens, prompt: str, most: int) -> str:
    """What transformers writes."""
    ids = tokens.ids(prompt)
    with torch.no_grad():
        out = model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=most,
            do_sample=False,
            eos_token_id=tokens.ids(END)[0],
        )
    text: str = tokens.inner.decode(out[0][len(ids) :], skip_special_tokens=True)
    return text


def asked(model: Any, tokens: Tokens, calls: list[Call]) -> list[Any]:
    served = Batched(model, tokens, slots=2, length=256)

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(served.generate(call) for call in calls))

    try:
        return asyncio.run(all_of_them())
    finally:
        served.close()


def test_the_logits_of_a_prompt_are_those_of_transformers(model: Any, tokens: Tokens) -> None:
    texts = [tokens.ids(chat_text(prompt)) for prompt in PROMPTS[:2]]
    found = Llama(model, 2, 64).begin([1, 0], texts)
    for row, ids in zip(found, texts, strict=True):
        with torch.no_grad():
            wanted = model(torch.tensor([ids])).logits[0, -1]
        assert torch.allclose(row, wanted, atol=2e-3)


def test_more_calls_than_slots_are_answered_each_as_if_alone(model: Any, tokens: Tokens) -> None:
    replies = asked(model, tokens, [Call(prompt, 12) for prompt in PROMPTS])
    for prompt, reply in zip(PROMPTS, replies, strict=True):
        assert reply.text == told(model, tokens, chat_text(prompt), 12)
        assert reply.tokens <= 12


def test_what_a_slot_holds_is_not_read_again(model: Any, tokens: Tokens) -> None:
    """A turn goes on, by itself or beside others that begin alike, and says what it would say if read anew."""
    first, said = PROMPTS[1], "Red\nGreen\nand, as the last one of all of them, which comes"
    others = [(*first, Message("assistant", said + more)) for more in (" late:", " first:")]
    served = Batched(model, tokens, slots=3, length=256)
    read: list[int] = []
    begin = served.llama.begin

    def heard(slots: Any, texts: Any, known: Any) -> Any:
        read.extend(len(text) - k for text, k in zip(texts, known, strict=True))
        return begin(slots, texts, known)

    served.llama.begin = heard  # type: ignore[assignment, method-assign]

    async def all_of_them() -> list[str]:
        alone = await served.generate(Call(first, 8))
        served.refresh()
        longer = [served.generate(Call(prompt, 8)) for prompt in (first, *others)]
        again = [reply.text for reply in await asyncio.gather(*longer)]
        going = (*first, Message("assistant", again[0]))
        return [alone.text, *again, (await served.generate(Call(going, 8))).text]

    try:
        alone, again, *rest, gone_on = asyncio.run(all_of_them())
    finally:
        served.close()
    chats = [chat_text(first) + said + more for more in (" late:", " first:")]
    assert alone == again == told(model, tokens, chat_text(first), 8)
    assert rest == [told(model, tokens, chat, 8) for chat in chats]
    assert gone_on == told(model, tokens, chat_text(first) + again, 8)
    whole = [len(tokens.ids(chat)) for chat in (chat_text(first), *chats)]
    assert sum(read) < 2 * whole[0] + 0.5 * sum(whole[1:]) + whole[0]
    assert read[0] == read[1] == whole[0] and read[-1] <= 3


def test_a_turn_is_continued_and_ends_before_a_stop_string(model: Any, tokens: Tokens) -> None:
    prompt = (*PROMPTS[0], Message("assistant", "Hello, my"))
    whole = told(model, tokens, chat_text(PROMPTS[0]) + "Hello, my", 10)
    stop = whole[3:6]
    (reply,) = asked(model, tokens, [Call(prompt, 10, (stop,))])
    assert (reply.text, reply.finish) == (whole[: whole.index(stop)], "stop")


def test_an_adapter_that_learns_on_is_taken_over(model: Any, tokens: Tokens) -> None:
    inner, texts = Llama(model, 1, 64), [tokens.ids("Once upon a time")]
    before = inner.begin([0], texts)
    weight = next(w for n, w in model.named_parameters() if "lora_B" in n)
    kept = weight.data.clone()
    try:
        weight.data.add_(0.05)
        inner.refresh()
        assert not torch.allclose(inner.begin([0], texts), before, atol=1e-2)
    finally:
        weight.data.copy_(kept)


def test_a_text_is_scored_by_its_mean_log_probability(model: Any, tokens: Tokens) -> None:
    likely, unlikely = asked(
        model, tokens, [Call(PROMPTS[2], 1, score_text=t) for t in ("Seine", "Wednesday banana")]
    )
    ids, reply = tokens.ids(chat_text(PROMPTS[2])), tokens.ids("Seine" + END)
    with torch.no_grad():
        logits = model(torch.tensor([[*ids, *reply[:-1]]])).logits[0, len(ids) - 1 :]
    wanted = logits.log_softmax(-1)[range(len(reply)), reply].mean()
    assert likely.score == pytest.approx(float(wanted), abs=1e-3)
    assert unlikely.score < likely.score


def test_texts_side_by_side_are_as_likely_as_each_alone(model: Any, tokens: Tokens) -> None:
    texts = [
        sequence(Spoken(chat_text(PROMPTS[0]), "Hello there, friend."), tokens),
        sequence(Spoken(chat_text(PROMPTS[1]), "Red\nGreen"), tokens),
    ]
    with torch.no_grad():
        together = likelihoods(model, texts)
        for text, found in zip(texts, together, strict=True):
            (alone,) = likelihoods(model, [text])
            logits = model(text.ids[None]).logits[0, -len(text.own) - 1 : -1].log_softmax(-1)
            wanted = logits.gather(1, text.ids[-len(text.own) :, None])[:, 0]
            assert torch.allclose(found, alone, atol=1e-3)
            assert torch.allclose(found, wanted, atol=1e-3)


def test_trees_side_by_side_lose_what_they_lose_one_by_one(model: Any, tokens: Tokens) -> None:
    parts = [
        tree([(tokens.ids("Who?"), tokens.ids(" Ada.")), (tokens.ids("Who?"), tokens.ids(" I."))]),
        tree([(tokens.ids("In which town was Ada born, if anywhere?"), tokens.ids(" Varn"))]),
    ]
    with torch.no_grad():
        alone = sum(float(loss_of(model, [part])) for part in parts)
        assert float(loss_of(model, parts)) == pytest.approx(alone, rel=1e-3)


def test_readers_prepare_the_same_groups_in_the_same_order(tmp_path: Any, tokens: Tokens) -> None:
    lines = [json.dumps({"task": str(n), "rows": [[f"{n}?", "yes"]]}) for n in range(7)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    alone, helped = (
        [name for name, _ in islice(groups([tmp_path / "a.jsonl"], tokens, 99, readers), 15)]
        for readers in (0, 1)
    )
    assert alone == helped and set(alone[:7]) == set(map(str, range(7)))


def test_a_file_without_examples_is_said_to_have_none(tmp_path: Any, tokens: Tokens) -> None:
    (tmp_path / "kept.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"no examples in .*kept\.jsonl"):
        next(groups([tmp_path / "kept.jsonl"], tokens, 99))


def test_a_base_without_some_layers_is_a_smaller_model_that_still_runs(tokens: Tokens) -> None:
    whole, small = base_model(), base_model(dropped=(12, 13, 14))
    count = [sum(p.numel() for p in m.parameters()) for m in (whole, small)]
    one = sum(p.numel() for p in whole.model.layers[0].parameters())
    assert count[0] - count[1] == 3 * one and small.config.num_hidden_layers == 27
    with torch.no_grad():
        assert small(torch.tensor([tokens.ids("Hello")])).logits.isfinite().all()


def test_the_average_of_two_adapters_adds_what_both_add_on_average() -> None:
    torch.manual_seed(2)
    sizes = {"x.lora_A.weight": (2, 6), "x.lora_B.weight": (5, 2)}
    one, other = ({k: torch.randn(*s) for k, s in sizes.items()} for _ in range(2))
    wanted = 0.25 * 2 * one["x.lora_B.weight"] @ one["x.lora_A.weight"]
    wanted += 0.75 * 1 * other["x.lora_B.weight"] @ other["x.lora_A.weight"]
    made, lost = soup(one, other, (2.0, 1.0), 0.25, 4)
    assert torch.allclose(made["x.lora_B.weight"] @ made["x.lora_A.weight"], wanted, atol=1e-5)
    assert lost < 1e-9
    lower, lost = soup(one, other, (2.0, 1.0), 0.25, 2)
    assert lower["x.lora_A.weight"].shape == (2, 6) and 0 < lost < 1
    with pytest.raises(ValueError, match="different matrices"):
        soup(one, {}, (1.0, 1.0), 0.5, 2)


@pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning")
def test_training_goes_on_from_another_adapter_without_its_state(model: Any, tmp_path: Any) -> None:
    model.save_pretrained(tmp_path / "start")
    trainer = Trainer(tmp_path / "more", 10, base_model(), peak=4e-4, start=tmp_path / "start")
    was, now = (
        {n: w for n, w in m.named_parameters() if "lora_" in n} for m in (model, trainer.model)
    )
    assert was.keys() == now.keys()
    assert all(torch.allclose(was[n].float(), now[n].float()) for n in was)
    assert (trainer.step, rate(12, 10_000, 4e-4)) == (0, pytest.approx(4e-4, rel=1e-2))
