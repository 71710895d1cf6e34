"""Every kind of file gives its documents, and a broken one of each one line that names row and field."""

from __future__ import annotations

import json
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import InputError
from engine.types import Passage
from store import fields, parquet_rows, texts
from store.corpora import corpus_names, save_corpus
from store.documents import Columns, columns_of, read_documents
from store.home import Home
from tests.files import as_array, as_csv, as_lines, as_parquet, as_pdf, real

ROWS = [{"id": "a", "title": "A", "text": "First."}, {"id": "b", "title": "B", "text": "Second."}]
PASSAGES = [Passage("a", "A", "First."), Passage("b", "B", "Second.")]
PAYLOAD = "<img src=x onerror=alert(1)> {{7*7}} =cmd|'/c'!A1 ../../etc/passwd"


def table(folder: Path, ending: str) -> Path:
    path = folder / f"table{ending}"
    if ending in (".csv", ".tsv"):
        rows = [list(ROWS[0]), *(list(r.values()) for r in ROWS)]
        as_csv(path, *rows)
        path.write_text(path.read_text().replace(",", "\t" if ending == ".tsv" else ","))
    elif ending == ".parquet":
        as_parquet(path, **{k: [r[k] for r in ROWS] for k in ROWS[0]})
    elif ending == ".json":
        as_array(path, *ROWS)
    else:
        as_lines(path, *ROWS)
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet"])
def test_a_table_of_any_kind_gives_its_rows(tmp_path: Path, ending: str):
    path = table(tmp_path, ending)
    assert list(read_documents([path])) == PASSAGES
    assert columns_of(path) == ("id", "title", "text")


def test_columns_are_guessed_or_named_and_rows_without_ids_are_numbered(tmp_path: Path):
    path = as_csv(tmp_path / "k.csv", ["Heading", "Body", "n"], ["T", "Long text", "7"])
    assert list(read_documents([path])) == [Passage("k-1", "T", "Long text")]
    named = Columns(text="Heading", id="n")
    assert list(read_documents([path], named)) == [Passage("7", "", "T")]
    numbers = as_parquet(tmp_path / "n.parquet", doc_id=[1, 2], content=["x", "y"], more=[[1], [2]])
    assert [p.id for p in read_documents([numbers])] == ["1", "2"]


def test_flashrag_contents_are_a_title_and_a_text(tmp_path: Path):
    path = as_lines(tmp_path / "w.jsonl", {"id": "0", "contents": '"Oslo"\nOslo is a town.'})
    assert list(read_documents([path])) == [Passage("0", "Oslo", "Oslo is a town.")]


def test_csv_cells_hold_line_ends_quotes_and_payloads_as_text(tmp_path: Path):
    text = f'two\n\nlines, "quoted" {PAYLOAD}'
    path = as_csv(tmp_path / "c.csv", ["id", "text"], ["x", text])
    assert [p.text for p in read_documents([path])] == [text]
    semicolons = tmp_path / "s.csv"
    semicolons.write_text("id;text\nx;1,5 litres\n")
    assert [p.text for p in read_documents([semicolons])] == ["1,5 litres"]


def test_markdown_becomes_sections_titled_by_their_headings(tmp_path: Path):
    path = tmp_path / "guide.md"
    path.write_text(
        "---\ntitle: x\n---\nBefore.\n\n# Guide\n\nIt is *good* `code` ![alt](http://host/x.png).\n\n"
        "## Use\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n```\nrun()\n```\n\n"
        "<script>alert(1)</script>\n\n# End\n\n## Empty\n"
    )
    found = list(read_documents([path]))
    assert [(p.id, p.title) for p in found] == [
        ("guide-1", "guide"),
        ("guide-2", "Guide"),
        ("guide-3", "Guide › Use"),
    ]
    assert found[1].text == "It is good code alt."
    assert found[2].text == "one\n\ntwo\n\na\n\nb\n\nc\n\nd\n\nrun()"


def test_html_is_parsed_as_data_and_nothing_is_fetched(tmp_path: Path, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: asked.append(a))
    path = tmp_path / "page.html"
    path.write_text(
        '<!DOCTYPE html SYSTEM "http://host.invalid/x.dtd"><html><head><title> The  page </title>'
        '<script src="http://host.invalid/a.js">bad()</script><link href="http://host.invalid/s.css"></head>'
        "<body>Intro &amp; more<style>p{}</style><iframe src='http://host.invalid'>no</iframe>"
        "<h1>Part <b>one</b></h1><p>Some <i>words</i>.<br>Next<p>Last<img src='http://host.invalid/i.png'>"
        "<h2>Deeper</h2>&lt;img src=x&gt;</body></html>"
    )
    assert [(p.title, p.text) for p in read_documents([path])] == [
        ("The page", "Intro & more"),
        ("Part one", "Some words.\n\nNext\n\nLast"),
        ("Part one › Deeper", "<img src=x>"),
    ]
    assert asked == []


