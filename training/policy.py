"""The policy gradient over texts that are the model's own only in part.

GRPO as in Search-R1 (arXiv 2503.09516, section 3): the clipped ratio times the advantage, less the low-variance
estimate of the divergence from a reference, both over the tokens with I(y) = 1 alone, divided by their number. What was
put in (passages, corrections) has I(y) = 0; `masked = False` counts it as the model's own, to compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from training.chat import Tokens
from training.rollouts import Spoken

CLIP, BETA = 0.2, 0.001


@dataclass(frozen=True, slots=True)
class Text:
    """One text as tokens: n of the prompt, then k that are predicted."""

    ids: torch.Tensor
    """(n + k,) tokens."""
    own: torch.Tensor
    """(k,) 1 where the model wrote the token."""


def sequence(spoken: Spoken, tokens: Tokens, masked: bool = True) -> Text:
    """A token counts as put in when any of its characters was."""
    before = tokens.ids(spoken.prompt)
    found = tokens.inner(spoken.text, add_special_tokens=False, return_offsets_mapping=True)
    own = [
        not masked or not any(begin < b and a < end for a, b in spoken.put_in)
        for begin, end in found.offset_mapping
    ]
    return Text(torch.tensor([*before, *found.input_ids]), torch.tensor(own, dtype=torch.float32))


def likelihoods(model: Any, texts: Sequence[Text]) -> list[torch.Tensor]:
    """(k,) log-probability of each predicted token of each text, 0 where it was put in; texts are computed side by
    side, and what counts for nothing is not."""
    inner = model.base_model.model
    head = inner.lm_head.weight
    longest = max(len(one.ids) for one in texts)
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, one in enumerate(texts):
        ids[row, : len(one.ids)] = one.ids
    own = [one.own.nonzero()[:, 0] for one in texts]
    rows = torch.cat([torch.full((len(mine),), row) for row, mine in enumerate(own)])
    pairs = zip(own, texts, strict=True)
    before = torch.cat([mine + len(t.ids) - len(t.own) - 1 for mine, t in pairs])
    with torch.autocast(head.device.type, torch.bfloat16, enabled=head.dtype == torch.bfloat16):
        hidden = inner.model(input_ids=ids.to(head.device), use_cache=False).last_hidden_state
        logits = inner.lm_head(hidden[rows, before]).float()
    said = ids[rows, before + 1].to(head.device)
    found = (-functional.cross_entropy(logits, said, reduction="none")).split([len(m) for m in own])
    return [
        torch.zeros(len(one.own), device=head.device).index_put((mine.to(head.device),), values)
        for one, mine, values in zip(texts, own, found, strict=True)
    ]


def loss(
    now: torch.Tensor,
    before: torch.Tensor,
    reference: torch.Tensor,
    own: torch.Tensor,
    advantage: float,
    beta: float = BETA,
) -> torch.Tensor:
    """What is minimised, from (k,) log-probabilities under three policies; 0 where nothing is the model's own."""
    ratio = (now - before).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage)
    apart = (reference - now).exp() - (reference - now) - 1
    return -((gain - beta * apart) * own).sum() / own.sum().clamp(min=1)
