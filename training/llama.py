"""The base model's forward pass over slots, for generating many texts at once: adapters merged, keys and values kept.

Each slot holds one text. A step writes one token of every slot; on a GPU it is recorded once and replayed, so that its
several hundred small kernels cost no time of the processor. A test compares it with transformers' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

Tensor = torch.Tensor
FINE = 64
"""Tokens by which a processor looks further back."""
MANY = 0.7
"""Share of busy slots from which on all of them are computed, since picking some costs a copy of what they hold."""


def merged(projection: Any) -> Tensor:
    """The weight of a linear layer with its active adapter, float32."""
    base = getattr(projection, "base_layer", None)
    if base is None:
        return projection.weight.detach().float()
    whole: Tensor = base.weight.detach().float()
    for name in projection.active_adapters:
        if name in projection.lora_A:
            down, up = projection.lora_A[name].weight, projection.lora_B[name].weight
            whole = whole + projection.scaling[name] * (up.detach().float() @ down.detach().float())
    return whole


class Layer:
    """One block's weights, queries, keys and values in one matrix and gate and up in another."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        a, m = block.self_attn, block.mlp
        self.groups = (
            (a.q_proj, a.k_proj, a.v_proj),
            (a.o_proj,),
            (m.gate_proj, m.up_proj),
            (m.down_proj,),
        )
        self.norms = [
            n.weight.detach() for n in (block.input_layernorm, block.post_attention_layernorm)
        ]
        self.qkv, self.out, self.gate_up, self.down = (
            self._joined(g).to(dtype) for g in self.groups
        )

    def _joined(self, group: Sequence[Any]) -> Tensor:
        return torch.cat([merged(p) for p in group])

    def refresh(self) -> None:
        """The adapter as it is now, in place."""
        for weight, group in zip(
            (self.qkv, self.out, self.gate_up, self.down), self.groups, strict=True
        ):
            weight.copy_(self._joined(group))


