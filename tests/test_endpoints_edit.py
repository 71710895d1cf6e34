"""The app changes the endpoints file as a careful person would: comments stay, keys stay out, errors change nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from budgetscape.endpoints import Registry
from budgetscape.endpoints_edit import add_agent, add_model, cut_out, put_back
from engine.errors import InputError, UnknownName
from store.home import Home
from tests.chat_server import ChatServer

OTHER = """# my own remark
[models.old]
base_url = "http://127.0.0.1:9/v1"  # here
model = "old"
[models.old.prices]
input = 1.5
"""
GOOD = {
    "base_url": "http://127.0.0.1:8/v1",
    "model": "m",
    "api_key_env": "MY_KEY",
    "prices": {"input": 2.0, "output": None},
}


@pytest.fixture
def file(home: Home) -> Path:
    home.endpoints.write_text(OTHER)
    return home.endpoints


def test_a_model_is_added_beside_what_is_there(home: Home, file: Path):
    add_model(file, "new", GOOD)
    assert file.read_text().startswith(OTHER.strip())
    found = Registry.load(home, env={"MY_KEY": "sk-secret"})
    assert found.spec("new").api_key_env == "MY_KEY" and found.prices("new").input == 2.0
    assert (found.has_key("new"), found.has_key("old")) == (True, None)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("new", {"api_key_env": "sk-proj-abc123"}, "must be the NAME of an environment variable"),
        ("new", {"api_key_env": "AKIAIOSFODNN7EXAMPLE"}, "looks like a key"),
        ("new", {"base_url": "http://me:secret9@host/v1"}, "must not carry a user"),
        ("new", {"base_url": "ftp://host"}, "must be an address like"),
        ("new", {"prices": {"input": -1}}, "greater than or equal to 0"),
        ("new", {"model": ""}, "model: "),
        ("a/b", {}, "a name has letters, digits"),
        ("old", {}, "there is a 'old' already"),
    ],
)
def test_what_is_wrong_or_secret_never_reaches_the_file(
    file: Path, name: str, change: dict, why: str
):
    with pytest.raises(InputError, match=why) as raised:
        add_model(file, name, GOOD | change)
    assert file.read_text() == OTHER and "\n" not in str(raised.value)
    for secret in ("sk-proj", "AKIA", "secret9"):
        assert secret not in str(raised.value)


def test_cutting_out_and_putting_back_gives_the_same_models(home: Home, file: Path):
    add_agent(file, "mine", "http://127.0.0.1:7/run", "2", None)
    before = Registry.load(home, env={})
    texts = [cut_out(file, name) for name in ("old", "mine")]
    emptied = Registry.load(home, env={})
    assert "old" not in emptied.names() and emptied.agents() == []
    for text in texts:
        put_back(file, text)
    after = Registry.load(home, env={})
    assert after.spec("old") == before.spec("old")
    assert after.agent_spec("mine") == before.agent_spec("mine")
    assert "my own remark" in file.read_text()
    with pytest.raises(UnknownName, match="on board cannot be deleted"):
        cut_out(file, "smollm2-135m")


def test_a_broken_file_is_left_for_its_owner_to_mend(file: Path):
    file.write_text("[models.x\n")
    with pytest.raises(InputError, match=r"endpoints.toml cannot be read; mend it first"):
        add_model(file, "new", GOOD)
    assert file.read_text() == "[models.x\n"


def test_a_registry_reads_the_file_again_and_keeps_what_it_had_when_that_is_wrong(home: Home):
    found = Registry.load(home, env={})
    add_model(home.endpoints, "new", GOOD)
    found.read_again()
    assert "new" in found.names()
    home.endpoints.write_text("[models.new]\nkey = 'x'")
    with pytest.raises(InputError, match="a key does not belong in this file"):
        found.read_again()
    assert found.spec("new").model == "m"
    home.endpoints.unlink()
    found.read_again()
    assert "new" not in found.names() and found.default in found.names()


def test_a_probe_asks_anew_and_is_kept(home: Home):
    with ChatServer(lambda body: "alpha bravo", turns="continue") as server:
        add_model(home.endpoints, "near", {"base_url": server.url, "model": "m"})
        found = Registry.load(home, env={})
        assert found.capabilities("near") is None
        able = asyncio.run(found.probe("near"))
        assert able.think_control == "hard" and found.capabilities("near") == able
        asked = len(server.seen)
        asyncio.run(found.probe("near"))
        assert len(server.seen) == 2 * asked
