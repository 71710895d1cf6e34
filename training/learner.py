"""Policy, reference and optimiser of training by reward, saved together; and the policy as something to be asked.

It knows neither questions nor rewards.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch

from engine.run.ports import ChatModel
from training.adapters import adapted, base_model, faster
from training.chat import Tokens
from training.policy import BETA, Text, likelihoods, loss, sequence
from training.rollouts import Rollout

RATE = 1e-4
"""A hundred times the paper's, since an adapter is learnt and not the model."""
AT_ONCE = 16_000
"""Tokens of one forward pass on a GPU, padding included; on a processor a pass takes one text."""


class Learner:
    """Learns an adapter in `folder`, from one in `start`; goes on where it stopped."""

    def __init__(self, folder: Path, start: Path, device: str = "cpu", rate: float = RATE) -> None:
        self.folder, self.step, self.minutes = folder, 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self.last = folder / "last"
        resumed = (self.last / "state.pt").exists()
        if not resumed:
            # the state of a stage before is not this one's: cut off before its first step, it would pass for finished
            other = shutil.ignore_patterns("state.pt")
            shutil.copytree(start, self.last, dirs_exist_ok=True, ignore=other)
        self.model: Any = adapted(base_model(faster(device), device), self.last)
        self.model.load_adapter(str(start), adapter_name="reference")
        self.model.set_adapter("default")
        self.learnt = [p for n, p in self.model.named_parameters() if ".default." in n]
        self.optimiser = torch.optim.AdamW(self.learnt, lr=rate, weight_decay=0.0)
        self.tokens, self.at_once = Tokens.of_base(), AT_ONCE if device != "cpu" else 1
        if resumed:
            state = torch.load(self.last / "state.pt", weights_only=True)
            if "by_reward" in state:
                self.step, self.minutes = state["step"], state["minutes"]
                self.optimiser.load_state_dict(state["optimiser"])

    def save(self) -> None:
        """The state, into `last`."""
        self.model.save_pretrained(self.last, selected_adapters=["default"])
        state = {"step": self.step, "minutes": self.minutes, "by_reward": True}
        torch.save({"optimiser": self.optimiser.state_dict(), **state}, self.last / "state.pt")

    def note(self, name: str, row: dict[str, object]) -> None:
        """A line of one of the run's files."""
        with (self.folder / f"{name}.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    def learn(self, groups: Sequence[Sequence[tuple[Rollout, float]]], masked: bool) -> None:
        """One step; a text whose group agrees about it is skipped, since it teaches nothing."""
        told = [
            (sequence(spoken, self.tokens, masked), advantage)
            for group in groups
            for done, advantage in group
            if advantage
            for spoken in done.spoken
        ]
        for some in self._beside(told):
            texts = [text for text, _ in some]
            self.model.set_adapter("reference")
            with torch.no_grad():
                reference = likelihoods(self.model, texts)
            self.model.set_adapter("default")
            now = likelihoods(self.model, texts)
            parts = [
                loss(x, x.detach(), r, text.own.to(x.device), advantage, BETA)
                for x, r, (text, advantage) in zip(now, reference, some, strict=True)
            ]
            (torch.stack(parts).sum() / len(told)).backward()
        if told:
            torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
        self.step += 1

    def _beside(self, told: Sequence[tuple[Text, float]]) -> Iterator[list[tuple[Text, float]]]:
        """Texts of like length together, as many as one pass takes."""
        rest = sorted(told, key=lambda one: len(one[0].ids))
        while rest:
            most = max(1, self.at_once // len(rest[-1][0].ids))
            yield rest[-most:]
            rest = rest[:-most]


class OnServer:
    """The policy as the app serves it: exported at each step, on the llama.cpp server."""

    def __init__(self, learner: Learner, cores: int) -> None:
        self._learner, self.at_once = learner, cores

    @asynccontextmanager
    async def now(self) -> AsyncIterator[ChatModel]:
        from budgetscape.pool import Pool
        from training.export import write

        aside, path = self._learner.folder / "now", self._learner.folder / "policy.gguf"
        self._learner.model.save_pretrained(aside, selected_adapters=["default"])
        write(aside, path)
        pool = Pool({"policy": path}, count=self.at_once, cached=True)
        try:
            async with pool.model("policy") as model:
                yield model
        finally:
            pool.close()


class InPyTorch:
    """The policy in PyTorch, all rollouts at once."""

    def __init__(self, learner: Learner, slots: int) -> None:
        from training.batched import Batched

        self.at_once, self._served = slots, Batched(learner.model, learner.tokens, slots)

    @asynccontextmanager
    async def now(self) -> AsyncIterator[ChatModel]:
        self._served.refresh()
        yield self._served
