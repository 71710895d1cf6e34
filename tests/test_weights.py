"""The weights on board: found in the installed package, and the same model when rewritten at 8 bits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import dequantize

from budgetscape import weights
from engine.errors import EndpointError


def test_the_installed_file_is_what_the_package_says() -> None:
    found = weights.installed()
    assert found.path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"
    with found.path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == found.hash


def test_the_rewritten_file_holds_the_same_model() -> None:
    """Each block of 32 within half of its 8-bit step; what is no matrix, and what is told of the model, as it was."""
    source, target = (
        gguf.GGUFReader(weights.installed().path),
        gguf.GGUFReader(weights.ready()),
    )
    assert source.fields.keys() == target.fields.keys()
    assert {
        name
        for name, field in source.fields.items()
        if field.contents() != target.fields[name].contents()
    } == {"general.file_type"}
    assert [t.name for t in source.tensors] == [t.name for t in target.tensors]
    for was, now in zip(source.tensors, target.tensors, strict=True):
        old, new = dequantize(was.data, was.tensor_type), dequantize(now.data, now.tensor_type)
        assert old.shape == new.shape
        if old.ndim == 1:
            assert np.array_equal(old, new)
            continue
        assert now.tensor_type.name == weights.FORM
        blocks = np.abs(old).reshape(-1, 32)
        step = blocks.max(axis=1, keepdims=True) / 127
        assert np.all(np.abs(old - new).reshape(-1, 32) <= 0.56 * step + 1e-8)


def test_a_file_left_half_written_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(
        weights, "rewrite", lambda _, half, __: written.append(half.write_bytes(b"ok"))
    )
    path = weights.weights(tmp_path).path
    path.with_suffix(".half").write_bytes(b"torn")
    assert weights.ready(tmp_path) == path == weights.ready(tmp_path)
    assert (path.read_bytes(), written) == (b"ok", [2])


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(EndpointError, match="cannot write the model's weights to .*share"):
        weights.ready(file / "share")


def test_a_base_without_some_layers_holds_the_others_in_order_and_as_many_parameters_as_it_says() -> (
    None
):
    whole, pruned = (
        gguf.GGUFReader(weights.ready(base=base)) for base in (weights.WHOLE, weights.PRUNED)
    )
    for base, file in ((weights.WHOLE, whole), (weights.PRUNED, pruned)):
        assert sum(t.n_elements for t in file.tensors) == base.parameters
        assert file.fields["llama.block_count"].contents() == 30 - len(base.dropped)
    kept = [n for n in range(30) if n not in weights.PRUNED.dropped]
    was = {t.name: t.data for t in whole.tensors}
    now = {t.name: t.data for t in pruned.tensors}
    for new, old in enumerate(kept):
        name = "attn_q.weight"
        assert np.array_equal(now[f"blk.{new}.{name}"], was[f"blk.{old}.{name}"])
    assert f"blk.{len(kept)}.attn_q.weight" not in now
