"""The endpoints file: written by people, read strictly, free of secrets.

A key is named by its environment variable; whatever looks like a literal one is refused, and no message repeats a
value of the file. It does not know whether anything answers at the addresses.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from budgetscape.weights import WHOLE, Base
from engine.errors import InputError
from engine.pricing import PriceCard
from engine.types import ThinkControl

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
"""What a model may be called."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
KINDS = ("models", "agents")
_SECRETS = {"api_key", "key", "token", "password", "secret", "authorization", "headers"}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What is known of one model before it is opened."""

    name: str
    base_url: str
    """Empty for a model on board."""
    model: str
    """The server's own name for it."""
    api_key_env: str | None = None
    prices: PriceCard = PriceCard()
    parameters: int | None = None
    training_tokens: float | None = None
    """Of training, beyond what the models it is compared with have in common."""
    max_concurrency: int = 8
    timeout_s: float = 120.0
    think_control: ThinkControl | None = None
    """What a person decided; None takes what was probed."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    adapter: Path | None = None
    """The adapter file of a trained model on board."""
    base: Base = WHOLE
    """What a model on board is made from."""

    @property
    def embedded(self) -> bool:
        return not self.base_url


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address like http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError("must not carry a user, password or query; name the key by api_key_env")
    return value.rstrip("/")


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):
        raise ValueError(
            "must be the NAME of an environment variable in capitals, such as OPENAI_API_KEY, not a key"
        )
    return value


Address = Annotated[str, AfterValidator(_address)]
Variable = Annotated[str, AfterValidator(_variable)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Prices(Strict):
    input: Price | None = None
    cached_input: Price | None = None
    output: Price | None = None
    reasoning: Price | None = None
    per_query: Price | None = None
    currency: str = Field("USD", min_length=1, max_length=12)


Shape = TypeVar("Shape", bound=Strict)


class _Model(Strict):
    base_url: Address
    model: str = Field(min_length=1, max_length=200)
    api_key_env: Variable | None = None
    prices: Prices = Prices()
    parameters: int | None = Field(None, gt=0)
    training_tokens: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_concurrency: int = Field(8, ge=1, le=1024)
    timeout_s: float = Field(120.0, gt=0, le=3600)
    think_control: ThinkControl | None = None
    extra_body: dict[str, Any] = Field(default_factory=dict)


def read_file(path: Path) -> dict[str, ModelSpec]:
    """The models of an endpoints file by name; InputError names file, table and field, and repeats no value."""
    return {name: _spec(path.name, name, table) for name, table in tables(path, "models").items()}


def tables(path: Path, kind: str) -> dict[str, Any]:
    """The tables `[kind.NAME]` of an endpoints file; InputError when it cannot be read or holds something else."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as fault:
        raise InputError(f"{path.name} is not valid TOML: {fault}") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path.name} cannot be read: {type(fault).__name__}") from None
    for name, found in document.items():
        if name not in KINDS or not isinstance(found, dict):
            raise InputError(
                f"{path.name}: '{name[:40]}' is not known; each model is a [models.NAME],"
                " each agent an [agents.NAME]"
            )
    wanted: dict[str, Any] = document.get(kind, {})
    return wanted


def _spec(file: str, name: str, table: Any) -> ModelSpec:
    read = checked_table(_Model, file, "models", name, table)
    fields = {name: getattr(read, name) for name in _Model.model_fields if name != "prices"}
    return ModelSpec(name=name, prices=PriceCard(**read.prices.model_dump()), **fields)


def checked_table(shape: type[Shape], file: str, kind: str, name: str, table: Any) -> Shape:
    """A table of this shape; InputError says what is wrong with it."""
    where = f"{file}: [{kind}.{name[:64]}]"
    if not NAME.fullmatch(name):
        raise InputError(f"{where} a name has letters, digits and . _ : - only, at most 64")
    if isinstance(table, dict) and (literal := _secret(table)):
        raise InputError(
            f"{where} {literal}: a key does not belong in this file; put it in an environment variable and"
            ' name that: api_key_env = "VARIABLE"'
        )
    try:
        return shape.model_validate(table)
    except ValidationError as fault:
        first = fault.errors(include_input=False, include_url=False, include_context=False)[0]
        at = ".".join(str(part) for part in first["loc"])[:80]
        said = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where} {at}: {said}" if at else f"{where} {said}") from None


def _secret(table: Mapping[str, Any]) -> str | None:
    """The first field, at any depth, that looks like a literal key."""
    for field_name, value in table.items():
        if field_name.lower().replace("-", "_") in _SECRETS:
            return field_name
        if isinstance(value, dict) and (inner := _secret(value)):
            return f"{field_name}.{inner}"
    return None
