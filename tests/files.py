"""Files for tests: the real question sets where they are, and small ones in every format, written whole or broken."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_ROOT = Path(__file__).resolve().parents[1]


def real(name: str) -> Path:
    """A folder of the real question sets; the test is skipped where they are not beside the checkout."""
    for beside in (_ROOT.parent, _ROOT.parent.parent):
        if (found := beside / "shared" / "data" / name).is_dir():
            return found
    pytest.skip(f"the real question set {name} is not here")


def hotpot_entry(n: int, **more: object) -> dict[str, object]:
    """An entry as HotpotQA has it, about things that do not exist."""
    return {
        "_id": f"h{n}",
        "question": f"In which town was the author of novel {n} born?",
        "answer": f"Town {n}",
        "type": "bridge",
        "level": "easy",
        "supporting_facts": [[f"Novel {n}", 0], [f"Author {n}", 1], [f"Author {n}", 0]],
        "context": [
            [f"Novel {n}", [f"Novel {n} was written by Author {n}.", " It is long."]],
            [f"Author {n}", [f"Author {n} is a writer.", f" She was born in Town {n}."]],
            ["Common", ["Everybody has this passage."]],
        ],
    } | more


def wiki_entry(n: int, **more: object) -> dict[str, object]:
    """An entry as 2WikiMultihopQA has it: like HotpotQA's, with evidences and sentences without blanks between."""
    entry = hotpot_entry(n, _id=f"w{n}", type="compositional", evidences=[["a", "b", "c"]])
    del entry["level"]
    entry["context"] = [
        [f"Novel {n}", [f"Novel {n} was written by Author {n}.", "It is long."]],
        [f"Author {n}", [f"Author {n} is a writer.", f"She was born in Town {n}."]],
    ]
    return entry | more


def musique_entry(n: int, **more: object) -> dict[str, object]:
    return {
        "id": f"2hop__{n}_{n}",
        "question": f"Where was the author of novel {n} born?",
        "answer": f"Town {n}",
        "answer_aliases": [f"T. {n}"],
        "answerable": True,
        "question_decomposition": [{"id": 1}, {"id": 2}],
        "paragraphs": [
            {"idx": i, "title": f"T{n}{i}", "paragraph_text": f"Text {n} {i}.", "is_supporting": i}
            for i in (False, True)
        ],
    } | more


def flashrag_entry(n: int, **more: object) -> dict[str, object]:
    return {
        "id": f"test_{n}",
        "question": f"Where was the author of novel {n} born?",
        "golden_answers": [f"Town {n}", f"T. {n}"],
        "metadata": {
            "type": "bridge",
            "supporting_facts": {"title": [f"Author {n}"], "sent_id": [0]},
            "context": {
                "title": [f"Author {n}", "Common"],
                "sentences": [[f"Author {n} was born in Town {n}."], ["Everybody has this."]],
            },
        },
    } | more


def as_array(path: Path, *entries: object) -> Path:
    path.write_text(json.dumps(list(entries), ensure_ascii=False), "utf-8")
    return path


def as_lines(path: Path, *entries: object) -> Path:
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), "utf-8")
    return path


def as_csv(path: Path, *rows: list[str]) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    path.write_text(text.getvalue(), "utf-8")
    return path


def as_parquet(path: Path, **columns: list[object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def as_pdf(
    path: Path, *pages: str, stream: Callable[[bytes], tuple[bytes, str]] | None = None
) -> Path:
    """A small PDF, one line of text a page; `stream` may pack the content and name its filter."""
    pack = stream or (lambda raw: (raw, ""))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for n, text in enumerate(pages):
        safe = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        content, named = pack(f"BT /F1 12 Tf 72 720 Td ({safe}) Tj ET".encode("latin-1"))
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * n} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        head = f"<< /Length {len(content)} {named} >>\nstream\n".encode()
        objects.append(head + content + b"\nendstream")
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n".encode() + one + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    path.write_bytes(
        body
        + f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
        + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n".encode()
    )
    return path
