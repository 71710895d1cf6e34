"""Warm start: LoRA on the base model, loss on what the model should write, for so many minutes; resumable.

The lowest layers stay as they are and need no backward pass. Each optimiser step takes a few groups of examples, each
packed as a tree. The learning rate falls with the share of `--steps` done, so that a run that was interrupted goes on
as if it had not been.

    python -m training.warm_start training/build/warm training/build/examples.jsonl --minutes 60

Where other work fills the machine, several workers that share the groups keep their part of it; together they use at
most one core:

    python -m torch.distributed.run --nproc-per-node 3 -m training.warm_start ...

On a GPU a step takes many groups at once:

    python -m training.warm_start ... --device cuda --groups 32 --steps 3000 --readers 8
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import distributed
from torch.nn import functional

from training.adapters import ADAPTER, RANK, adapted, base_model, faster
from training.chat import Tokens
from training.groups import beside, groups
from training.packing import Tree

RATE, WARM_UP, FLOOR = 1e-3, 12, 0.1
QUARTERS = (25, 50, 75)
AT_ONCE = 32
"""Groups of one forward pass on a GPU."""


def loss_of(model: PeftModel, parts: Sequence[Tree]) -> torch.Tensor:
    """Summed cross-entropy of the learnt tokens of trees side by side; logits are computed for these alone."""
    inner = model.base_model.model
    head = inner.lm_head.weight
    ids, depths, sees = beside(parts)
    mask = torch.zeros(sees.shape, dtype=head.dtype, device=head.device)
    mask = mask.masked_fill(~sees.to(head.device), -1e9)
    kind = head.device.type
    with torch.autocast(kind, torch.bfloat16, enabled=head.dtype == torch.bfloat16):
        hidden = inner.model(
            input_ids=ids.to(head.device),
            position_ids=depths.to(head.device),
            attention_mask=mask[:, None],
            use_cache=False,
        ).last_hidden_state
        rows = [torch.full((len(p.sources),), n) for n, p in enumerate(parts)]
        sources = torch.cat([torch.from_numpy(p.sources) for p in parts])
        logits = inner.lm_head(hidden[torch.cat(rows), sources])
    targets = torch.cat([torch.from_numpy(p.targets) for p in parts]).to(head.device)
    return functional.cross_entropy(logits.float(), targets, reduction="sum")


def rate(step: int, steps: int, peak: float = RATE) -> float:
    """The learning rate of a step: a short rise, then a fall to a tenth."""
    return peak * min(1.0, (step + 1) / WARM_UP) * max(FLOOR, 1 - (1 - FLOOR) * step / steps)


class Trainer:
    """Model, optimiser and how far they are; saved together."""

    def __init__(
        self,
        folder: Path,
        steps: int,
        base: Any,
        rank: int = RANK,
        peak: float = RATE,
        start: Path | None = None,
    ) -> None:
        self.folder, self.steps, self.step, self.minutes, self.nodes = folder, steps, 0, 0.0, 0
        self.peak, last = peak, folder / "last"
        folder.mkdir(parents=True, exist_ok=True)
        if start and not last.exists():
            last.mkdir()
            for name in ADAPTER:
                shutil.copy(start / name, last)
        self.model = adapted(base, last, rank)
        self.at_once = 1 if base.device.type == "cpu" else AT_ONCE
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
        for n in range(0, len(parts), self.at_once):
            some = parts[n : n + self.at_once]
            loss = loss_of(self.model, some)
            loss.backward()
            told = [len(p.targets) for p in some], [len(p.ids) for p in some]
            sums += torch.tensor([loss.detach().item(), *map(sum, told)])
        together(self.learnt, sums)
        for weight in self.learnt:
            assert weight.grad is not None
            weight.grad /= sums[1]
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.steps, self.peak)
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
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rate", type=float, default=RATE, help="highest learning rate")
    parser.add_argument(
        "--begin", type=Path, help="an adapter to train on from, as PyTorch saved it"
    )
    parser.add_argument("--rank", type=int, default=RANK, help="of a new adapter")
    parser.add_argument(
        "--drop", type=int, nargs="*", default=[], help="layers of the base to leave out"
    )
    parser.add_argument("--readers", type=int, default=0, help="processes that prepare groups")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if "RANK" in os.environ:
        distributed.init_process_group("gloo")
    source = groups(args.examples, Tokens.of_base(), args.most, args.readers)
    base = base_model(faster(args.device), args.device, args.drop)
    trainer = Trainer(args.folder, args.steps, base, args.rank, args.rate, args.begin)
    train(
        trainer,
        source,
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