def test_html_in_a_named_encoding_is_read_in_it(tmp_path: Path):
    path = tmp_path / "old.htm"
    path.write_bytes('<meta charset="iso-8859-1"><p>Größe</p>'.encode("latin-1"))
    assert [p.text for p in read_documents([path])] == ["Größe"]


def test_html_nested_without_end_is_read_or_refused(tmp_path: Path):
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 200_000 + "bottom")
    try:
        list(read_documents([path]))
    except InputError as error:
        assert "holds no text" in str(error)


def test_a_text_is_one_document_and_a_pdf_one_a_page(tmp_path: Path):
    plain = tmp_path / "notes.txt"
    plain.write_text("One.\n\nTwo.\n")
    assert list(read_documents([plain])) == [Passage("notes-1", "notes", "One.\n\nTwo.\n")]
    pdf = as_pdf(tmp_path / "paper.pdf", "First page.", "", "Third page (last).")
    assert [(p.id, p.title, p.text) for p in read_documents([pdf])] == [
        ("paper-1", "paper, page 1", "First page."),
        ("paper-3", "paper, page 3", "Third page (last)."),
    ]


def test_two_files_of_one_name_and_many_kinds_go_into_one_corpus(tmp_path: Path, home: Home):
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "notes.txt").write_text(f"Text of {part}.")
    paths = [tmp_path / "a" / "notes.txt", tmp_path / "b" / "notes.txt", table(tmp_path, ".csv")]
    saved = save_corpus(home, "mixed", read_documents(paths))
    assert [p.id for p in saved.passages()] == ["notes-1", "notes (2)-1", "a", "b"]


def test_the_real_corpora_are_read_whole(home: Home):
    for name, count in (("hotpotqa_train100", 994), ("musique_train100", 1890)):
        assert save_corpus(home, name, read_documents([real(name) / "corpus.jsonl"])).count == count


# ----------------------------------------------------------------------------------------- broken


def cut_short(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-30])
    return path


