"""Imports go downwards only: pages -> budgetscape -> store -> engine, and no two floors import each other in a circle.

Read from the syntax of every file, so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("engine", "store", "budgetscape", "pages", "app")
BESIDE = ("benchmarks", "training", "tools", "tests")
"""What may import every floor; no floor imports them."""
FORBIDDEN = {
    "engine": {"streamlit", "duckdb", "chromadb", "store", "budgetscape", "pages", "app", *BESIDE},
    "store": {"streamlit", "budgetscape", "pages", "app", *BESIDE},
    "budgetscape": {"streamlit", "pages", "app", *BESIDE},
    "pages": {"app", *BESIDE},
    "app": set(BESIDE),
    "training": {"streamlit", "pages", "app"},
    "benchmarks": {"streamlit"},
    "tools": {"streamlit"},
}


class Import(NamedTuple):
    """One imported module, and where."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]


def imports_of(source: str, file: str) -> list[Import]:
    """Every import in a text; a relative one is named from the file's own package.

    ("from . import x", "store/a.py") -> [Import("store/a.py", 1, "store")]
    """
    found = []
    package = Path(file).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [Import(file, node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            found.append(Import(file, node.lineno, ".".join((*base, *filter(None, [node.module])))))
    return found


def floor_of(file: str) -> str:
    """store/home.py -> store, app.py -> app"""
    return Path(file).parts[0].removesuffix(".py")


def wrong(imports: list[Import]) -> list[str]:
    """What an import breaks, as `file:line`, for every one that goes up or sideways."""
    return [
        f"{i.file}:{i.line} imports {i.module}"
        for i in imports
        if i.top in FORBIDDEN.get(floor_of(i.file), set())
    ]


def circle(imports: list[Import]) -> list[str]:
    """The floors that import each other in a circle, or nothing."""
    graph: dict[str, set[str]] = {}
    for i in imports:
        if i.top in FLOORS and i.top != floor_of(i.file):
            graph.setdefault(floor_of(i.file), set()).add(i.top)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def project_imports() -> list[Import]:
    files = [ROOT / "app.py"]
    for folder in (*FLOORS, *BESIDE):
        files += sorted((ROOT / folder).rglob("*.py"))
    found = []
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        found += imports_of(file.read_text("utf-8"), name)
    return found


def test_imports_go_downwards_only():
    assert wrong(project_imports()) == []


def test_no_floors_import_each_other_in_a_circle():
    assert circle([i for i in project_imports() if floor_of(i.file) in FLOORS]) == []


def test_every_floor_was_read():
    assert {floor_of(i.file) for i in project_imports()} >= set(FLOORS)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("engine/run/driver.py", "import store.home"),
        ("engine/grading.py", "def f():\n    from chromadb import Client"),
        ("engine/a.py", "if True:\n    import duckdb as d"),
        ("store/home.py", "from budgetscape import wiring"),
        ("budgetscape/cli/ask.py", "import streamlit.testing.v1"),
        ("budgetscape/live.py", "from tests.loopback import is_here"),
        ("training/run.py", "import streamlit"),
    ],
)
def test_an_import_upwards_is_found_with_its_file_and_line(file, source):
    line = len(source.splitlines())
    (said,) = wrong(imports_of(source, file))
    assert said.startswith(f"{file}:{line} imports ")


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("store/home.py", "from engine.errors import StoreError"),
        ("store/index.py", "import chromadb"),
        ("pages/parts/router.py", "import streamlit as st"),
        ("engine/run/driver.py", "from . import budgets"),
        ("engine/run/driver.py", '"""import store"""  # import store'),
    ],
)
def test_what_goes_downwards_is_let_through(file, source):
    assert wrong(imports_of(source, file)) == []


def test_a_relative_import_is_named_from_its_package():
    assert imports_of("from ..store import home", "engine/run.py")[0].module == "store"
    assert imports_of("from . import x", "store/a.py")[0].module == "store"


def test_a_circle_is_found():
    assert circle([Import("store/a.py", 1, "engine"), Import("engine/b.py", 1, "store")])
    assert not circle([Import("store/a.py", 1, "engine"), Import("engine/b.py", 1, "engine.a")])
