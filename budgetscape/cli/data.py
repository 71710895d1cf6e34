"""`budgetscape world | index | questions | strategies | models`: what there is to ask, and of whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from engine.identity import plain
from store.home import Home


@click.command()
@click.option("--seed", default=0, show_default=True, help="Another seed, another world.")
@click.option("--passages", default=1500, show_default=True, help="How many passages.")
@click.option("--questions", default=320, show_default=True, help="How many questions.")
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Train and test worlds share no entity.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder.")
def world(seed: int, passages: int, questions: int, split: str, out: Path) -> None:
    """Write a fictional corpus and its questions as corpus.jsonl and questions.jsonl."""
    from engine.worlds import build
    from store.home import make_folder, write_whole

    made = build(seed, passages, questions, split)  # type: ignore[arg-type]
    make_folder(out)
    rows = [
        {"question": q.text, **{k: v for k, v in plain(q).items() if k != "text"}}
        | {"solution": plain(made.solutions[q.id])}
        for q in made.questions
    ]
    write_whole(out / "corpus.jsonl", _jsonl(plain(p) for p in made.passages))
    write_whole(out / "questions.jsonl", _jsonl(rows))
    click.echo(f"{len(made.passages)} passages and {len(made.questions)} questions in {out}")


def _jsonl(rows: Any) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode()


@click.command()
@click.argument("corpus", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What to call the corpus and its index.")
def index(corpus: Path, name: str) -> None:
    """Take in CORPUS (JSON lines: id, title, text) and build its index."""
    from engine.retrieval.embedding import MiniLM
    from store.corpora import save_corpus
    from store.index import build_index
    from store.loading import read_passages

    home = Home.find().ensure()
    saved = save_corpus(home, name, read_passages(corpus))
    report = build_index(home, name, MiniLM(threads=2), _progress("embedding and indexing"))
    click.echo(f"index {name}: {saved.count} passages. {report}")


def _progress(what: str) -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        click.echo(f"\r{what}: {done}/{of}", nl=done >= of, err=True)

    return show


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What to call the question set.")
@click.option("--corpus", default=None, help="Check supporting passages against this corpus.")
def questions(file: Path, name: str, corpus: str | None) -> None:
    """Take in FILE (JSON lines: id, question, answers, supporting_ids, hops, operations, tags)."""
    from store.corpora import save_questions
    from store.loading import read_questions

    saved = save_questions(Home.find().ensure(), name, read_questions(file), corpus)
    click.echo(f"questions {name}: {len(saved.questions)}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def strategies(as_json: bool) -> None:
    """List the search systems, what they can reach and their knobs."""
    from engine.strategies import STRATEGIES

    rows = [_strategy_row(name, module) for name, module in STRATEGIES.items()]
    if as_json:
        click.echo(json.dumps({"strategies": rows}))
        return
    for row in rows:
        click.echo(
            f"{row['name']:<18} searches: 0-{row['reachable']['search'][1]:<3} "
            f"can be forced: {' and '.join(row['forcible']) or 'nothing':<16} {row['source']}"
        )
        for knob, about in row["knobs"].items():
            click.echo(f"    {knob} = {about['default']}{_range(about)}  {about['description']}")


def _strategy_row(name: str, module: ModuleType) -> dict[str, Any]:
    """Name, source, what its defaults can use of each budget, which can be a dose, and its knobs with their ranges."""
    from engine.run.budgets import MOST_THINKING

    knobs = module.Knobs()
    schema = module.Knobs.model_json_schema()["properties"]
    return {
        "name": name,
        "source": module.SOURCE,
        "reachable": {"search": [0, knobs.most_searches], "think": [0, MOST_THINKING]},
        "forcible": sorted(knobs.forcible),
        "knobs": {k: _knob(schema[k], v) for k, v in knobs.model_dump().items()},
    }


def _knob(about: dict[str, Any], default: Any) -> dict[str, Any]:
    names = {"minimum": "least", "maximum": "most", "enum": "choices"}
    limits = {new: about[old] for old, new in names.items() if old in about}
    return {
        "type": about["type"],
        "default": default,
        **limits,
        "description": about.get("description", ""),
    }


def _range(about: dict[str, Any]) -> str:
    if "choices" in about:
        return f" ({' | '.join(about['choices'])})"
    return f" ({about['least']}-{about['most']})" if "least" in about else ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def models(as_json: bool) -> None:
    """List the models, those on board and those of the endpoints file, and your own agents."""
    from budgetscape.wiring import Parts

    registry = Parts.open().registry
    rows: list[dict[str, Any]] = [
        {"name": name, "default": name == registry.default, "address": registry.spec(name).base_url}
        for name in registry.names()
    ] + [{"name": name, "agent": True} for name in registry.agents()]
    if as_json:
        click.echo(json.dumps({"models": rows}))
        return
    for row in rows:
        mark = "*" if row.get("default") else " "
        where = "your own agent" if "agent" in row else row["address"] or "on board"
        click.echo(f"{mark} {row['name']:<28} {where}")
