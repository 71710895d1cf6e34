"""The endpoints file changed by the app: a model added, one cut out, one put back; comments and the rest stay.

The result is checked like a file that a person wrote before it takes the place of the old one, so no key is written.
Commands of agents are not written from here: a page must not decide what this machine runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from budgetscape.agents_file import read_agents
from budgetscape.endpoints_file import VARIABLE, read_file
from engine.errors import InputError, UnknownName
from store.home import aside, make_folder, writing

_KEY_LIKE = re.compile(r"(?=.*\d)[A-Z0-9]{16,}")
"""Capitals and digits without a break: more likely a key than the name of a variable."""


def is_variable(text: str) -> bool:
    """Whether this can be the name of an environment variable, and is not rather a key."""
    return bool(VARIABLE.fullmatch(text)) and not _KEY_LIKE.fullmatch(text)


def add_model(path: Path, name: str, fields: Mapping[str, Any]) -> None:
    """Write `[models.NAME]` with the fields that are not None; InputError when it is there or does not pass."""
    _add(path, "models", name, fields)


def add_agent(path: Path, name: str, address: str, version: str, key: str | None) -> None:
    """Write `[agents.NAME]` for an agent at an address."""
    _add(path, "agents", name, {"address": address, "version": version or None, "api_key_env": key})


def _add(path: Path, kind: str, name: str, fields: Mapping[str, Any]) -> None:
    if _KEY_LIKE.fullmatch(str(fields.get("api_key_env") or "")):
        raise InputError(
            "api_key_env looks like a key; give the NAME of the variable that holds it"
        )
    document = _read(path)
    tables = document.setdefault(kind, tomlkit.table(is_super_table=True))
    taken = {*document.get("models", ()), *document.get("agents", ())}
    if name in taken:
        raise InputError(f"there is a '{name[:64]}' already; delete it first, or take another name")
    tables[name] = _table(fields)
    _write(path, document)


def cut_out(path: Path, name: str) -> str:
    """Remove a model or an agent; returns its tables as TOML, to be put back."""
    document = _read(path)
    for kind in ("models", "agents"):
        if name in document.get(kind, {}):
            kept = tomlkit.document()
            kept[kind] = {name: document[kind][name].unwrap()}
            del document[kind][name]
            if not document[kind]:
                del document[kind]
            _write(path, document)
            return tomlkit.dumps(kept)
    known = [*document.get("models", {}), *document.get("agents", {})]
    raise UnknownName("endpoint", name, known, "(the models on board cannot be deleted)")


def put_back(path: Path, text: str) -> None:
    """Add what `cut_out` returned."""
    document = tomlkit.parse(text)
    for kind in ("models", "agents"):
        for name, fields in document.get(kind, {}).items():
            _add(path, kind, name, fields)


def _table(fields: Mapping[str, Any]) -> tomlkit.items.Table:
    table = tomlkit.table()
    inner = {k: v for k, v in fields.items() if isinstance(v, Mapping)}
    for key, value in fields.items():
        if value is not None and key not in inner:
            table[key] = value
    for key, value in inner.items():
        if held := _table(value):
            table[key] = held
    return table


def _read(path: Path) -> tomlkit.TOMLDocument:
    if not path.exists():
        return tomlkit.document()
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise InputError(
            f"{path.name} cannot be read; mend it first ({type(error).__name__})"
        ) from error


def _write(path: Path, document: tomlkit.TOMLDocument) -> None:
    make_folder(path.parent)
    with writing(path), aside(path) as part:
        part.write_text(tomlkit.dumps(document), "utf-8")
        try:
            read_file(part)
            read_agents(part)
        except InputError as error:
            raise InputError(str(error).replace(part.name, path.name)) from error
