"""The base model in PyTorch, and an adapter over its upper layers. It does not know how one is trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from training.chat import BASE, base_folder

RANK, ALPHA, FIRST_LAYER, LAYERS = 16, 32, 8, 30
MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
"""The files of one."""


def base_model(
    dtype: torch.dtype = torch.float32, device: str = "cpu", dropped: Sequence[int] = ()
) -> Any:
    """The GGUF's weights, dequantised, without the dropped layers."""
    model = AutoModelForCausalLM.from_pretrained(
        base_folder(), gguf_file=BASE, dtype=dtype, attn_implementation="sdpa"
    )
    kept = [layer for n, layer in enumerate(model.model.layers) if n not in dropped]
    for number, layer in enumerate(kept):
        layer.self_attn.layer_idx = number
    model.model.layers = torch.nn.ModuleList(kept)
    model.config.num_hidden_layers = len(kept)
    return model.to(device)


def faster(device: str = "cpu") -> torch.dtype:
    """bfloat16 where this processor multiplies it faster than float32, as those made for it do, and GPUs."""
    if device != "cpu":
        return torch.bfloat16

    def seconds(dtype: torch.dtype) -> float:
        left, right = torch.ones(256, 576, dtype=dtype), torch.ones(576, 576, dtype=dtype)
        left @ right
        began = time.process_time()
        for _ in range(50):
            left @ right
        return time.process_time() - began

    return min((torch.bfloat16, torch.float32), key=seconds)


def adapted(base: Any, last: Path, rank: int = RANK) -> PeftModel:
    """The base with the adapter in `last`, or a fresh one; what is learnt is float32 whatever the base is."""
    if (last / "adapter_config.json").exists():
        model = PeftModel.from_pretrained(base, last, is_trainable=True)
    else:
        model = fresh(base, rank)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return model


def fresh(base: Any, rank: int = RANK) -> PeftModel:
    """An adapter of the upper layers; its scale is the same for every rank."""
    torch.manual_seed(0)
    layers = base.config.num_hidden_layers
    config = LoraConfig(
        r=rank,
        lora_alpha=ALPHA * rank // RANK,
        target_modules=list(MODULES),
        layers_to_transform=list(range(FIRST_LAYER * layers // LAYERS, layers)),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, config)
