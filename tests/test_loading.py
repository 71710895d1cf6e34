"""Files are data: whatever is in them is kept or refused in one line, and nothing else happens."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.types import Passage, Question
from store.loading import read_passages, read_questions, whole_characters


def written(folder: Path, *lines: object, name: str = "corpus.jsonl") -> Path:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def test_passages_come_in_file_order(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "b", "title": "B", "text": "x"}, "", {"id": "a", "text": "y"})
    assert list(read_passages(path)) == [Passage("b", "B", "x"), Passage("a", "", "y")]


def test_a_question_needs_only_id_and_text(tmp_path: Path) -> None:
    full = {
        "id": "q1",
        "question": "Who?",
        "answers": ["Ann", "A."],
        "hops": 2,
        "operations": 0,
        "supporting_ids": ["p1"],
        "tags": ["yes-no"],
        "solution": {"steps": []},
    }
    path = written(tmp_path, full, {"id": "q2", "question": "When?", "hops": None})
    assert list(read_questions(path)) == [
        Question("q1", "Who?", ("Ann", "A."), ("p1",), 2, 0, ("yes-no",)),
        Question("q2", "When?"),
    ]


BAD = [
    ('{"id": "a", "text": "x"', "line 2: is not JSON"),
    ("[" * 100_000, "line 2: is not JSON"),
    ('["id", "text"]', "line 2: must be a JSON object"),
    ('{"text": "x"}', "line 2: field 'id' must be a text"),
    ('{"id": 7.5, "text": "x"}', "line 2: field 'id' must be a text"),
    ('{"id": "a"}', "line 2: field 'text' must be a text that is not empty"),
    ('{"id": "a", "text": "  "}', "line 2: field 'text' must be a text that is not empty"),
    ('{"id": "a", "text": "x", "title": 3}', "line 2: field 'title' must be a text"),
    ('{"id": "first", "text": "x"}', "line 2: field 'id' repeats 'first'"),
    ('{"id": "a", "text": ' + "9" * 9000 + "}", "line 2: is not JSON"),
]


@pytest.mark.parametrize(("line", "why"), BAD, ids=[why[:40] for _, why in BAD])
def test_a_bad_line_is_named_in_one_line(tmp_path: Path, line: str, why: str) -> None:
    path = written(tmp_path, {"id": "first", "text": "x"}, line)
    with pytest.raises(InputError) as raised:
        list(read_passages(path))
    message = str(raised.value)
    assert message.startswith("corpus.jsonl, ") and why in message
    assert "\n" not in message and len(message) < 300


@pytest.mark.parametrize(
    "field",
    [{"hops": -1}, {"hops": True}, {"hops": 1.5}, {"answers": "Ann"}, {"supporting_ids": [1]}],
)
def test_a_bad_field_of_a_question_is_named(tmp_path: Path, field: dict[str, object]) -> None:
    path = written(tmp_path, {"id": "q", "question": "Who?", **field}, name="questions.jsonl")
    with pytest.raises(InputError, match=f"questions.jsonl, line 1: field '{next(iter(field))}'"):
        list(read_questions(path))


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'{"id": "a", "text": "ok"}\n{"id": "b", "text": "caf\xe9"}\n')
    with pytest.raises(InputError, match="corpus.jsonl, line 2: is not UTF-8 at byte 25"):
        list(read_passages(path))


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "text": "x"}\r\n\r\n{"id": "b", "text": "y"}')
    assert [p.id for p in read_passages(path)] == ["a", "b"]


def test_a_line_or_a_file_over_its_bound_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, *({"id": str(n), "text": "x" * 50} for n in range(20)))
    assert len(list(read_passages(path))) == 20
    with pytest.raises(InputError, match="line 1: is over 60 bytes"):
        list(read_passages(path, line_bytes=60))
    with pytest.raises(InputError, match="is over 500 bytes"):
        list(read_passages(path, file_bytes=500))


def test_the_first_lines_are_there_before_the_last_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "a", "text": "x"}, "not json")
    assert next(read_passages(path)).id == "a"


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        list(read_passages(tmp_path / "nowhere.jsonl"))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_passages(tmp_path))


def test_markup_and_control_characters_are_kept_as_they_are(tmp_path: Path) -> None:
    text = "<script>alert(1)</script> \x00\x1b[31m <|im_start|> $x$ ![](http://host/leak)"
    assert next(read_passages(written(tmp_path, {"id": "a", "text": text}))).text == text


def test_half_characters_become_the_replacement_character(tmp_path: Path) -> None:
    path = written(tmp_path, r'{"id": "a", "text": "\ud800 and \ud83d\ude00", "title": "\udfff"}')
    assert next(read_passages(path)) == Passage("a", "\ufffd", "\ufffd and \U0001f600")


anything = st.text(st.characters(exclude_categories=()))


@given(anything)
def test_whole_characters_can_always_be_written_and_change_nothing_else(text: str) -> None:
    whole = whole_characters(text)
    whole.encode("utf-8")
    assert whole_characters(whole) == whole
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert whole == text


@given(st.lists(st.tuples(anything, anything.filter(str.strip)), max_size=5))
def test_any_text_survives_the_file(tmp_path_factory, rows: list[tuple[str, str]]) -> None:
    lines = [{"id": str(n), "title": a, "text": b} for n, (a, b) in enumerate(rows)]
    path = written(tmp_path_factory.mktemp("any"), *lines)
    assert list(read_passages(path)) == [
        Passage(str(n), whole_characters(a), whole_characters(b)) for n, (a, b) in enumerate(rows)
    ]
