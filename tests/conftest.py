"""What tests share.

    home            a new data folder, named by BUDGETSCAPE_HOME (one a test)
    tiny_world      a test world of 120 passages and 40 questions (one a session; a value)
    tiny_home       a data folder with that world as corpus, index and questions `tiny`, embedded by MiniLM
                    (one a session: only read it; `copy_of_tiny` is one to write to)
    pool            the model on board behind one child (one a session, started at the first call); mark the test
                    `embedded` and ask `pool.model()`
    browser         Chromium through Playwright's sync interface (one a module); mark the test `browser`

No test reaches beyond this machine: a connection to anything but a loopback address fails (tests/loopback.py). While a
page is open in `browser`, Playwright's event loop is running in this thread, so such a test cannot call asyncio.run.
With several workers each file has one of them, and files with `browser` and `embedded` tests begin first.

Examples that hypothesis makes up are the same each time; with --hypothesis-profile exploring they are others each time.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from store.home import Home
from tests.loopback import refuse_to_leave

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from budgetscape.pool import Pool
    from engine.worlds import World

LONGEST = ("browser", "embedded")
sys.addaudithook(refuse_to_leave)
EXAMPLES = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
"""A busy machine is no fault of the code."""
settings.register_profile("any-machine", derandomize=True, **EXAMPLES)
settings.register_profile("exploring", **EXAMPLES)
settings.load_profile("any-machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several workers the longest work begins first."""
    if config.pluginmanager.hasplugin("dsession") or hasattr(config, "workerinput"):
        items.sort(key=lambda item: not any(item.get_closest_marker(m) for m in LONGEST))


@pytest.fixture(autouse=True, scope="session")
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the data of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BUDGETSCAPE_HOME", str(tmp_path_factory.mktemp("no-home")))
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # they would lead elsewhere
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture(autouse=True)
def _same_main() -> Iterator[None]:
    """A page script runs as `__main__` and stays there; a process that a later test spawns would run it again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home").ensure()


@pytest.fixture(scope="session")
def tiny_world() -> World:
    from engine.worlds import build

    return build(3, 120, 40, "test")


@pytest.fixture(scope="session")
def tiny_home(tiny_world: World, tmp_path_factory: pytest.TempPathFactory) -> Home:
    from engine.retrieval.embedding import MiniLM
    from store.corpora import save_corpus, save_questions
    from store.index import build_index

    home = Home(tmp_path_factory.mktemp("tiny") / "home").ensure()
    save_corpus(home, "tiny", tiny_world.passages)
    save_questions(home, "tiny", tiny_world.questions, "tiny")
    build_index(home, "tiny", MiniLM())
    return home


@pytest.fixture
def copy_of_tiny(tiny_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    shutil.copytree(tiny_home.root, tmp_path / "home")
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    from budgetscape.pool import Pool

    pool = Pool(count=1)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    from tests.chromium import launch

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()
