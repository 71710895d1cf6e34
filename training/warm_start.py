"""Warm start: LoRA on the base model, loss on what the model should write, for so many minutes; resumable.

The lowest layers stay as they are and need no backward pass. Each optimiser step takes a few groups of examples, each
packed as a tree. The learning rate falls with the share of `--steps` done, so that a run that was interrupted goes on
as if it had not been.

    python -m training.warm_start training/build/warm training/build/examples.jsonl --minutes 60

Where other work fills the machine, several workers that share the groups keep their part of it; together they use at
most one core:

    python -m torch.distributed.run --nproc-per-node 3 -m training.warm_start ...
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import distributed
from torch.nn import functional
from transformers import AutoModelForCausalLM

from training.chat import BASE, END, Tokens, base_folder
from training.packing import Tree, tree

RANK, ALPHA, FIRST_LAYER, LAYERS = 16, 32, 8, 30
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RATE, WARM_UP, FLOOR = 1e-3, 12, 0.1
QUARTERS = (25, 50, 75)


def base_model(dtype: torch.dtype = torch.float32) -> Any:
    """The GGUF's weights, dequantised."""
    return AutoModelForCausalLM.from_pretrained(
        base_folder(), gguf_file=BASE, dtype=dtype, attn_implementation="sdpa"
    )


def faster() -> torch.dtype:
    """bfloat16 where this processor multiplies it faster than float32, as those made for it do."""

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones(256, 576, dtype=dtype), torch.ones(576, 576, dtype=dtype)
        left @ right
        began = time.process_time()
        for _ in range(50):
            left @ right
        return time.process_time() - began

    return min((torch.bfloat16, torch.float32), key=seconds)


def adapted(base: Any, last: Path) -> PeftModel:
    """The base with the adapter in `last`, or a fresh one; what is learnt is float32 whatever the base is."""
    if (last / "adapter_config.json").exists():
        model = PeftModel.from_pretrained(base, last, is_trainable=True)
    else:
        model = fresh(base)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return model


def fresh(base: Any) -> PeftModel:
    torch.manual_seed(0)
    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        target_modules=list(MODULES),
        layers_to_transform=list(range(FIRST_LAYER, LAYERS)),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)


def loss_of(model: PeftModel, part: Tree) -> torch.Tensor:
    """Summed cross-entropy of the learnt tokens; logits are computed for these alone."""
    inner = model.base_model.model
    dtype = inner.lm_head.weight.dtype
    mask = torch.zeros(part.sees.shape, dtype=dtype)
    mask = mask.masked_fill(~torch.from_numpy(part.sees), -1e9)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        hidden = inner.model(
            input_ids=torch.from_numpy(part.ids)[None],
            position_ids=torch.from_numpy(part.depths)[None],
            attention_mask=mask[None, None],
            use_cache=False,
        ).last_hidden_state[0]
        logits = inner.lm_head(hidden[torch.from_numpy(part.sources)])
    return functional.cross_entropy(logits.float(), torch.from_numpy(part.targets), reduction="sum")


def groups(paths: Sequence[Path], tokens: Tokens, most: int) -> Iterator[tuple[str, Tree]]:
    """Groups in an order mixed over all worlds, over and over; those of more than `most` nodes are left out."""
    lines = [line for path in paths for line in path.read_text().splitlines()]
    for turn in range(1_000):
        order = list(range(len(lines)))
        Random(turn).shuffle(order)
        for number in order:
            group = json.loads(lines[number])
            end = "" if group.get("goes_on") else END
            rows = [(tokens.ids(p), tokens.ids(reply + end)) for p, reply in group["rows"]]
            part = tree(rows)
            if len(part.ids) <= most:
                yield group["task"], part


def rate(step: int, steps: int) -> float:
    return RATE * min(1.0, (step + 1) / WARM_UP) * max(FLOOR, 1 - (1 - FLOOR) * step / steps)


