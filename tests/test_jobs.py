"""Work on the library runs in children: told, cancelled, refused twice at once, and files of browsers are no paths."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from budgetscape.jobs import Jobs, clear_uploads, harmless, keep_upload
from engine.errors import InputError
from store.corpora import corpus_names
from store.home import Home
from store.index_record import index_report
from tests.files import as_lines

SAYS = """
import json, sys, time
print(json.dumps({"what": "embedding", "done": 3, "of": 10}), flush=True)
if "fail" in sys.argv: sys.exit("budgetscape: file.csv, line 3: is broken")
if "wait" in sys.argv:
    print("ready", flush=True); sys.stdin.read(); sys.exit(130)
print("made 5 passages")
"""


def until(true: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def jobs(home: Home) -> Iterator[Jobs]:
    made = Jobs(home, (sys.executable, "-c", SAYS))
    yield made
    made.close()


def test_a_job_tells_how_far_it_is_and_what_it_made(jobs: Jobs):
    job = jobs.start("Corpus x", "x", [])
    until(lambda: job.state != "running")
    assert (job.state, job.what, job.done, job.of, job.note) == (
        "done",
        "embedding",
        3,
        10,
        "made 5 passages",
    )
    jobs.dismiss(job.id)
    assert jobs.all() == []


def test_what_was_made_is_taken_note_of_before_it_is_told(home: Home):
    states: list[str] = []
    jobs = Jobs(home, (sys.executable, "-c", SAYS), lambda: states.append(job.state))
    job = jobs.start("Corpus x", "x", [])
    until(lambda: job.state != "running")
    failing = jobs.start("Corpus y", "y", ["fail"])
    until(lambda: failing.state != "running")
    jobs.close()
    assert states == ["running"]


def test_a_job_that_fails_says_its_one_line_and_its_files_go(jobs: Jobs, home: Home):
    folder, _ = keep_upload(home, [("a.csv", b"x")])
    job = jobs.start("Corpus x", "x", ["fail"], folder)
    until(lambda: job.state != "running")
    assert (job.state, job.note) == ("failed", "file.csv, line 3: is broken")
    until(lambda: not folder.exists())


def test_a_name_is_made_once_at_a_time_and_a_cancelled_job_ends(jobs: Jobs):
    job = jobs.start("Corpus x", "x", ["wait"])
    until(lambda: job.note == "ready")
    assert job.left_s is not None and jobs.busy("x")
    with pytest.raises(InputError, match="'x' is being made already"):
        jobs.start("Corpus x", "x", [])
    jobs.cancel(job.id)
    child = jobs._children[job.id]
    until(lambda: child.poll() is not None)
    until(lambda: job.seconds > 0)
    assert job.state == "cancelled" and not jobs.busy("x")


def test_the_end_of_the_app_ends_its_children(home: Home):
    jobs = Jobs(home, (sys.executable, "-c", SAYS))
    job = jobs.start("Corpus x", "x", ["wait"])
    until(lambda: job.note == "ready")
    child = jobs._children[job.id]
    jobs.close()
    assert child.poll() is not None
    until(lambda: job.seconds > 0)


def test_the_real_command_looks_and_builds(home: Home, tmp_path: Path):
    jobs = Jobs(home)
    good = as_lines(
        tmp_path / "good.jsonl", *({"id": str(n), "text": f"Text {n}."} for n in range(5))
    )
    assert jobs.look(["index", str(good), "--check"])["passages"] == 5
    bad = as_lines(tmp_path / "bad.jsonl", {"id": "a", "text": "x"}, {"id": "b"})
    with pytest.raises(InputError, match=r"^bad.jsonl, line 2: field 'text' must be"):
        jobs.look(["index", str(bad), "--check"])
    job = jobs.start("Corpus x", "x", ["index", str(good), "--name", "x", "--new"])
    until(lambda: job.state != "running")
    assert job.state == "done" and "recall@3 1.000" in job.note
    assert corpus_names(home) == ["x"] and index_report(home, "x").count == 5


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("notes.md", "notes.md"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("<img src=x>.csv", "_img src_x_.csv"),
        ("...", "file"),
        ("--name.csv", "name.csv"),
        ("a\0b\n.txt", "a_b_.txt"),
        ("x" * 300 + ".pdf", "x" * 76 + ".pdf"),
        ("größe.html", "größe.html"),
        ("\U00020000" * 90 + ".txt", "\U00020000" * 59 + ".txt"),
    ],
)
def test_the_name_of_an_upload_is_never_a_path(home: Home, given: str, kept: str):
    folder, (path,) = keep_upload(home, [(given, b"x")])
    assert harmless(given) == kept == path.name
    assert path.resolve().is_relative_to(folder.resolve()) and path.read_bytes() == b"x"


def test_uploads_that_nobody_took_in_go_after_a_day(home: Home):
    old, _ = keep_upload(home, [("a.txt", b"x")])
    new, _ = keep_upload(home, [("b.txt", b"x")])
    os.utime(old, (0, 0))
    clear_uploads(home)
    assert not old.exists() and new.exists()
