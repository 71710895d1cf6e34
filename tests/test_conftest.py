"""The shared fixtures keep their word."""

import asyncio
import os
import socket
import sys
from contextlib import closing
from types import ModuleType

import pytest

from engine.retrieval.embedding import MiniLM
from engine.run.ports import Call, Query
from engine.types import Message
from store.index import open_index
from tests.loopback import NoNetwork, is_here

SOMEWHERE_ELSE = ("192.0.2.1", 9)


def test_a_connection_to_another_machine_is_refused_before_it_is_made():
    with socket.socket() as sock, pytest.raises(NoNetwork, match="loopback"):
        sock.connect(SOMEWHERE_ELSE)
    with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(NoNetwork):
        sock.sendto(b"", SOMEWHERE_ELSE)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", b"127.0.0.1"])
def test_loopback_is_here(host):
    assert is_here((host, 80))


@pytest.mark.parametrize("host", ["10.0.0.1", "192.0.2.1", "example.org", "2001:db8::1", "::"])
def test_anything_else_is_not(host):
    assert not is_here((host, 80))


MAIN = sys.modules["__main__"]


@pytest.mark.parametrize("time", [1, 2])
def test_what_a_page_script_leaves_as_main_is_gone_in_the_next_test(time):
    assert sys.modules["__main__"] is MAIN
    sys.modules["__main__"] = ModuleType("page")


def test_a_test_has_a_home_of_its_own(home):
    assert os.environ["BUDGETSCAPE_HOME"] == str(home.root)
    assert home.journals.is_dir()


def test_the_tiny_index_finds_a_passage_by_its_title(tiny_home, tiny_world):
    with closing(open_index(tiny_home, "tiny", MiniLM())) as index:
        wanted = tiny_world.passages[0]
        (found,) = asyncio.run(index.search([Query(f"{wanted.title} {wanted.text}", 3)]))
    assert found[0].passage == wanted


@pytest.mark.embedded
def test_the_model_on_board_answers(pool):
    async def ask():
        async with pool.model() as model:
            return await model.generate(Call((Message("user", "Say hello."),), 8))

    assert asyncio.run(ask()).tokens > 0