class Trainer:
    """Model, optimiser and how far they are; saved together."""

    def __init__(self, folder: Path, steps: int) -> None:
        self.folder, self.steps, self.step, self.minutes, self.nodes = folder, steps, 0, 0.0, 0
        folder.mkdir(parents=True, exist_ok=True)
        last = folder / "last"
        self.model = adapted(base_model(faster()), last)
        self.learnt = [p for p in self.model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.learnt, lr=RATE, weight_decay=0.0)
        if (last / "state.pt").exists():
            state = torch.load(last / "state.pt", weights_only=True)
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.minutes, self.nodes = state["step"], state["minutes"], state["nodes"]

    def save(self) -> None:
        """Adapter and state into a new folder that then takes the place of the last one."""
        new, last, old = (self.folder / n for n in ("new", "last", "old"))
        self.model.save_pretrained(new)
        state = {"step": self.step, "minutes": self.minutes, "nodes": self.nodes}
        torch.save({"optimiser": self.optimiser.state_dict(), **state}, new / "state.pt")
        if old.exists():
            for file in old.iterdir():
                file.unlink()
            old.rmdir()
        if last.exists():
            last.rename(old)
        new.rename(last)

    def learn(self, parts: Sequence[Tree]) -> tuple[float, float]:
        """One optimiser step over the parts of all workers; returns the mean loss per learnt token and the nodes."""
        sums = torch.zeros(3)
        for part in parts:
            loss = loss_of(self.model, part)
            loss.backward()
            sums += torch.tensor([loss.detach().item(), len(part.targets), len(part.ids)])
        together(self.learnt, sums)
        for weight in self.learnt:
            assert weight.grad is not None
            weight.grad /= sums[1]
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.steps)
        torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.step += 1
        self.nodes += int(sums[2])
        return float(sums[0] / sums[1]), float(sums[2])


def together(weights: Sequence[torch.nn.Parameter], sums: torch.Tensor) -> None:
    """Add up gradients and sums over all workers, in place."""
    if not distributed.is_initialized():
        return
    flat = torch.cat([sums, *(w.grad.flatten() for w in weights if w.grad is not None)])
    distributed.all_reduce(flat)
    sums.copy_(flat[:3])
    place = 3
    for weight in weights:
        assert weight.grad is not None
        weight.grad.copy_(flat[place : place + weight.numel()].view_as(weight))
        place += weight.numel()


class Pace:
    """Holds this worker to its share of one core: sleeps off what it used beyond it."""

    def __init__(self, share: float) -> None:
        self.share, self.wall, self.cpu = share, time.monotonic(), time.process_time()

    def rest(self) -> None:
        used, passed = time.process_time() - self.cpu, time.monotonic() - self.wall
        time.sleep(max(0.0, used / self.share - passed))
        self.wall, self.cpu = time.monotonic(), time.process_time()


def train(
    trainer: Trainer,
    source: Iterator[tuple[str, Tree]],
    minutes: float,
    per_step: int,
    cores: float,
) -> None:
    """Until the steps are done or the minutes are over; the first worker saves now and then, and at each quarter."""
    rank, size = (
        (distributed.get_rank(), distributed.get_world_size())
        if distributed.is_initialized()
        else (0, 1)
    )
    started = saved = time.monotonic()
    before, pace = trainer.minutes, Pace(cores / size)
    source = islice(source, rank + trainer.step * per_step * size, None, size)
    over = False
    while trainer.step < trainer.steps and not over:
        loss, _ = trainer.learn([part for _, part in islice(source, per_step)])
        pace.rest()
        now = time.monotonic()
        trainer.minutes = before + (now - started) / 60
        over = _agreed(now - started > minutes * 60)
        if rank == 0:
            note(trainer, loss)
            if now - saved > 240:
                trainer.save()
                saved = now
    if rank == 0:
        trainer.save()


def _agreed(over: bool) -> bool:
    """What the first worker's clock says, on all of them."""
    if not distributed.is_initialized():
        return over
    flag = torch.tensor([float(over)])
    distributed.broadcast(flag, 0)
    return bool(flag.item())


def note(trainer: Trainer, loss: float) -> None:
    """A line of the curve, and at each quarter the adapter as it is."""
    row = {
        "step": trainer.step,
        "minutes": round(trainer.minutes, 2),
        "nodes": trainer.nodes,
        "loss": round(loss, 4),
    }
    with (trainer.folder / "curve.jsonl").open("a") as curve:
        curve.write(json.dumps(row) + "\n")
    quarter = 100 * trainer.step // trainer.steps
    for mark in QUARTERS:
        if quarter >= mark and not (trainer.folder / f"at-{mark}").exists():
            trainer.model.save_pretrained(trainer.folder / f"at-{mark}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("examples", type=Path, nargs="+")
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--groups", type=int, default=1, help="groups of examples per step and worker"
    )
    parser.add_argument("--most", type=int, default=640, help="most tokens of a group")
    parser.add_argument("--cores", type=float, default=1.0, help="cores that all workers may use")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if "RANK" in os.environ:
        distributed.init_process_group("gloo")
    trainer = Trainer(args.folder, args.steps)
    train(
        trainer,
        groups(args.examples, Tokens.of_base(), args.most),
        args.minutes,
        args.groups,
        args.cores,
    )
    if distributed.is_initialized():
        distributed.destroy_process_group()
    print(
        f"step {trainer.step} of {trainer.steps}, {trainer.nodes} tokens, {trainer.minutes:.1f} minutes"
    )


if __name__ == "__main__":
    main()
