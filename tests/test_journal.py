"""A journal line counts whole or not at all, and nothing that was flushed is lost."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError, StoreError
from engine.identity import canonical_json, content_hash
from store import journal as module
from store.home import CHECKOUT, Home
from store.journal import (
    Journal,
    Line,
    Torn,
    journal_files,
    line_again,
    line_bytes,
    read,
    read_at,
    read_sweep,
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.dictionaries(st.text(max_size=8), json_values, max_size=4)


def lines(path):
    return [x for x in read(path) if isinstance(x, Line)]


@given(bodies)
def test_a_body_comes_back_as_it_was(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("j") / "a.jsonl"
    path.write_bytes(line_bytes("trajectory", "t1", body))
    assert line_again("trajectory", "t1", json.loads(json.dumps(body))) == path.read_bytes()
    (line,) = read(path)
    assert (line.kind, line.id, line.body) == ("trajectory", "t1", body)
    assert line.sha == content_hash(body)
    assert read_at(path, line.start, line.size) == line


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A journal of four lines, as bytes, and where they end."""
    home = Home(tmp_path_factory.mktemp("home"))
    with Journal.open(home, "grid") as journal:
        for n in range(4):
            journal.append(
                "trajectory", f"t{n}", {"n": n, "text": 'é漢\n"{}' * n, "x": [1.5, None]}
            )
    data = journal.path.read_bytes()
    return data, lines(journal.path)


@given(at=st.integers(0, 2000))
def test_a_file_cut_anywhere_holds_the_lines_before_the_cut(tmp_path_factory, written, at):
    data, whole = written
    path = tmp_path_factory.mktemp("j") / "cut.jsonl"
    path.write_bytes(data[:at])
    found = list(read(path))
    kept = [x for x in whole if x.end <= at]
    assert [x for x in found if isinstance(x, Line)] == kept
    torn = [x for x in found if isinstance(x, Torn)]
    assert len(torn) == (min(at, len(data)) > (kept[-1].end if kept else 0))
    assert all(t.final for t in torn)


@given(at=st.integers(0, 2000), value=st.integers(0, 255))
def test_a_changed_byte_never_gives_another_body(tmp_path_factory, written, at, value):
    data, whole = written
    at %= len(data)
    path = tmp_path_factory.mktemp("j") / "flipped.jsonl"
    path.write_bytes(data[:at] + bytes([value]) + data[at + 1 :])
    known = {canonical_json(x.body) for x in whole}
    assert all(canonical_json(x.body) in known for x in lines(path))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("j") / "any.jsonl"
    path.write_bytes(data)
    found = list(read(path))
    assert sum(x.size for x in found) == len(data)


def test_a_line_in_another_layout_counts_by_its_hash(tmp_path):
    path, sha = tmp_path / "a.jsonl", content_hash({"a": 1})
    path.write_text(f'{{"body": {{"a": 1}}, "sha": "{sha}", "kind": "sweep", "id": "s", "v": 1}}\n')
    assert [x.body for x in lines(path)] == [{"a": 1}]


def raw(version, id, body):
    sha = content_hash(json.loads(body))
    return f'{{"v":{version},"kind":"sweep","id":{id},"sha":"{sha}","body":{body}}}'


@pytest.mark.parametrize(
    "text",
    [
        raw("1", '"s"', "{}").replace("{}", '{"a":NaN}'),
        raw("2", '"s"', "{}"),
        raw("1", '"s"', "[]"),
        raw("1", "5", "{}"),
        "[" * 100_000,
        "",
    ],
)
def test_what_is_no_line_is_torn_with_a_reason(tmp_path, text):
    path = tmp_path / "a.jsonl"
    path.write_text(text + "\n")
    (torn,) = read(path)
    assert isinstance(torn, Torn) and torn.reason and not torn.final


def test_a_line_beyond_all_bounds_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_LINE", 200)
    path = tmp_path / "a.jsonl"
    good = line_bytes("sweep", "s", {})
    path.write_bytes(b"x" * 950 + b"\n" + good)
    torn, line = read(path)
    assert torn.reason == "longer than any line" and torn.size == 951
    assert line.body == {}


