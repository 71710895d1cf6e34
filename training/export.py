"""A trained adapter as a llama.cpp GGUF LoRA, with what it should say written beside it.

llama.cpp keeps the rows of query and key weights in another order than transformers (the two halves of each rotary
pair are interleaved), so the B matrices of these two are permuted. The A matrices are written at 8 bits, as the base
is, which makes the file a quarter smaller; the rows of B are too short for that and stay at 16.

    python -m training.export training/build/warm/last smollm2-135m-search
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from numpy.typing import NDArray
from safetensors.numpy import load_file

from budgetscape.on_board import base_of
from budgetscape.weights import WHOLE, Base

HEADS = {"attn_q": 9, "attn_k": 3}
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
ADAPTERS = Path("sample_runs/adapters")
FORM = gguf.GGMLQuantizationType.Q8_0
Array = NDArray[np.float32]


def permuted(rows: Array, heads: int) -> Array:
    """(n, m) rows in llama.cpp's order: within each head, first and second halves interleaved.

    One head, rows 0 1 2 3 -> 0 2 1 3
    """
    half = rows.shape[0] // heads // 2
    return rows.reshape(heads, 2, half, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def converted(tensors: Mapping[str, Array]) -> dict[str, NDArray[np.float16]]:
    """peft's tensors under llama.cpp's names, in its row order, as float16."""
    made = {}
    for key, tensor in sorted(tensors.items()):
        layer, rest = key.split("layers.")[1].split(".", 1)
        module, half = rest.removesuffix(".weight").rsplit(".", 1)
        name, side = NAMES[module], half.lower()
        if side == "lora_b" and name in HEADS:
            tensor = permuted(tensor, HEADS[name])
        made[f"blk.{layer}.{name}.weight.{side}"] = np.ascontiguousarray(tensor.astype(np.float16))
    return made


def write(source: Path, target: Path) -> None:
    """The GGUF adapter of a folder that peft saved."""
    alpha = json.loads((source / "adapter_config.json").read_text())["lora_alpha"]
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(target, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for name, tensor in converted(load_file(source / "adapter_model.safetensors")).items():
        if name.endswith("lora_a"):
            rows = quantize(tensor.astype(np.float32), FORM)
            writer.add_tensor(name, rows, raw_dtype=FORM)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


PROBES: tuple[tuple[str, str], ...] = (
    (
        "Break the question into simple look-ups. Write only the next thing to look up, as a short question. "
        'If everything needed is known, write "done".',
        "Question: In which region does the birthplace of Dovora Crowwell lie?",
    ),
    (
        'Answer the question from the passages only, in a few words. If they do not help, reply "No relevant '
        'information found".',
        "Passages:\n[1] Dovora Crowwell: Dovora Crowwell was born in Esker Haven. She kept bees.\n"
        "[2] Esker Haven: Esker Haven lies in Lyssmoor.\n\nQuestion: Where was Dovora Crowwell born?",
    ),
    (
        "Work out the answer step by step in short lines, using what is given. Do not repeat the question.",
        "Known:\n- In which year was Eskerby founded? 1702\n- In which year was Lysshaven founded? 1731\n\n"
        "Question: Which came first: the founding of Eskerby or the founding of Lysshaven?",
    ),
)
"""Prompts whose greedy continuation by the PyTorch model is kept, to compare with the served adapter's."""


def expected(source: Path, base: Base = WHOLE, most: int = 24) -> list[dict[str, str]]:
    """What the PyTorch model writes at temperature 0 to each probe, special tokens left out."""
    import torch
    from peft import PeftModel

    from engine.types import Message
    from training.adapters import base_model
    from training.chat import END, Tokens, chat_text

    torch.set_num_threads(1)
    model, tokens = (
        PeftModel.from_pretrained(base_model(dropped=base.dropped), source).eval(),
        Tokens.of_base(),
    )
    stop = tokens.ids(END)[0]
    said = []
    for system, user in PROBES:
        ids = tokens.ids(chat_text((Message("system", system), Message("user", user))))
        with torch.no_grad():
            out = model.generate(
                input_ids=torch.tensor([ids]),
                max_new_tokens=most,
                do_sample=False,
                eos_token_id=stop,
            )
        text = tokens.inner.decode(out[0][len(ids) :], skip_special_tokens=True)
        said.append({"system": system, "user": user, "reply": text})
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("name")
    parser.add_argument("--no-probes", action="store_true")
    args = parser.parse_args()
    write(args.source, ADAPTERS / f"{args.name}.gguf")
    if not args.no_probes:
        path = ADAPTERS / f"{args.name}.expected.json"
        path.write_text(
            json.dumps(expected(args.source, base_of(args.name)), indent=1, ensure_ascii=False)
            + "\n"
        )


if __name__ == "__main__":
    main()
