"""A name to a ChatModel: the endpoints file, the environment and the models on board, read once per process.

The file is written by people and holds no secret: a key is named by its environment variable. A server that accepts
any model name cannot be trusted to refuse a wrong one, so names are checked here. What an endpoint can do is probed
when it is first opened and kept beside the data. It does not know what a run costs or who asks.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pydantic import TypeAdapter, ValidationError

from budgetscape import embedded
from budgetscape.agents_file import AgentSpec, read_agents
from budgetscape.endpoints_file import ModelSpec, read_file
from budgetscape.on_board import default_of, on_board, pools
from budgetscape.pool import CAPABILITIES, EmbeddedChat
from engine.analysis.checkpoints import Trained
from engine.errors import InputError, UnknownName
from engine.identity import content_hash, plain
from engine.models.agent import AddressAgent, CommandAgent
from engine.models.capabilities import NOTHING_KNOWN, Capabilities
from engine.pricing import PriceCard
from engine.types import ThinkControl
from store.home import Home

if TYPE_CHECKING:
    from engine.models.openai import OpenAIChat


class Registry:
    """The models of one process; close it by `aclose` in the loop that opened them."""

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        default: str,
        env: Mapping[str, str],
        kept: Path | None = None,
        children: int | None = None,
        agents: Mapping[str, AgentSpec] | None = None,
        path: Path | None = None,
    ) -> None:
        self.path = path
        """The endpoints file, whether it is there or not."""
        self._agents = dict(agents or {})
        self._specs, self._env, self._kept = dict(specs), env, kept
        self.default = default
        """The model that is used when none is named."""
        self._pools = pools(specs, children)
        self._open: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[str, OpenAIChat | EmbeddedChat]
        ] = WeakKeyDictionary()
        self._fingerprints: dict[str, str] = {}

    @classmethod
    def load(
        cls,
        home: Home,
        *,
        env: Mapping[str, str] | None = None,
        adapters: Path | None = None,
        children: int | None = None,
    ) -> Registry:
        """The models on board, one for each `*.gguf` in `adapters`, and those of the endpoints file.

        BUDGETSCAPE_ENDPOINTS names another file than the home's, BUDGETSCAPE_MODEL the default model.
        InputError for a bad file, UnknownName for a default that is not there.
        """
        env = os.environ if env is None else env
        named = env.get("BUDGETSCAPE_ENDPOINTS", "").strip()
        path = Path(named).expanduser() if named else home.endpoints
        specs, agents = _all(on_board(adapters), path, bool(named))
        default = env.get("BUDGETSCAPE_MODEL", "").strip() or default_of(specs)
        if default not in specs:
            raise UnknownName("model", default, specs, "(BUDGETSCAPE_MODEL)")
        return cls(specs, default, env, home.root / "capabilities", children, agents, path)

    def read_again(self) -> None:
        """Take in what was changed in the endpoints file; what is wrong with it leaves all as it was.

        A model that is no longer what it was is opened anew at its next use.
        """
        if self.path is None:
            return
        board = {name: spec for name, spec in self._specs.items() if spec.embedded}
        specs, agents = _all(board, self.path, False)
        if self.default not in specs:
            self.default = default_of(specs)
        changed = [n for n, spec in self._specs.items() if specs.get(n) != spec]
        self._specs, self._agents = specs, agents
        for loop, opened in list(self._open.items()):
            for name in changed:
                if (model := opened.pop(name, None)) is not None and loop.is_running():
                    asyncio.run_coroutine_threadsafe(model.aclose(), loop)

    async def probe(self, name: str) -> Capabilities:
        """Ask an endpoint anew what it can do, and keep it; InputError for a model on board or an agent."""
        spec = self.spec(name)
        if spec.embedded:
            return CAPABILITIES
        if note := self._note(spec):
            note.unlink(missing_ok=True)
        model = await self._remote(spec)
        await model.aclose()
        return model.capabilities

    def has_key(self, name: str) -> bool | None:
        """Whether the variable of its key is set in this process; None where it needs none."""
        spec = self._agents.get(name) or self.spec(name)
        if spec.api_key_env is None:
            return None
        return bool(self._env.get(spec.api_key_env, "").strip())

    def agent_spec(self, name: str) -> AgentSpec:
        return self._agents[name]

    def names(self) -> list[str]:
        """All model names, those on board first."""
        return list(self._specs)

    def agents(self) -> list[str]:
        """The names of the user's own agents."""
        return list(self._agents)

    def on_board(self) -> list[str]:
        """The models that need no endpoint."""
        return [name for name, spec in self._specs.items() if spec.embedded]

    def trained(self) -> dict[str, Trained]:
        """What the training of each model took, of those of which it is known."""
        return {
            name: Trained(spec.parameters, spec.training_tokens)
            for name, spec in self._specs.items()
            if spec.parameters is not None and spec.training_tokens is not None
        }

    def performers(self, outside: bool) -> list[str]:
        """What may answer: an agent where the strategy is performed outside, else a model."""
        return self.agents() if outside else self.names()

    def prices(self, name: str) -> PriceCard:
        """Of a model or an agent."""
        return self._agents[name].prices if name in self._agents else self.spec(name).prices

    def agent(self, name: str) -> CommandAgent | AddressAgent:
        """An agent, ready to begin; InputError when its key is not set, UnknownName."""
        if name not in self._agents:
            raise UnknownName("agent", name, self._agents)
        spec = self._agents[name]
        if spec.command:
            return CommandAgent(name, spec.command, spec.folder, spec.timeout_s)
        return AddressAgent(name, spec.address, self._key(spec), spec.timeout_s)

    def spec(self, name: str) -> ModelSpec:
        """What is known of a model; UnknownName."""
        if name not in self._specs:
            raise UnknownName("model", name, self._specs)
        return self._specs[name]

    def concurrency(self, name: str) -> int:
        """How many calls a model, or runs an agent, takes at once."""
        if name in self._agents:
            return self._agents[name].max_concurrency
        spec = self.spec(name)
        return self._pools[spec.base].count if spec.embedded else spec.max_concurrency

    async def open(self, name: str) -> OpenAIChat | EmbeddedChat:
        """The model, ready for the running loop; probed when it is opened for the first time ever.

        The same object until `aclose`. EndpointError when a probe fails, InputError when its key is not set.
        """
        spec = self.spec(name)
        mine = self._open.setdefault(asyncio.get_running_loop(), {})
        if name not in mine:
            model = self._embedded(spec) if spec.embedded else await self._remote(spec)
            mine.setdefault(name, model)
        return mine[name]

    async def aclose(self) -> None:
        """Close what the running loop opened, and end the children."""
        for model in self._open.pop(asyncio.get_running_loop(), {}).values():
            await model.aclose()
        self.close()

    def close(self) -> None:
        """End the children of this process; a later call starts them again."""
        for pool in self._pools.values():
            pool.close()

    def capabilities(self, name: str) -> Capabilities | None:
        """What a model can do, once it was probed; `think_control` as the file has decided."""
        spec = self.spec(name)
        able = CAPABILITIES if spec.embedded else self._recall(spec)
        return _decided(able, spec) if able else None

    def think_control(self, name: str) -> ThinkControl:
        """How a model's thinking can be bounded; until it was probed, `hard` unless the file says otherwise.

        An agent of the user's own takes its budgets as advice.
        """
        if name in self._agents:
            return "advisory"
        able = self.capabilities(name)
        return able.think_control if able else self.spec(name).think_control or "hard"

    def fingerprint(self, name: str) -> str:
        """A hash of what stands behind a name. For an endpoint that is all it says about itself."""
        if name in self._agents:
            return self._agents[name].fingerprint
        spec = self.spec(name)
        if spec.embedded:
            if name not in self._fingerprints:
                self._fingerprints[name] = embedded.fingerprint(spec.adapter, spec.base)
            return self._fingerprints[name]
        able = self._recall(spec)
        says = able.system_fingerprint if able else ""
        return content_hash([spec.base_url, spec.model, spec.extra_body, says])

    def _embedded(self, spec: ModelSpec) -> EmbeddedChat:
        return self._pools[spec.base].model(spec.name if spec.adapter else None)

    async def _remote(self, spec: ModelSpec) -> OpenAIChat:
        from engine.models.openai import OpenAIChat  # takes a second: the client and its types

        able = self._recall(spec)
        model = OpenAIChat(
            spec.base_url,
            spec.model,
            api_key=self._key(spec),
            name=spec.name,
            timeout_s=spec.timeout_s,
            max_concurrency=spec.max_concurrency,
            extra_body=dict(spec.extra_body),
            capabilities=able or NOTHING_KNOWN,
        )
        if able is None:
            try:
                self._remember(spec, await model.probe())
            except BaseException:
                await model.aclose()
                raise
        model.capabilities = _decided(model.capabilities, spec)
        return model

    def _key(self, spec: ModelSpec | AgentSpec) -> str:
        if spec.api_key_env is None:
            return ""
        key = self._env.get(spec.api_key_env, "").strip()
        if not key:
            raise InputError(
                f"{spec.name}: set the environment variable {spec.api_key_env} to its key"
            )
        if not key.isascii() or not key.isprintable():
            raise InputError(f"{spec.name}: {spec.api_key_env} holds something that is no key")
        return key

    def _note(self, spec: ModelSpec) -> Path | None:
        about = content_hash([spec.base_url, spec.model, spec.extra_body], 16)
        return self._kept / f"{about}.json" if self._kept else None

    def _recall(self, spec: ModelSpec) -> Capabilities | None:
        """What was probed and kept; None when nothing was, or by another version."""
        note = self._note(spec)
        try:
            return _TABLE.validate_json(note.read_bytes()) if note else None
        except (OSError, ValidationError):
            return None

    def _remember(self, spec: ModelSpec, able: Capabilities) -> None:
        """Keep a probe; on a disk that cannot be written it is simply done again."""
        if note := self._note(spec):
            with suppress(OSError):
                note.parent.mkdir(parents=True, exist_ok=True)
                aside = note.with_suffix(f".{os.getpid()}")
                aside.write_text(json.dumps(plain(able), indent=1), "utf-8")
                aside.replace(note)


_TABLE = TypeAdapter(Capabilities)


def _decided(able: Capabilities, spec: ModelSpec) -> Capabilities:
    """What was probed, with what a person has decided in its place."""
    return replace(able, think_control=spec.think_control) if spec.think_control else able


def _all(
    board: Mapping[str, ModelSpec], path: Path, must: bool
) -> tuple[dict[str, ModelSpec], dict[str, AgentSpec]]:
    """The models on board with those of the file, and its agents; InputError for a name that is there twice."""
    specs = dict(board)
    if not must and not path.exists():
        return specs, {}
    for name, spec in read_file(path).items():
        if name in specs:
            raise InputError(f"{path.name}: [models.{name}] is a model on board: rename it")
        specs[name] = spec
    agents = read_agents(path)
    for name in agents:
        if name in specs:
            raise InputError(f"{path.name}: [agents.{name}] is a model's name: rename it")
    return specs, agents
