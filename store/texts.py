"""Markdown, plain text, HTML and PDF as titled sections of plain text: parsed, never rendered, nothing fetched.

Well-kept parsers do the reading (markdown-it-py, lxml, pypdf); what they cannot read, and what unpacks to too much, is
an InputError of one line. Scripts, styles and embedded objects of a page are left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import InputError
from store.fields import checked_size, unreadable, whole_characters

TEXT_BYTES = 64 << 20
PAGE_BYTES = 16 << 20
"""Of a Markdown or HTML file: their parsers hold all of it."""
PDF_BYTES = 512 << 20
MOST_PAGES = 10_000
PAGE_CHARACTERS = 2_000_000
"""Of one page of a PDF once it is unpacked."""
Section = tuple[str, str]
"""A title and a text."""

_HEADINGS = ("h1", "h2", "h3")
_LEFT_OUT = {"script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "head"}
_BLOCKS = set(
    "address article aside blockquote br dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr li main nav ol p pre section summary table td th tr ul".split()
)
_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{1,40})""", re.I)


def text_sections(path: Path) -> Iterator[Section]:
    """The whole file as one text."""
    yield "", _read(path, TEXT_BYTES)


def markdown_sections(path: Path) -> Iterator[Section]:
    """One section a heading, titled by the headings above it; formatting and link targets are left out."""
    from markdown_it import MarkdownIt

    text = _read(path, PAGE_BYTES)
    tokens = MarkdownIt("commonmark").enable("table").parse(_without_front_matter(text))
    sections = _Sections()
    heading = 0
    for token in tokens:
        if token.type == "heading_open":
            heading = int(token.tag[1])
        elif token.type == "inline":
            words = "".join(_inline(child) for child in token.children or ())
            if heading:
                sections.open(heading, words)
            else:
                sections.add(words)
        elif token.type == "heading_close":
            heading = 0
        elif token.type in ("fence", "code_block"):
            sections.add(token.content)
        elif token.type == "html_block":
            sections.add(" ".join(text for _, text in _of_html(token.content)))
    yield from sections.all()


def html_sections(path: Path) -> Iterator[Section]:
    """One section a heading (h1 to h3), titled by the headings above it, else by the page's title."""
    raw = _bytes(path, PAGE_BYTES)
    said = _CHARSET.search(raw[:2048])
    encoding = said.group(1).decode("ascii") if said else "utf-8"
    try:
        text = raw.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError as error:
        raise InputError(f"{path.name}: names an encoding that is not known") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}, line {_line_at(raw, error.start)}: is not {encoding} at byte {error.start + 1} of the file; "
            "convert the file"
        ) from error
    yield from _of_html(text)


def pdf_pages(path: Path) -> Iterator[Section]:
    """One section a page, titled `file, page n`; a PDF without any text is refused, since it is a scan."""
    import pypdf
    from pypdf.errors import DependencyError, FileNotDecryptedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it talks about every oddity of a file
    checked_size(path, PDF_BYTES)
    where = path.name
    try:
        with path.open("rb") as file:
            reader = pypdf.PdfReader(file)
            count = len(reader.pages)
            if count > MOST_PAGES:
                raise InputError(f"{where}: has {count:,} pages, at most {MOST_PAGES:,}; split it")
            found = False
            for number in range(1, count + 1):
                where = f"{path.name}, page {number}"
                text = whole_characters(reader.pages[number - 1].extract_text())
                if len(text) > PAGE_CHARACTERS:
                    raise InputError(f"{where}: is over {PAGE_CHARACTERS:,} characters long")
                found = found or bool(text.strip())
                yield f"{path.stem}, page {number}", text
    except (FileNotDecryptedError, DependencyError) as error:
        raise InputError(f"{where}: is locked by a password; save it without one") from error
    except InputError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error
    except Exception as error:  # pypdf raises whatever a broken file leads it to
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{where}: cannot be read as PDF ({why})") from error
    if not found:
        raise InputError(
            f"{path.name}: has no text on its {count} pages; if it is a scan, recognise its text first"
        )


# ---------------------------------------------------------------------------------------- reading


def _bytes(path: Path, most: int) -> bytes:
    checked_size(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def _read(path: Path, most: int) -> str:
    raw = _bytes(path, most)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = _line_at(raw, error.start)
        raise InputError(
            f"{path.name}, line {line}: is not UTF-8 at byte {error.start + 1} of the file; convert the file"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{path.name}, line {line}: holds a NUL character; it is not a text file")
    return text


def _line_at(raw: bytes, at: int) -> int:
    return raw[:at].count(b"\n") + 1


# ---------------------------------------------------------------------------------------- sections


class _Sections:
    """Text under headings, in order; a title is the path of headings above it."""

    def __init__(self, title: str = "") -> None:
        self._first = title
        self._path: list[tuple[int, str]] = []
        self._all: list[tuple[str, list[str]]] = [(title, [])]

    def open(self, level: int, heading: str) -> None:
        heading = " ".join(heading.split())
        self._path = [above for above in self._path if above[0] < level] + [(level, heading)]
        self._all.append((" › ".join(words for _, words in self._path if words) or self._first, []))

    def add(self, text: str) -> None:
        if text.strip():
            self._all[-1][1].append(text.strip())

    def all(self) -> Iterator[Section]:
        for title, texts in self._all:
            if texts:
                yield title[:300], whole_characters("\n\n".join(texts))


def _inline(token: Any) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return " "
    if token.type == "image":
        return "".join(_inline(child) for child in token.children or ())
    return token.content if token.type in ("text", "code_inline") else ""


def _without_front_matter(text: str) -> str:
    """YAML between two lines of dashes at the very beginning is about the page, not of it."""
    found = re.match(r"---\n.*?\n---\s*\n", text[:20_000], re.S)
    return text[found.end() :] if found else text


def _of_html(text: str) -> Iterator[Section]:
    from lxml import etree

    parser = etree.HTMLParser(
        encoding="utf-8",
        no_network=True,
        recover=True,
        remove_comments=True,
        remove_pis=True,
        huge_tree=False,
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return
    if root is None:
        return
    title = " ".join("".join(root.xpath("string(//head/title)")).split())
    yield from _walked(root, etree, title).all()


def _walked(root: Any, etree: Any, title: str) -> _Sections:
    """The text of a tree in its order, without recursion: a page may be nested as deeply as it likes."""
    sections = _Sections(title)
    held: list[str] = []
    hidden, heading = 0, 0

    def flush() -> None:
        sections.add(" ".join("".join(held).split()))
        held.clear()

    for event, node in etree.iterwalk(root, events=("start", "end")):
        name = node.tag if isinstance(node.tag, str) else ""
        if event == "start":
            hidden += name in _LEFT_OUT
            if not hidden:
                if name in _BLOCKS:
                    flush()
                if name in _HEADINGS:
                    heading = int(name[1])
                held.append(node.text or "")
            continue
        if not hidden and name in _BLOCKS:
            if name in _HEADINGS and heading:
                sections.open(heading, "".join(held))
                held.clear()
                heading = 0
            flush()
        hidden -= name in _LEFT_OUT
        if not hidden:
            held.append(node.tail or "")
    flush()
    return sections
