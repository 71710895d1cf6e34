"""Who may do what: modes, roles, and the one door in front of everything that spends or writes.

A page never holds the application itself, only what this door gives it. For a viewer that is a view of the reading
calls that are named here; whatever else is asked for is refused, also what will be written next year. So it does not
matter which button is drawn, or what a browser sends in the place of one.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import InputError

Role = Literal["viewer", "editor"]
Mode = Literal["", "read", "share"]
"""`read`: everybody is a viewer. `share`: nothing but published views, by their links."""
FILE = "access.toml"
SHORTEST_COOKIE_SECRET = 32
_ADDRESS = re.compile(r"(\*|[^\s@*]+)@[^\s@*]+|\*")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")


class Refused(InputError):
    """Not for this visitor, or not on this server."""


# ----------------------------------------------------------------------------------------------- the door

Reads = Mapping[str, "Reads | None"]
"""Names that may be read; under a name what may be read of it in turn, None for all of it."""
_APP = (
    *("price", "currency", "think_control", "models", "agents", "on_board", "trained", "questions"),
    *("indexes", "question_sets", "default_model", "default_index", "default_questions"),
)
_STORE = (
    *("cells", "runs", "asked", "players", "models", "sweeps", "plan", "run", "trajectory"),
    *("trajectory_ids", "places", "line", "troubles", "version", "frame"),
)
APPLICATION: Reads = {
    **dict.fromkeys(_APP),
    "store": dict.fromkeys(_STORE),
    "live": dict.fromkeys(("get", "of_run", "recent")),
    "sweeps": dict.fromkeys(("names", "plan", "status", "running")),
}
"""What a viewer may call of the application."""
SNAPSHOTS: Reads = dict.fromkeys(("open", "read"))
"""What a viewer may call of the published views: those whose link they have."""
_T = TypeVar("_T")


class Reader:
    """Something of which only the named reading calls are there."""

    def __init__(self, held: Any, may: Reads) -> None:
        self._held, self._may = held, may

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._may:
            raise Refused(
                "this needs an editor: here everything can be read, nothing changed or spent"
            )
        inner, value = self._may[name], getattr(self._held, name)
        return value if inner is None else Reader(value, inner)


def through(held: _T, role: Role | None, may: Reads) -> _T:
    """The thing itself for an editor, its reading calls for a viewer; raises Refused for anybody else."""
    if role == "editor":
        return held
    if role == "viewer":
        return cast(_T, Reader(held, may))
    raise Refused("sign in first")


# ------------------------------------------------------------------------------------------ modes and roles


class SignIn(BaseModel):
    """Where people prove who they are: an OpenID Connect provider. Secrets are named, never written."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    server_metadata_url: str = Field(pattern=r"^https?://\S+$")
    redirect_uri: str = Field(pattern=r"^https?://\S+/oauth2callback$")
    client_id: str = Field(min_length=1)
    client_secret_env: str = Field(min_length=1)
    cookie_secret_env: str = Field(min_length=1)


class Roles(BaseModel):
    """Mail addresses by role: `ann@example.org`, `*@example.org`, or `*` for whoever signs in."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    editors: tuple[str, ...] = ()
    viewers: tuple[str, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    sign_in: SignIn
    roles: Roles = Roles()


@dataclass(frozen=True, slots=True)
class Access:
    """How this server lets people in."""

    mode: Mode = ""
    sign_in: SignIn | None = None
    roles: Roles = Roles()

    @classmethod
    def of(cls, folder: Path, env: Mapping[str, str] | None = None) -> Access:
        """From BUDGETSCAPE_MODE and `access.toml` in the data folder; raises InputError, and then nobody gets in."""
        env = os.environ if env is None else env
        mode = env.get("BUDGETSCAPE_MODE", "").strip()
        if mode not in get_args(Mode):
            raise InputError(
                f"mode '{mode[:40]}' is not known: take read or share, or leave it out"
            )
        path = folder / FILE
        if not path.exists():
            return cls(cast(Mode, mode))
        found = _read(path)
        for pattern in (*found.roles.editors, *found.roles.viewers):
            if not _ADDRESS.fullmatch(pattern):
                raise InputError(f"{path}: '{pattern[:80]}' is no mail address, *@domain or *")
        return cls(cast(Mode, mode), found.sign_in, found.roles)

    def role(self, claims: Mapping[str, Any] | None) -> Role | None:
        """The role of a visitor, from what the provider says of them; None for those who have none."""
        if self.sign_in is None:
            found: Role | None = "editor"
        else:
            found = self._named(claims or {})
        return "viewer" if found and self.mode else found

    def _named(self, claims: Mapping[str, Any]) -> Role | None:
        address = claims.get("email")
        if not isinstance(address, str) or claims.get("email_verified") is False:
            return None
        if _matches(address, self.roles.editors):
            return "editor"
        return "viewer" if _matches(address, self.roles.viewers) else None

    def secrets(self, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What Streamlit's sign-in wants to know, with the secrets from the environment; raises InputError."""
        if self.sign_in is None:
            return {}
        told = self.sign_in
        return {
            "auth": {
                "redirect_uri": told.redirect_uri,
                "cookie_secret": _secret(told.cookie_secret_env, env, SHORTEST_COOKIE_SECRET),
                "client_id": told.client_id,
                "client_secret": _secret(told.client_secret_env, env),
                "server_metadata_url": told.server_metadata_url,
            }
        }


def _secret(name: str, env: Mapping[str, str] | None, shortest: int = 1) -> str:
    value = (os.environ if env is None else env).get(name, "")
    if not value:
        raise InputError(f"signing in needs the environment variable {name}, which is not set")
    if len(value) < shortest:
        raise InputError(f"{name} is too short: take {shortest} random characters or more")
    return value


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {' '.join(str(error).split())[:200]}") from None


def _matches(address: str, patterns: Sequence[str]) -> bool:
    """Whole addresses only: `*@b.org` lets in a@b.org, not a@b.org.evil.org nor a@x@b.org."""
    name, at, domain = address.casefold().rpartition("@")
    if not (name and at and domain) or "@" in name or any(c.isspace() for c in address):
        return False
    return any(
        pattern in ("*", address.casefold(), f"*@{domain}")
        for pattern in (p.casefold() for p in patterns)
    )


def embedders(env: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The sites whose pages may hold this one in a frame: origins in BUDGETSCAPE_EMBED_IN; raises InputError."""
    named = (os.environ if env is None else env).get("BUDGETSCAPE_EMBED_IN", "").split()
    for origin in named:
        if not _ORIGIN.fullmatch(origin):
            raise InputError(f"'{origin[:80]}' is no origin such as https://wiki.example.org")
    return tuple(named)
