"""Files of passages and documents by their ending: JSONL, CSV, Parquet, Markdown, text, HTML and PDF.

A table gives one document a row, from columns that are guessed from its first row or named; a Markdown or HTML page one
a section, a PDF one a page. All is data: nothing in a file is fetched, executed or taken as a path. What cannot be used
is an InputError of one line that names file and row, page or field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from engine.errors import InputError
from engine.types import Passage
from store.fields import Row, checked_size, csv_rows, json_entries
from store.parquet_rows import parquet_rows
from store.texts import html_sections, markdown_sections, pdf_pages, text_sections

TABLES: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": json_entries,
    ".ndjson": json_entries,
    ".json": json_entries,
    ".csv": csv_rows,
    ".tsv": csv_rows,
    ".parquet": parquet_rows,
}
TEXTS: Mapping[str, Callable[[Path], Iterator[tuple[str, str]]]] = {
    ".md": markdown_sections,
    ".markdown": markdown_sections,
    ".txt": text_sections,
    ".html": html_sections,
    ".htm": html_sections,
    ".pdf": pdf_pages,
}
"""Each gives pairs of a title and a text."""
ENDINGS = (*TABLES, *TEXTS)
MOST_BYTES = 4 << 30
MOST_ROWS = 5_000_000
IDS = ("id", "_id", "doc_id", "docid", "pid", "passage_id", "uuid")
TITLES = ("title", "name", "heading", "topic")
WORDS = ("text", "contents", "content", "body", "passage", "paragraph_text", "document", "abstract")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table hold what; without ids the rows are numbered."""

    text: str
    title: str | None = None
    id: str | None = None


def read_documents(paths: Sequence[Path], columns: Columns | None = None) -> Iterator[Passage]:
    """The documents of files in their order; ids are unique.

    Of a table without given columns these are guessed. Raises InputError for a file that holds nothing too.
    """
    seen: set[str] = set()
    taken: dict[str, int] = {}
    count = 0
    for path in paths:
        taken[path.stem] = taken.get(path.stem, 0) + 1
        label = path.stem if taken[path.stem] == 1 else f"{path.stem} ({taken[path.stem]})"
        before = count
        for document in read_file(path, label, columns):
            if document.id in seen:
                raise InputError(
                    f"{path.name}: field 'id' repeats {document.id[:80]!r} of an earlier row; give every row its own"
                )
            seen.add(document.id)
            count += 1
            if count > MOST_ROWS:
                raise InputError(f"{path.name}: is over {MOST_ROWS:,} rows; split it")
            yield document
        if count == before:
            raise InputError(f"{path.name}: holds no text")


def read_file(path: Path, label: str, columns: Columns | None = None) -> Iterator[Passage]:
    """The documents of one file; `label` begins the ids that the file does not give itself."""
    ending = path.suffix.lower()
    checked_size(path, MOST_BYTES)
    if ending in TEXTS:
        for number, (title, text) in enumerate(TEXTS[ending](path), 1):
            if text.strip():
                yield Passage(f"{label}-{number}", title or label, text)
    elif ending in TABLES:
        rows = TABLES[ending](path)
        first = next(rows, None)
        if first is not None:
            columns = columns or guessed(first)
            yield from _of_table(chain([first], rows), columns, label)
    else:
        raise InputError(
            f"{path.name}: files that end in {ending[:20] or 'nothing'} cannot be read; give one of {' '.join(ENDINGS)}"
        )


def columns_of(path: Path) -> tuple[str, ...]:
    """The columns of a table, as its first row has them; none for a text."""
    ending = path.suffix.lower()
    if ending not in TABLES:
        return ()
    checked_size(path, MOST_BYTES)
    row = next(islice(TABLES[ending](path), 1), None)
    return tuple(row.fields) if row else ()


def guessed_columns(path: Path) -> Columns | None:
    """What the columns of a table are taken for; None for a text."""
    ending = path.suffix.lower()
    row = next(islice(TABLES[ending](path), 1), None) if ending in TABLES else None
    return guessed(row) if row else None


def guessed(row: Row) -> Columns:
    """What the columns are most likely for, by their names; InputError when none is a text."""
    lower = {name.lower(): name for name in reversed(list(row.fields))}

    def first(names: Sequence[str]) -> str | None:
        return next((lower[name] for name in names if name in lower), None)

    text = first(WORDS)
    if text is None:
        had = ", ".join(name[:30] for name in list(row.fields)[:8]) or "none"
        raise InputError(
            f"{row.where}: field 'text' is not there (fields: {had}); name the one that holds the text"
        )
    return Columns(text, first(TITLES), first(IDS))


def _of_table(rows: Iterator[Row], columns: Columns, label: str) -> Iterator[Passage]:
    """One document a row. `contents` without a title is read as FlashRAG writes it: the title, a line end, the text."""
    for number, row in enumerate(rows, 1):
        text = row.text(columns.text)
        title = row.text(columns.title, "") if columns.title else ""
        if columns.text == "contents" and not columns.title and "\n" in text.strip():
            title, text = text.strip().split("\n", 1)
            title = title.strip().strip('"')
        yield Passage(row.key(columns.id) if columns.id else f"{label}-{number}", title, text)
