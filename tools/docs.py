"""The parts of the documentation that are made from the code: `python -m tools.docs` writes them, `--check` compares.

The file tree of README.md takes each file's line from the file itself (the first sentence of its docstring, comment or
heading), docs/commands.md is the commands' own help, and the list of strategies comes from their modules.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import click

ROOT = Path(__file__).resolve().parents[1]
LISTED = (
    *("app.py", "pages", "budgetscape", "store", "engine"),
    *("training", "benchmarks", "tools", "tests", "docs"),
)
PICTURES = {
    "docs/screenshot.png": "The picture at the top of README.md.",
    "engine/client/icon.svg": "The icon in the browser's tab.",
    "training/curves/warm.jsonl": "Loss by step and minute of the warm start, as it was trained.",
    "training/curves/corag.jsonl": "The same of the round of kept chains after it.",
    "training/curves/pruned.jsonl": "The same of the smaller model.",
    "training/curves/tagged.jsonl": "The same of the tagged form, from which training by reward starts.",
    "training/curves/r1-searcher-form.jsonl": "The same of R1-Searcher's form alone, where its stages start.",
    "training/curves/search-r1.jsonl": "What the rollouts of each step of Search-R1 were paid, and how they searched.",
    "training/curves/search-r1-no-mask.jsonl": "The same without the mask over passages.",
    "training/curves/r1-searcher-first.jsonl": "The same of R1-Searcher's first stage.",
    "training/curves/r1-searcher.jsonl": "The same of its second stage.",
    "training/curves/search-r1-unseen.jsonl": "Answers on an unseen world along Search-R1, by hops, with intervals.",
    "training/curves/search-r1-no-mask-unseen.jsonl": "The same without the mask.",
    "training/curves/r1-searcher-first-unseen.jsonl": "The same of R1-Searcher's first stage.",
    "training/curves/r1-searcher-unseen.jsonl": "The same of its second stage.",
    "training/curves/r1-searcher-second-alone.jsonl": "The second stage without the first one before it.",
    "training/curves/r1-searcher-second-alone-unseen.jsonl": "Its answers on the unseen world.",
    "training/curves/by-reward.svg": "The picture of the ten before.",
}
NAMES_WIDTH = 32


def files(root: Path = ROOT) -> list[str]:
    """The files that belong to the project, tracked or new but not ignored, as paths from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *LISTED]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted({f for f in said.splitlines() if (root / f).exists()})


# ------------------------------------------------------------------------------------------ a line for a file


