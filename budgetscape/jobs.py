"""Long work on the library as child commands: watched, cancelled, and nothing to a page that is reloaded.

A child is one of our own commands (`index`, `questions`, `world`, `attach`) that tells its progress in JSON lines. It
reads strangers' files, so what they can do to it (memory, time, a crash) ends with it, and it ends with this process.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from engine.errors import BudgetscapeError, InputError
from store.home import Home, make_folder

COMMAND = (sys.executable, "-m", "budgetscape.cli.main")
PATIENCE_S = 10.0
"""How long a child may take to end in order."""
LOOK_S = 180.0
"""How long a look into files may take; whole builds may take as long as they like."""
MOST_LINES = 20
MOST_BYTES = 240
"""Of a file's name; file systems keep 255."""
STALE_S = 86_400.0
State = Literal["running", "done", "failed", "cancelled"]


@dataclass
class Job:
    """One piece of work, as it stands."""

    id: str
    title: str
    name: str
    """Of the corpus or set that it makes."""
    what: str = "starting"
    done: int = 0
    of: int = 0
    state: State = "running"
    note: str = ""
    """The last line that the child said: what was made, or what was wrong."""
    started: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds still to go at the speed so far."""
        gone = time.monotonic() - self.started
        return gone / self.done * (self.of - self.done) if self.done and self.of else None


class Jobs:
    """The work of one process; safe to call from any page."""

    def __init__(
        self,
        home: Home,
        command: Sequence[str] = COMMAND,
        made: Callable[[], object] = lambda: None,
    ) -> None:
        """`made` is called when a child has made something, before that is told."""
        self._home, self._command, self._made = home, tuple(command), made
        self._jobs: dict[str, Job] = {}
        self._children: dict[str, subprocess.Popen[str]] = {}
        self._guard = threading.Lock()

    def start(self, title: str, name: str, words: Sequence[str], used: Path | None = None) -> Job:
        """Run a command; InputError while another makes the same name. The folder `used` goes at the end."""
        with self._guard:
            for other in self._jobs.values():
                if other.name == name and other.state == "running":
                    raise InputError(f"'{name}' is being made already; wait for it, or cancel it")
            job = Job(uuid4().hex[:12], title, name)
            self._jobs[job.id] = job
            child = self._children[job.id] = self._run([*words, "--as-child"])
        threading.Thread(target=self._follow, args=(job, child, used), daemon=True).start()
        return job

    def look(self, words: Sequence[str]) -> dict[str, Any]:
        """Run a command that looks into files and return its JSON object; InputError with what it says."""
        errors: list[str] = []
        with self._run([*words, "--json", "--as-child"]) as child:
            assert child.stdout is not None
            late = threading.Timer(LOOK_S, child.kill)
            late.start()
            reading = threading.Thread(target=_collect, args=(child, errors), daemon=True)
            reading.start()
            lines = child.stdout.read().splitlines()
            code = child.wait()
            overdue = not late.is_alive()
            late.cancel()
            reading.join(PATIENCE_S)
        if code:
            raise InputError(
                "these files take too long to look into; use the command line"
                if overdue
                else _last(errors)
            )
        found: dict[str, Any] = json.loads(lines[-1])
        return found

    def all(self) -> list[Job]:
        """The last begun first."""
        return sorted(self._jobs.values(), key=lambda job: -job.started)

    def cancel(self, id: str) -> None:
        """Stop it. What was embedded stays and is not embedded again."""
        job, child = self._jobs.get(id), self._children.get(id)
        if job is not None and child is not None and job.state == "running":
            job.state = "cancelled"
            _let_go(child)
            threading.Thread(target=_end, args=(child,), daemon=True).start()

    def dismiss(self, id: str) -> None:
        """Forget one that is over."""
        if id in self._jobs and self._jobs[id].state != "running":
            self._jobs.pop(id)
            self._children.pop(id, None)

    def busy(self, name: str) -> bool:
        return any(j.name == name and j.state == "running" for j in self._jobs.values())

    def close(self) -> None:
        """End all that still runs."""
        running = [c for c in self._children.values() if c.poll() is None]
        for child in running:
            _let_go(child)
        for child in running:
            _end(child)

    def _run(self, words: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._command, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
            env={**os.environ, "BUDGETSCAPE_HOME": str(self._home.root), "PYTHONUTF8": "1"},
        )

    def _follow(self, job: Job, child: subprocess.Popen[str], used: Path | None) -> None:
        errors: list[str] = []
        with child:
            reading = threading.Thread(target=_collect, args=(child, errors), daemon=True)
            reading.start()
            for line in child.stdout or ():
                try:
                    told = json.loads(line)
                    job.what, job.done, job.of = told["what"], told["done"], told["of"]
                except (ValueError, KeyError, TypeError):
                    job.note = line.strip()[:500]
            code = child.wait()
            reading.join(PATIENCE_S)
        job.seconds = time.monotonic() - job.started
        if used is not None:
            shutil.rmtree(used, ignore_errors=True)
        if job.state == "running":
            try:
                if code:
                    job.note = _last(errors)
                else:
                    self._made()
            except BudgetscapeError as error:  # who keeps up tries again
                logging.getLogger(__name__).warning("%s", error)
            finally:
                job.state = "failed" if code else "done"


def keep_upload(home: Home, files: Sequence[tuple[str, bytes]]) -> tuple[Path, list[Path]]:
    """Files from a browser in a folder of their own, each under a harmless name; the folder, and the files in order."""
    folder = make_folder(home.uploads / uuid4().hex)
    paths = []
    for number, (name, content) in enumerate(files):
        path = make_folder(folder / str(number)) / harmless(name)
        path.write_bytes(content)
        paths.append(path)
    return folder, paths


def harmless(name: str) -> str:
    """A file name that is no path: "../../a b?.md" -> "a b_.md"; the ending is kept."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isalnum() or c in " ._-()" else "_" for c in last).lstrip(". -")
    short = kept.encode()[-MOST_BYTES:].decode(errors="ignore")
    return short[-80:].lstrip(". -") or "file"


def clear_uploads(home: Home) -> None:
    """Drop what was sent more than a day ago and never taken in."""
    for folder in home.uploads.glob("*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > STALE_S:
                shutil.rmtree(folder, ignore_errors=True)


def _collect(child: subprocess.Popen[str], errors: list[str]) -> None:
    """The last lines of what a child complains of."""
    with suppress(ValueError):
        for line in child.stderr or ():
            errors.append(line)
            del errors[:-MOST_LINES]


def _last(errors: Sequence[str]) -> str:
    lines = [line.strip() for line in errors if line.strip()]
    return lines[-1].removeprefix("budgetscape: ")[:500] if lines else "it ended without a word"


def _let_go(child: subprocess.Popen[str]) -> None:
    """Close the pipe by which a child knows that we are there."""
    if child.stdin is not None:
        with suppress(OSError, ValueError):
            child.stdin.close()


def _end(child: subprocess.Popen[str]) -> None:
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