def test_an_append_after_a_failed_one_starts_a_line_of_its_own(tmp_path, monkeypatch):
    """The disk is full in the middle of a line; later there is room again."""
    journal = Journal.open(Home(tmp_path), "grid")
    journal.append("trajectory", "t0", {"n": 0})
    really = os.write

    def full(descriptor, data):
        if len(data) > 20:
            return really(descriptor, bytes(data[:20]))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left on device; free some space"):
        journal.append("trajectory", "t1", {"n": "much longer than twenty bytes"})
    monkeypatch.setattr(os, "write", really)
    journal.append("trajectory", "t2", {"n": 2})
    journal.close()
    found = list(read(journal.path))
    assert [x.id for x in found if isinstance(x, Line)] == ["t0", "t2"]
    assert [x.final for x in found if isinstance(x, Torn)] == [False]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_really_full_device_is_one_line_that_says_what_to_do():
    journal = Journal(Path("/dev/full"), os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(StoreError, match="No space left") as caught:
        journal.append("trajectory", "t", {})
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "journals").write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot write"):
        Journal.open(Home(tmp_path), "grid")


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65])
def test_a_sweep_cannot_name_a_place_elsewhere(tmp_path, name):
    with pytest.raises(InputError):
        Journal.open(Home(tmp_path), name)


def test_two_writers_have_files_of_their_own_in_the_order_they_began(tmp_path):
    home = Home(tmp_path)
    first, second = Journal.open(home, "grid"), Journal.open(home, "grid", worker="two")
    second.append("trajectory", "b", {})
    first.append("trajectory", "a", {})
    first.close(), second.close(), second.close()
    assert journal_files(home, "grid") == [first.path, second.path]
    assert [x.id for x in read_sweep(home, "grid")] == ["a", "b"]


def test_a_journal_that_stayed_empty_leaves_nothing_behind(tmp_path):
    Journal.open(Home(tmp_path), "grid").close()
    assert journal_files(Home(tmp_path)) == []


def test_threads_may_share_a_journal(tmp_path):
    body = {"text": "x" * 50_000}
    with Journal.open(Home(tmp_path), "grid") as journal:

        def work(k):
            for n in range(20):
                journal.append("trajectory", f"t{k}-{n}", body)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    found = list(read(journal.path))
    assert len({x.id for x in found if isinstance(x, Line)}) == len(found) == 80


WRITER = """
import sys
from pathlib import Path
from store.home import Home
from store.journal import Journal
home, first = Home(Path(sys.argv[1])), int(sys.argv[2])
journal = Journal.open(home, "grid")
print("ready", flush=True)
for n in range(first, 10**9):
    journal.append("trajectory", f"t{n}", {"n": n, "text": "x" * (n * 37 % 9000)})
    journal.flush()
    print(n, flush=True)
"""


def killed_writer(home, first, after_s, least=0):
    """Let a process append until it is killed, at least so many lines; the last number it called done, or None."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home.root), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    with child:
        assert child.stdout.readline() == "ready\n"
        said = [child.stdout.readline() for _ in range(least)]
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().splitlines(keepends=True)
        said += [row for row in rest if row.endswith("\n")]
    return int(said[-1]) if said else None


def test_killed_at_any_moment_nothing_that_was_flushed_is_lost(tmp_path):
    home, dice, first = Home(tmp_path), random.Random(3), 0
    for n in range(6):
        done = killed_writer(home, first, dice.uniform(0.0, 0.15), least=n % 2)
        numbers = [x.body["n"] for x in read_sweep(home, "grid")]
        assert numbers == list(range(len(numbers)))
        assert done is None or done < len(numbers)
        first = len(numbers)
    assert first > 0


def test_a_long_name_in_any_script_is_read_back(tmp_path):
    with Journal.open(Home(tmp_path), "grid") as journal:
        journal.append("sweep", "漢" * 200, {})
    assert [x.id for x in read(journal.path)] == ["漢" * 200]
    with pytest.raises(InputError):
        line_bytes("sweep", "漢" * 201, {})