def first_sentence(text: str) -> str:
    """The first sentence of the first paragraph, on one line.

    "Where it\n stands. More.\n\nMuch more." -> Where it stands.
    """
    paragraph = " ".join(text.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s(?=[A-Z`'\"(])", paragraph)[0]


def line_of(name: str, text: str) -> str:
    """What a file says about itself, empty when it says nothing.

    ("a.py", '\"\"\"Adds. Slowly.\"\"\"') -> Adds.
    """
    suffix = PurePosixPath(name).suffix
    if suffix == ".py":
        return first_sentence(ast.get_docstring(ast.parse(text)) or "") or _test_line(name)
    if suffix == ".md":
        heading = re.search(r"^# (.+)$", text, re.MULTILINE)
        return heading[1] if heading else ""
    if suffix in (".js", ".css"):
        comment = re.match(r"\s*/\*+(.*?)\*/|((?:\s*//.*\n)+)", text, re.DOTALL)
        body = (comment[1] or comment[2]) if comment else ""
        return first_sentence(re.sub(r"^[ \t]*(//|\*)[ \t]?", "", body, flags=re.MULTILINE))
    comment = re.match(r"(?:#!.*\n)?((?:#.*\n)+)", text)
    return first_sentence(re.sub(r"^# ?", "", comment[1], flags=re.MULTILINE)) if comment else ""


def _test_line(name: str) -> str:
    """Tests without a docstring are named for what they test."""
    tested = re.fullmatch(r"tests/test_(\w+)\.py", name)
    return f"Tests of {tested[1]}." if tested else ""


def described(root: Path = ROOT) -> dict[str, str]:
    """The line of every file; a package's `__init__.py` speaks for its folder and may be silent."""
    return {
        f: PICTURES.get(f) or line_of(f, (root / f).read_text("utf-8", "replace"))
        for f in files(root)
    }


# ------------------------------------------------------------------------------------------ the generated parts


def tree(lines: dict[str, str]) -> str:
    """The files as an indented list, folders with the line of their `__init__.py`.

    {"a/__init__.py": "All a.", "a/b.py": "Some b."} -> a/   All a.
                                                          b.py   Some b.
    """
    drawn = [_entry(0, f, lines[f]) for f in lines if "/" not in f]
    for top in LISTED:
        drawn += _folder(PurePosixPath(top), 0, lines)
    return "\n".join(["```", *drawn, "```"])


def _folder(folder: PurePosixPath, depth: int, lines: dict[str, str]) -> Iterator[str]:
    inside = [PurePosixPath(f) for f in lines if PurePosixPath(f).is_relative_to(folder)]
    inside = [f for f in inside if f != folder]
    if not inside:
        return
    yield _entry(depth, f"{folder.name}/", lines.get(f"{folder}/__init__.py", ""))
    for file in inside:
        if file.parent == folder and file.name != "__init__.py":
            yield _entry(depth + 1, file.name, lines[str(file)])
    for child in sorted({f.relative_to(folder).parts[0] for f in inside if f.parent != folder}):
        yield from _folder(folder / child, depth + 1, lines)


def _entry(depth: int, name: str, line: str) -> str:
    return f"{'  ' * depth + name:<{NAMES_WIDTH}} {line}".rstrip()


def strategies() -> str:
    """One row a strategy: its name, its first sentence, where it comes from."""
    from engine.strategies import STRATEGIES

    rows = [
        f"| `{name}` | {first_sentence(module.__doc__ or '')} | {module.SOURCE} |"
        for name, module in STRATEGIES.items()
    ]
    return "\n".join(["| strategy | how it spends | source |", "|---|---|---|", *rows])


def commands() -> str:
    """The help of every command and subcommand."""
    from budgetscape.cli.main import cli

    return "\n\n".join(_pages(cli, "budgetscape", None))


def _pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=100, **command.context_settings
    )
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```"
    if not isinstance(command, click.Group):
        return
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        if found is None:
            raise ValueError(f"the command {child} is listed but not there")
        yield from _pages(found, child, context)


# ------------------------------------------------------------------------------------------ writing and comparing

PARTS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("README.md", "files", lambda: tree(described())),
    ("README.md", "strategies", strategies),
    ("docs/commands.md", "commands", commands),
)


def put(text: str, part: str, made: str) -> str:
    """A document with the part between its two marks replaced; ValueError when the marks are not there."""
    begin, end = f"<!-- {part}: made by `make docs` -->", f"<!-- end of {part} -->"
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no part {part} between its marks")
    return pattern.sub(lambda found: f"{found[1]}{made}\n{found[2]}", text)


def stale(root: Path = ROOT) -> dict[str, str]:
    """The documents that are not what the code says, with what they should be."""
    texts = {file: (root / file).read_text("utf-8") for file, _, _ in PARTS}
    fresh = dict(texts)
    for file, part, make in PARTS:
        fresh[file] = put(fresh[file], part, make())
    return {file: text for file, text in fresh.items() if text != texts[file]}


def main(arguments: list[str]) -> None:
    """Write what is stale, or with `--check` name it and exit 1."""
    found = stale()
    if "--check" in arguments and found:
        sys.exit(f"{', '.join(found)}: not what the code says; run `make docs`")
    for file, text in found.items():
        (ROOT / file).write_text(text, "utf-8")
        print(f"{file} written")


if __name__ == "__main__":
    main(sys.argv[1:])
