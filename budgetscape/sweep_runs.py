"""The sweeps of a dashboard: each is a child command, so that a reload or a closed browser is nothing to it.

A child ends, in order, when this process does: its stdin closes, however we end. What it recorded stays, and the sweep
can be resumed here or from the command line.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from budgetscape import sweep_control as control
from budgetscape.sweep_control import Order, Status
from budgetscape.sweeping import PILOT
from engine.errors import InputError
from engine.sweeps.plan import Plan
from engine.sweeps.quote import Quote
from store.home import Home, make_folder, writing

COMMAND = (sys.executable, "-m", "budgetscape.cli.main", "sweep")
PATIENCE_S = 15.0
"""How long children may take to end in order when the dashboard does."""
LONGEST_LINE = 500


@dataclass
class SweepRuns:
    """Start, watch and steer sweeps; safe to call from any page."""

    home: Home
    quoted: Callable[[Plan], tuple[Quote, int]]
    """A plan's quote and how many of its trajectories are recorded; spends nothing."""
    command: Sequence[str] = COMMAND

    def __post_init__(self) -> None:
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._guard = threading.Lock()
        """Held while a child is started, so that two clicks do not start two."""

    def names(self) -> list[str]:
        """Sweeps that were started here or from the command line, the last one first."""
        return control.names(self.home)

    def plan(self, name: str) -> Plan:
        return control.saved_plan(self.home, name)

    def status(self, name: str) -> Status | None:
        """How a sweep stands; None for one that nobody knows."""
        said = control.status(self.home, name)
        child = self._children.get(name)
        if said is None or child is None or said.state not in ("interrupted", "starting"):
            return said
        if child.poll() is None:
            return replace(said, state="starting", note="the process is starting")
        return replace(said, state="failed", note=self._last_words(name) or said.note)

    def start(self, plan: Plan, only_quote: bool = False, pilot: int = PILOT) -> None:
        """Run a plan, or its pilot, in a child. InputError when it runs already."""
        with self._guard:
            self._await_end(plan.name)
            if self.running(plan.name):
                raise InputError(f"sweep '{plan.name}' is running already")
            _let_go(self._children.get(plan.name))
            path = control.save_plan(self.home, plan)
            before = control.told(self.home, plan.name) or Status(plan.name)
            control.tell(self.home, replace(before, state="starting", note=""))
            more = ("--quote-only",) if only_quote else ()
            words = [*self.command, str(path), "--with-parent", "--pilot", str(pilot), *more]
            log = make_folder(control.folder(self.home, plan.name)) / "log.txt"
            with writing(log), log.open("wb") as output:
                self._children[plan.name] = subprocess.Popen(
                    words,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # a Ctrl-C for the dashboard is not one for it
                    env={**os.environ, "BUDGETSCAPE_HOME": str(self.home.root)},
                )

    def running(self, name: str) -> bool:
        child = self._children.get(name)
        return (child is not None and child.poll() is None) or control.held(self.home, name)

    def _await_end(self, name: str) -> None:
        """A child that has said its last word, such as a quote, may take a moment to be gone."""
        said, child = control.status(self.home, name), self._children.get(name)
        if child is not None and said is not None and said.over:
            with suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE_S)

    def give(self, name: str, order: Order) -> None:
        """Pause, go on or cancel."""
        control.give(self.home, name, order)

    def resume(self, name: str) -> None:
        """Go on: where its process pauses, or in a new one from what is recorded."""
        self._await_end(name)
        if control.held(self.home, name):
            self.give(name, "go")
        else:
            self.start(self.plan(name))

    def _last_words(self, name: str) -> str:
        """The last line that a child printed."""
        with suppress(OSError):
            text = (control.folder(self.home, name) / "log.txt").read_text("utf-8", "replace")
            lines = text.strip().splitlines()
            return lines[-1].removeprefix("budgetscape: ")[:LONGEST_LINE] if lines else ""
        return ""

    def close(self) -> None:
        """Let all children end in order; one that does not is ended."""
        running = [c for c in self._children.values() if c.poll() is None]
        for child in self._children.values():
            _let_go(child)
        for child in running:
            try:
                child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _let_go(child: subprocess.Popen[bytes] | None) -> None:
    """Close the pipe by which a child knows that we are there."""
    if child is not None and child.stdin is not None:
        with suppress(OSError):
            child.stdin.close()