def written(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def bomb(raw: bytes) -> tuple[bytes, str]:
    return zlib.compress(b"BT " + b" " * (100 << 20)), "/Filter /FlateDecode"


BROKEN: list[tuple[Callable[[Path], Path], str]] = [
    # cut off
    (lambda f: cut_short(table(f, ".jsonl")), "table.jsonl, line 2: is not JSON"),
    (lambda f: cut_short(table(f, ".json")), "table.json, entry 2: is not JSON .*cut off"),
    (written("t.csv", 'id,text\na,"begins'), "t.csv, line 2: is not CSV"),
    (lambda f: cut_short(table(f, ".parquet")), "table.parquet: is not a whole Parquet file"),
    (lambda f: cut_short(cut_short(as_pdf(f / "p.pdf", "x" * 40))), "p.pdf"),
    # another encoding
    (written("t.jsonl", b'{"id":"a","text":"x"}\n{"id":"b","text":"\xe9"}'), "line 2: is not UTF-8 at byte"),
    (written("t.json", b'[{"id":"a","text":"\xe9"}]'), "t.json: is not UTF-8 near byte 20"),
    (written("t.csv", b"id,text\na,x\nb,\xe9"), "t.csv, line 3: is not UTF-8 at byte 3"),
    (written("t.md", b"# A\n\nb\xe9"), "t.md, line 3: is not UTF-8"),
    (written("t.txt", b"one\ntwo \xff"), "t.txt, line 2: is not UTF-8"),
    (written("t.txt", b"one\ntwo \0"), "t.txt, line 2: holds a NUL"),
    (written("t.html", b"<p>\n<b>\xe9"), "t.html, line 2: is not utf-8"),
    (written("t.html", b'<meta charset="no-such-thing"><p>x'), "t.html: names an encoding"),
    # other fields
    (written("t.jsonl", '{"id":"a","text":"x"}\n{"id":"b","text":7}'), "line 2: field 'text' must be"),
    (written("t.jsonl", '{"id":"a","words":"x"}'), r"line 1: field 'text' is not there \(fields: id, words\)"),
    (written("t.json", '[{"id":"a","text":"x"}, 3]'), "entry 2: must be a JSON object"),
    (written("t.json", '[{"id":"a","text":"x"} {"id":"b","text":"y"}]'), "entry 2: is not JSON"),
    (written("t.csv", "id,text\na,x\nb\n"), "line 3: has 1 cells where the header has 2"),
    (written("t.csv", "id,text\na,\n"), "line 2: field 'text' must be a text"),
    (written("t.csv", "id,id\na,b\n"), "line 1: the header names column 'id' twice"),
    (written("t.csv", "id,text\na,x\na,y\n"), "t.csv: field 'id' repeats 'a'"),
    (lambda f: as_parquet(f / "t.parquet", id=["a", "b"], text=["x", None]), "row 2: field 'text' must be a text"),
    (lambda f: as_parquet(f / "t.parquet", id=["a"], text=[b"x"]), "row 1: field 'text' is not there"),
    (written("t.parquet", "not parquet at all"), "t.parquet: is not a whole Parquet file"),
    (written("t.pdf", "not a pdf at all"), "t.pdf: cannot be read as PDF"),
    (written("t.exe", "MZ"), "files that end in .exe cannot be read"),
    (written("noending", "x"), "files that end in nothing cannot be read"),
    # empty
    *((written(f"e{ending}", ""), f"e{ending}: is empty") for ending in (".jsonl", ".csv", ".parquet", ".pdf", ".md")),
    (written("e.jsonl", "\n\n"), "e.jsonl: holds no text"),
    (written("e.json", "[]"), "e.json: holds no text"),
    (written("e.csv", "id,text\n"), "e.csv: holds no text"),
    (written("e.html", "<html><script>x</script></html>"), "e.html: holds no text"),
    (written("e.md", "# Only a heading\n"), "e.md: holds no text"),
    (lambda f: as_parquet(f / "e.parquet", id=[], text=[]), "e.parquet: holds no text"),
    (lambda f: as_pdf(f / "e.pdf", "", ""), "e.pdf: has no text on its 2 pages"),
    # unpacks to too much
    (lambda f: as_pdf(f / "bomb.pdf", "x", stream=bomb), "bomb.pdf, page 1: cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "why"), BROKEN, ids=[why[:40] for _, why in BROKEN])
def test_a_broken_file_gets_one_line_and_leaves_nothing(
    tmp_path: Path, home: Home, make: Callable[[Path], Path], why: str
):
    path = make(tmp_path)
    with pytest.raises(InputError, match=why) as raised:
        save_corpus(home, "broken", read_documents([path]))
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    assert corpus_names(home) == [] and list(home.corpora.iterdir()) == []


def test_what_is_too_large_is_refused_before_it_is_held(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(fields, "ENTRY_CHARACTERS", 100_000)
    monkeypatch.setattr(parquet_rows, "GROUP_BYTES", 1000)
    monkeypatch.setattr(texts, "PAGE_BYTES", 1000)
    monkeypatch.setattr(texts, "TEXT_BYTES", 1000)
    long = "x" * 300_000
    huge = {
        as_array(tmp_path / "h.json", {"id": "a", "text": long}): "entry 1: is over 100000 characters",
        as_parquet(tmp_path / "h.parquet", id=["a"], text=[long]): "row group 1 unpacks to over 1000",
        written("h.md", long)(tmp_path): "h.md: is over 1000 bytes",
        written("h.html", long)(tmp_path): "h.html: is over 1000 bytes",
        written("h.txt", long)(tmp_path): "h.txt: is over 1000 bytes",
        written("h.csv", f'id,text\na,"{"x" * 2_000_000}"')(tmp_path): "h.csv, line 2: is over",
        written("h.jsonl", json.dumps({"id": "a", "text": "x" * 17_000_000}))(tmp_path): "line 1: is over",
    }  # fmt: skip
    for path, why in huge.items():
        with pytest.raises(InputError, match=why):
            list(read_documents([path]))


def test_a_locked_pdf_says_so(tmp_path: Path):
    import pypdf

    writer = pypdf.PdfWriter(as_pdf(tmp_path / "open.pdf", "Secret."))
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(tmp_path / "locked.pdf")
    with pytest.raises(InputError, match="locked.pdf: is locked by a password"):
        list(read_documents([tmp_path / "locked.pdf"]))
