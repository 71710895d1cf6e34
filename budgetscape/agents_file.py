"""The agents of the endpoints file: a user's own search systems, each a command or an address, free of secrets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from budgetscape.endpoints_file import Address, Prices, Strict, Variable, checked_table, tables
from engine.identity import content_hash
from engine.pricing import PriceCard


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """What is known of one agent before it is begun."""

    name: str
    command: tuple[str, ...] = ()
    """The program and its arguments, without a shell; empty for an address."""
    address: str = ""
    version: str = ""
    """The user's word for which agent this is; a new one makes new runs."""
    folder: Path | None = None
    """Where a command starts: beside the endpoints file."""
    api_key_env: str | None = None
    prices: PriceCard = PriceCard()
    max_concurrency: int = 2
    timeout_s: float = 300.0

    @property
    def fingerprint(self) -> str:
        """What stands behind the name, as a hash."""
        return content_hash(["agent", self.name, self.command, self.address, self.version])


def _filled(command: tuple[str, ...]) -> tuple[str, ...]:
    if not command[0].strip() or any("\0" in part for part in command):
        raise ValueError('must be a program and its arguments, such as ["python", "agent.py"]')
    return command


class _Agent(Strict):
    command: (
        Annotated[tuple[str, ...], Field(min_length=1, max_length=256), AfterValidator(_filled)]
        | None
    ) = None
    address: Address | None = None
    version: str = Field("", max_length=200)
    api_key_env: Variable | None = None
    prices: Prices = Prices()
    max_concurrency: int = Field(2, ge=1, le=1024)
    timeout_s: float = Field(300.0, gt=0, le=86_400)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.command is None) == (self.address is None):
            raise ValueError("name either a command or an address")
        return self


def read_agents(path: Path) -> dict[str, AgentSpec]:
    """The agents of an endpoints file by name; InputError names file, table and field, and repeats no value."""
    found = tables(path, "agents")
    return {name: _spec(path, name, table) for name, table in found.items()}


def _spec(path: Path, name: str, table: Any) -> AgentSpec:
    read = checked_table(_Agent, path.name, "agents", name, table)
    return AgentSpec(
        name=name,
        command=read.command or (),
        address=read.address or "",
        version=read.version,
        folder=path.absolute().parent,
        api_key_env=read.api_key_env,
        prices=PriceCard(**read.prices.model_dump()),
        max_concurrency=read.max_concurrency,
        timeout_s=read.timeout_s,
    )
