"""The documentation says what the code does, file by file and command by command."""

from __future__ import annotations

import re
import subprocess

import click
import pytest

from tools import docs

README = (docs.ROOT / "README.md").read_text("utf-8")


def commands() -> dict[str, click.Command]:
    from budgetscape.cli.main import cli

    found, waiting = {}, [("budgetscape", cli, None)]
    while waiting:
        name, command, parent = waiting.pop()
        context = click.Context(command, info_name=name, parent=parent)
        found[context.command_path] = command
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            waiting += [(n, command.get_command(context, n), context) for n in names]
    return found


def shown_files(tree: str) -> list[str]:
    """The paths that an indented tree shows, folders' own lines left out."""
    paths, folders = [], []
    for line in tree.strip("`\n").splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders[depth:] = [name] if name.endswith("/") else []
        if not name.endswith("/"):
            paths.append("".join([*folders[:depth], name]))
    return paths


def part(text: str, name: str) -> str:
    return re.search(rf"<!-- {name}: .*?-->\n(.*?)<!-- end of {name} -->", text, re.DOTALL)[1]


def test_generated_parts_are_what_the_code_says():
    assert list(docs.stale()) == [], "run `make docs`"


def test_the_readme_shows_every_file_once_and_no_other():
    expected = [f for f in docs.files() if not f.endswith("__init__.py")]
    assert sorted(shown_files(part(README, "files"))) == sorted(expected)


def test_every_file_says_what_it_is():
    silent = [f for f, line in docs.described().items() if not line and "__init__" not in f]
    assert silent == [], "begin each with a docstring, comment or heading"


def test_every_command_and_option_has_help():
    for path, command in commands().items():
        assert command.help, path
        for option in command.params:
            assert isinstance(option, click.Argument) or option.help, f"{path} {option.name}"


def test_commands_in_the_readme_exist_with_the_options_they_are_given():
    known = commands()
    for line in re.findall(r"^budgetscape (.+)$", README, re.MULTILINE):
        words = re.sub(r'"[^"]*"', "TEXT", line).split()
        depth = 2 if f"budgetscape {' '.join(words[:2])}" in known else 1
        command = known[f"budgetscape {' '.join(words[:depth])}"]
        options = {o for p in command.params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options, line


def test_every_command_is_documented():
    text = (docs.ROOT / "docs" / "commands.md").read_text("utf-8")
    for path in commands():
        assert f"## {path}\n" in text


def test_links_between_documents_lead_somewhere():
    for file in [f for f in docs.files() if f.endswith(".md")] + ["README.md", "CONTRIBUTING.md"]:
        text = (docs.ROOT / file).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (docs.ROOT / file).parent.joinpath(target).exists(), f"{file}: {target}"


def test_make_targets_in_the_documents_exist():
    makefile = (docs.ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for file in ("README.md", "CONTRIBUTING.md"):
        text = (docs.ROOT / file).read_text("utf-8")
        named = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", text, re.MULTILINE))
        assert {a or b for a, b in named} <= targets


def test_modules_that_the_makefile_runs_exist():
    makefile = (docs.ROOT / "Makefile").read_text("utf-8")
    ours = {m for m in re.findall(r"-m ([a-z_.]+)", makefile) if m not in ("venv", "pip", "pytest")}
    assert len(ours) >= 4
    assert [m for m in ours if not (docs.ROOT / f"{m.replace('.', '/')}.py").exists()] == []


def test_no_file_names_a_place_of_one_machine_or_a_package_host():
    places = re.compile(r"(?<![\w.>)}-])/(?:work|root|home|tmp)/[\w.]")
    hosts = re.compile(r"(?:pypi|npmjs|pythonhosted|debian)[.](?:org|net)")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    said = subprocess.run(command, cwd=docs.ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, said.split("\0")):
        path = docs.ROOT / name
        if not path.is_file() or path == docs.ROOT / "tests" / "test_docs.py":
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {m[0]}" for m in (*places.finditer(text), *hosts.finditer(text))]
    assert found == []


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.py", '"""Adds two\nnumbers. Slowly.\n\nMore."""', "Adds two numbers."),
        ("a.py", '"""The e.g. case, v2.0 too: done"""', "The e.g. case, v2.0 too: done"),
        ("a.md", "text\n# Name\n", "Name"),
        ("a.js", "// Draws. Well.\n// More\nlet x", "Draws."),
        ("a.css", "/* Looks.\n * Other. */\n", "Looks."),
        ("a.toml", "# Plan of\n# it.\nx = 1", "Plan of it."),
        ("tests/test_plan.py", "x = 1", "Tests of plan."),
        ("a.py", "x = 1", ""),
    ],
)
def test_a_file_is_described_by_its_own_first_sentence(name, text, line):
    assert docs.line_of(name, text) == line


def test_a_tree_is_read_back_as_it_was_drawn():
    lines = {"app.py": "x", "engine/__init__.py": "All.", "engine/a.py": "A.", "engine/r/b.py": "B"}
    assert shown_files(docs.tree(lines)) == ["app.py", "engine/a.py", "engine/r/b.py"]
    assert "engine/" + " " * (docs.NAMES_WIDTH - 6) + "All." in docs.tree(lines)


def test_a_part_without_its_marks_is_an_error():
    with pytest.raises(ValueError, match="no part files"):
        docs.put("nothing here", "files", "x")
