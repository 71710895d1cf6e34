"""Which models are on board: the one that came with the packages, and one for each adapter file, each with its base.

It does not know of endpoints, nor how a model is served.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from budgetscape.endpoints_file import NAME, ModelSpec
from budgetscape.pool import Cores, Pool
from budgetscape.weights import BASES, WHOLE, Base

PREFERRED = "smollm2-135m-search"
"""The adapter that is the default model where it is there: the one that the sample sweep is of."""
_TOKENS = TypeAdapter(dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]])


def on_board(adapters: Path | None) -> dict[str, ModelSpec]:
    """The model on board as it comes, and one for each adapter file; names are the files' stems."""
    found = sorted(adapters.absolute().glob("*.gguf")) if adapters and adapters.is_dir() else []
    tokens = _training_tokens(adapters)
    bare = ModelSpec(WHOLE.name, "", WHOLE.name, parameters=WHOLE.parameters, training_tokens=0.0)
    tuned = [
        ModelSpec(
            path.stem,
            "",
            path.stem,
            parameters=base_of(path.stem).parameters,
            training_tokens=tokens.get(path.stem),
            adapter=path,
            base=base_of(path.stem),
        )
        for path in found
        if NAME.fullmatch(path.stem) and path.stem != WHOLE.name
    ]
    return {spec.name: spec for spec in (bare, *tuned)}


def base_of(adapter: str) -> Base:
    """The base whose name an adapter's begins with; the whole model where there is none.

    "smollm2-99m-pruned-x" -> PRUNED
    """
    return next((base for base in BASES if adapter.startswith(base.name)), WHOLE)


def pools(specs: Mapping[str, ModelSpec], children: int | None) -> dict[Base, Pool]:
    """One for each base that a model needs, with its adapters, over the same cores; nothing starts yet."""
    cores = Cores(children)
    board = [spec for spec in specs.values() if spec.embedded]
    return {
        base: Pool(
            {spec.name: spec.adapter for spec in board if spec.adapter and spec.base == base},
            base=base,
            cores=cores,
        )
        for base in {WHOLE, *(spec.base for spec in board)}
    }


def default_of(specs: Mapping[str, ModelSpec]) -> str:
    """The trained searcher where it is there, else any adapter, else the model as it comes."""
    tuned = [name for name, spec in specs.items() if spec.adapter]
    return next((name for name in (PREFERRED, *tuned) if name in tuned), WHOLE.name)


def _training_tokens(adapters: Path | None) -> dict[str, float]:
    """Tokens that each adapter was trained on, as `training.json` beside them says; none where that is unknown."""
    try:
        return _TOKENS.validate_json((adapters / "training.json").read_bytes()) if adapters else {}
    except (OSError, ValidationError):
        return {}
