"""`budgetscape world | index | questions`: what there is to search and to ask, from files or invented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budgetscape.cli.child import telling
from engine.identity import plain
from store.home import Home

if TYPE_CHECKING:
    from engine.retrieval.cutting import Cut
    from store.documents import Columns

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
child_option = click.option("--as-child", is_flag=True, hidden=True, help="For the app.")
new_option = click.option("--new", is_flag=True, help="Refuse a name that is taken.")


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
@click.option("--out", type=click.Path(path_type=Path), help="A folder to write its files into.")
@click.option("--name", help="Take it in as corpus, index and questions of this name.")
@new_option
@child_option
def world(
    seed: int,
    passages: int,
    questions: int,
    split: str,
    out: Path | None,
    name: str | None,
    new: bool,
    as_child: bool,
) -> None:
    """Invent a fictional corpus and its questions: as files, or straight into the library."""
    if not out and not name:
        raise click.UsageError("say where it goes: --out FOLDER, --name NAME or both")
    if out:
        _write_world(seed, passages, questions, split, out)
    if name:
        from budgetscape.intake import take_world

        with telling(as_child) as tell:
            home = Home.find().ensure()
            report = take_world(home, name, seed, passages, questions, split, tell, new)
        click.echo(f"world {name}: {report}")


def _write_world(seed: int, passages: int, questions: int, split: str, out: Path) -> None:
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
@click.argument("files", type=FILE, nargs=-1)
@click.option("--name", help="What to call the corpus and its index.")
@click.option(
    "--words",
    type=int,
    help="Cut at about so many words, 0 not at all. [default: rows of tables stay whole, documents are cut at 150]",
)
@click.option(
    "--overlap", type=int, help="Words that two parts may share. [default: 20 of 150, else 0]"
)
@click.option("--text", help="The column that holds the text, where it cannot be guessed.")
@click.option("--title", help="The column that holds the title.")
@click.option("--id", "id_", help="The column that holds the id; else rows are numbered.")
@click.option("--server", help="Keep the index on a Chroma server, http://host:port.")
@click.option("--check", is_flag=True, help="Show what would be made, and make nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@new_option
@child_option
def index(
    files: tuple[Path, ...],
    name: str | None,
    words: int | None,
    overlap: int | None,
    text: str | None,
    title: str | None,
    id_: str | None,
    server: str | None,
    check: bool,
    as_json: bool,
    new: bool,
    as_child: bool,
) -> None:
    """Take in FILES as passages and build their index: JSONL, CSV, Parquet, Markdown, text, HTML or PDF.

    Without FILES the index of the corpus NAME is built again.
    """
    from budgetscape import intake

    how, columns = _cut(files, words, overlap), _columns(text, title, id_)
    if check:
        if not files:
            raise click.UsageError("give the files to check")
        with telling(as_child):
            show = intake.look_at_corpus(files, columns, how)
        click.echo(json.dumps(plain(show)) if as_json else _said(show))
        return
    if not name:
        raise click.UsageError("say what to call it: --name NAME")
    home = Home.find().ensure()
    with telling(as_child) as tell:
        if files:
            saved, report = intake.take_corpus(
                home, name, files, columns, how, tell, server=server, new=new
            )
        else:
            saved, report = intake.index_again(home, name, tell)
    if as_json:
        click.echo(json.dumps(plain(report)))
    else:
        click.echo(f"index {name}: {saved.count} passages. {report}")


def _cut(files: tuple[Path, ...], words: int | None, overlap: int | None) -> Cut:
    from budgetscape import intake

    usual = intake.default_cut(files)
    if words is None:
        return usual if overlap is None else intake.checked_cut(usual.words, overlap)
    return intake.checked_cut(words, min(20, words // 5) if overlap is None else overlap)


def _columns(text: str | None, title: str | None, id_: str | None) -> Columns | None:
    from store.documents import Columns

    if text is None and (title or id_):
        raise click.UsageError("name the column of the text too: --text COLUMN")
    return Columns(text, title, id_) if text else None


def _said(show: Any) -> str:
    cuts = f"cut at {show.words} words" if show.words else "not cut"
    long = f", {show.too_long} longer than the embedding reads" if show.too_long else ""
    head = (
        f"{show.documents} documents, {cuts}: {show.passages} passages of {show.median_words} words (median), "
        f"at most {show.longest_words}{long}; embedding takes about {show.embedding_seconds:.0f} s"
    )
    return "\n".join([head, *(f"  {p.id}  {p.title}  {p.text[:80]!r}" for p in show.first[:5])])


@click.command()
@click.argument("file", type=FILE)
@click.option("--name", help="What to call the question set.")
@click.option("--corpus", help="Find the supporting passages in this corpus.")
@click.option(
    "--format",
    "form",
    help="musique, 2wikimultihopqa, hotpotqa, flashrag, bamboogle or budgetscape. [default: recognised]",
)
@click.option(
    "--own-passages", is_flag=True, help="Make a corpus and an index of the passages in the file."
)
@click.option("--check", is_flag=True, help="Show what the file holds, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@new_option
@child_option
def questions(
    file: Path,
    name: str | None,
    corpus: str | None,
    form: str | None,
    own_passages: bool,
    check: bool,
    as_json: bool,
    new: bool,
    as_child: bool,
) -> None:
    """Take in FILE as a question set: HotpotQA, 2WikiMultihopQA, MuSiQue, Bamboogle, FlashRAG or our own JSON lines."""
    from budgetscape import intake

    home = Home.find().ensure()
    if check:
        with telling(as_child):
            show = intake.look_at_questions(home, file, form, corpus)
        click.echo(json.dumps(plain(show)) if as_json else _told(show, corpus))
        return
    if not name:
        raise click.UsageError("say what to call it: --name NAME")
    with telling(as_child) as tell:
        saved = intake.take_questions(
            home, name, file, form, corpus, tell, own_passages=own_passages, new=new
        )
    if as_json:
        click.echo(json.dumps({"name": name, "questions": len(saved.questions)}))
    else:
        click.echo(f"questions {name}: {len(saved.questions)}")


def _told(show: Any, corpus: str | None) -> str:
    hops = ", ".join(f"{n} of {h}" for h, n in show.hops)
    where = f", all of it in '{corpus}' for {show.found}" if corpus else ""
    return (
        f"{show.format}: {show.count} questions ({hops} hops), {show.with_answers} with answers; supporting passages "
        f"told for {show.told}{where}; {show.passages} passages come with them"
    )


@click.command()
@click.argument("server")
@click.option("--collection", help="Which of its collections; without it they are listed.")
@click.option("--name", help="What to call it here.")
@child_option
def attach(server: str, collection: str | None, name: str | None, as_child: bool) -> None:
    """Attach a collection of the Chroma SERVER at http://host:port as an index; it is only read."""
    from engine.retrieval.embedding import MiniLM
    from store import attached

    if collection is None:
        for offered in attached.collections_of(server):
            click.echo(f"{offered.name}  {offered.passages} passages")
        return
    if not name:
        raise click.UsageError("say what to call it here: --name NAME")
    with telling(as_child):
        report = attached.attach(Home.find().ensure(), name, server, collection, MiniLM(threads=2))
    click.echo(f"index {name}: {report}")