class Llama:
    """`model`: a causal model of transformers, with or without adapters, whose precision is kept."""

    def __init__(self, model: Any, slots: int, length: int) -> None:
        inner = model.base_model.model if hasattr(model, "peft_config") else model
        config, self.device = inner.config, inner.lm_head.weight.device
        dtype = self.dtype = inner.lm_head.weight.dtype
        self.heads, self.shared, self.wide = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.hidden_size // config.num_attention_heads,
        )
        self.slots, self.length, self.eps = slots, length, config.rms_norm_eps
        self.layers = [Layer(block, dtype) for block in inner.model.layers]
        self.words = inner.lm_head.weight.detach().to(dtype)
        self.last_norm = inner.model.norm.weight.detach()
        shape = (len(self.layers), 2, slots, self.shared, length, self.wide)
        self.kept = torch.zeros(shape, dtype=dtype, device=self.device)
        powers = torch.arange(0, self.wide, 2, device=self.device).float() / self.wide
        angles = torch.arange(length, device=self.device)[:, None] / _theta(config) ** powers
        self.cos, self.sin = (f(torch.cat([angles, angles], -1)) for f in (torch.cos, torch.sin))
        self.token = torch.zeros(slots, dtype=torch.long, device=self.device)
        self.place = torch.zeros(slots, dtype=torch.long, device=self.device)
        self.heat = torch.zeros(slots, device=self.device)
        self._recorded: dict[int, Callable[[], Tensor]] = {}

    def refresh(self) -> None:
        """Take over the adapter as it is now."""
        for layer in self.layers:
            layer.refresh()

    @torch.inference_mode()
    def begin(
        self,
        slots: Sequence[int],
        texts: Sequence[Sequence[int]],
        known: Sequence[int] | None = None,
    ) -> Tensor:
        """Read texts into slots, but for the first `known` tokens of each, which its slot holds:
        (n, vocabulary) logits of what follows each."""
        known = known or [0] * len(texts)
        rest = [text[k:] for text, k in zip(texts, known, strict=True)]
        ids, where = self._filled(rest).to(self.device), torch.tensor(slots, device=self.device)
        hidden = self._read(ids, where, torch.tensor(known, device=self.device))
        ends = torch.tensor([len(t) - 1 for t in rest], device=self.device)
        return self._logits(hidden[torch.arange(len(texts), device=self.device), ends])

    def copy(self, source: int, slot: int, count: int) -> None:
        """The first `count` tokens of one slot, into another."""
        self.kept[:, :, slot, :, :count] = self.kept[:, :, source, :, :count]

    @torch.inference_mode()
    def scores(self, texts: Sequence[tuple[Sequence[int], Sequence[int]]]) -> list[float]:
        """The mean log-probability per token of each reply to its prompt."""
        ids = self._filled([[*prompt, *reply] for prompt, reply in texts])
        hidden = self._read(ids.to(self.device), None)
        sizes = [len(reply) for _, reply in texts]
        rows = torch.cat([torch.full((k,), n) for n, k in enumerate(sizes)])
        before = torch.cat([torch.arange(len(p), len(p) + len(r)) - 1 for p, r in texts])
        logits = self._logits(hidden[rows, before])
        said = ids[rows, before + 1].to(self.device)
        found = -functional.cross_entropy(logits, said, reduction="none")
        return [float(part.mean()) for part in found.cpu().split(sizes)]

    def _filled(self, texts: Sequence[Sequence[int]]) -> Tensor:
        ids = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
        return ids

    def step(self, longest: int, busy: Sequence[int]) -> Tensor:
        """(slots,) next token of every slot, whose last token and its place stand in `token` and `place`; without a
        GPU of the busy ones only, and 0 of the others."""
        if self.device.type != "cuda":
            return self._of_busy(min(-(-longest // FINE) * FINE, self.length), busy)
        reach = next(n for n in (512, 1024, 2048, 4096, 8192) if n >= longest or n >= self.length)
        reach = min(reach, self.length)
        if reach not in self._recorded:
            self._recorded[reach] = self._record(reach)
        return self._recorded[reach]()

    def _of_busy(self, reach: int, busy: Sequence[int]) -> Tensor:
        rows = torch.tensor(sorted(busy)) if len(busy) < MANY * self.slots else None
        found = self._next(reach, rows)
        if rows is None:
            return found
        out = torch.zeros_like(self.token)
        out[rows] = found
        return out

    def _record(self, reach: int) -> Callable[[], Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                self._next(reach)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            out = self._next(reach)

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay

    @torch.inference_mode()
    def _next(self, reach: int, rows: Tensor | None = None) -> Tensor:
        """(n,) next token of the slots in `rows`, or of all."""
        all_of_them = slice(None)
        mine = all_of_them if rows is None else rows
        each = torch.arange(self.slots, device=self.device) if rows is None else rows
        place = self.place[mine]
        hidden = self.words[self.token[mine]].float()
        seen = (torch.arange(reach, device=self.device) <= place[:, None])[:, None, None]
        turn = self.cos[place][:, None], self.sin[place][:, None]
        for layer, (keys, values) in zip(self.layers, self.kept, strict=True):
            q, k, v = self._heads(layer, hidden, turn)
            keys[each, :, place], values[each, :, place] = k, v
            mixed = functional.scaled_dot_product_attention(
                q.view(len(q), self.shared, -1, self.wide),
                keys[mine, :, :reach],
                values[mine, :, :reach],
                attn_mask=seen,
            )
            hidden = self._rest(layer, hidden, mixed.reshape(len(q), -1))
        return self.chosen(self._logits(hidden), self.heat[mine])

    def chosen(self, logits: Tensor, heat: Tensor) -> Tensor:
        """(n,) the likeliest token, or where there is heat one drawn by it."""
        noise = -torch.log(-torch.log(torch.rand_like(logits).clamp(1e-9, 1 - 1e-7)))
        return (logits + heat[:, None] * noise).argmax(-1)

    def _read(self, ids: Tensor, slots: Tensor | None, known: Tensor | None = None) -> Tensor:
        """(n, t) tokens -> (n, t, width) hidden states; keys and values go to the slots, behind what is known there."""
        n, t = ids.shape
        hidden = self.words[ids].float()
        begin = torch.zeros(n, dtype=torch.long, device=self.device) if known is None else known
        place = (begin[:, None] + torch.arange(t, device=self.device)).clamp_(max=self.length - 1)
        reach = int(place.max()) + 1
        fresh = not bool(begin.any())
        seen = torch.arange(reach, device=self.device) <= place[:, :, None]
        turn = self.cos[place][:, :, None], self.sin[place][:, :, None]
        for number, layer in enumerate(self.layers):
            q, k, v = self._heads(layer, hidden, turn)
            if slots is not None:
                kept = self.kept[number]
                kept[0][slots[:, None], :, place], kept[1][slots[:, None], :, place] = k, v
            q, k, v = (x.transpose(1, 2) for x in (q, k, v))
            if slots is not None and not fresh:
                k, v = (side[slots, :, :reach] for side in self.kept[number])
            fan = self.heads // self.shared
            k, v = k.repeat_interleave(fan, 1), v.repeat_interleave(fan, 1)
            mask = None if fresh else seen[:, None]
            mixed = functional.scaled_dot_product_attention(q, k, v, mask, is_causal=fresh)
            hidden = self._rest(layer, hidden, mixed.transpose(1, 2).reshape(n, t, -1))
        return hidden

    def _heads(
        self, layer: Layer, hidden: Tensor, turn: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, ...]:
        """(..., heads, wide) queries, keys and values; the first two turned to their places."""
        x = self._normed(hidden, layer.norms[0]) @ layer.qkv.T
        sizes = [self.heads * self.wide, self.shared * self.wide, self.shared * self.wide]
        q, k, v = (p.unflatten(-1, (-1, self.wide)) for p in x.split(sizes, -1))
        return self._turned(q, turn), self._turned(k, turn), v

    def _turned(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        cos, sin = turn
        left, right = x.float().chunk(2, -1)
        return (x.float() * cos + torch.cat([-right, left], -1) * sin).to(self.dtype)

    def _rest(self, layer: Layer, hidden: Tensor, mixed: Tensor) -> Tensor:
        hidden = hidden + (mixed @ layer.out.T).float()
        gate, up = (self._normed(hidden, layer.norms[1]) @ layer.gate_up.T).chunk(2, -1)
        return (
            hidden
            + ((functional.silu(gate.float()) * up.float()).to(self.dtype) @ layer.down.T).float()
        )

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.eps)
        return (hidden * scale * weight.float()).to(self.dtype)

    def _logits(self, hidden: Tensor) -> Tensor:
        return (self._normed(hidden, self.last_norm) @ self.words.T).float()


def _theta(config: Any) -> float:
    told = getattr(config, "rope_parameters", None) or {}
    return float(told.get("rope_theta") or config.rope_theta)
