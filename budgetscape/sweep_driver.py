"""A sweep under way in this process, watched and obeyed: it says how it stands each second and does what it is told.

Orders come from the sweep's `order` file and from signals: the first Ctrl-C (or a terminate) stops it so that nothing
that was paid is lost, the second ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from budgetscape.sweep_control import State, Status, forget_orders, ordered, save_plan, tell
from budgetscape.sweeping import PILOT, Sweep
from engine.errors import BudgetscapeError
from engine.sweeps.jobs import Job
from engine.sweeps.quote import Quote
from engine.sweeps.trajectory import Trajectory

LOOK_S, TELL_S = 0.25, 1.0
BY_PERSON = "stopped by you"
WITH_APP = "the dashboard that started it was stopped"
Say = Callable[[str, int, Trajectory, Sweep], None]
"""Told of every trajectory: in which part (pilot or sweep), of how many, what, and of which sweep."""


@dataclass
class Drive:
    """One start of a sweep from the first look to the last word."""

    sweep: Sweep
    state: State = "starting"
    note: str = ""
    began: float = 0.0
    _telling: threading.Lock = field(default_factory=threading.Lock)

    async def go(
        self, say: Say, quoted: Callable[[Quote], None], each: int = PILOT, only: bool = False
    ) -> None:
        """Pilot, quote and, unless `only` the quote is wanted, the sweep. Errors pass; the status has their line."""
        self.began = time.time()
        try:
            async with self._watched():
                await self._all(say, quoted, each, only)
        except BaseException as error:
            self._ends(
                "failed",
                str(error) if isinstance(error, BudgetscapeError) else type(error).__name__,
            )
            raise
        else:
            self._ends(*self._outcome(only))
        finally:
            await asyncio.to_thread(self._tell)

    async def _all(self, say: Say, quoted: Callable[[Quote], None], each: int, only: bool) -> None:
        sweep = self.sweep
        await self._some(sweep.pilot(each), "pilot", say)
        given = sweep.quote()
        quoted(given)
        await asyncio.to_thread(sweep.keep_quote, given)
        if not only and not sweep.stopped:
            await self._some(sweep.todo, "sweep", say)

    async def _some(self, jobs: Sequence[Job], word: str, say: Say) -> None:
        self.state = "paused" if self.sweep.paused else "running"
        async for trajectory in self.sweep.run(jobs):
            say(word, len(jobs), trajectory, self.sweep)

    def _outcome(self, only: bool) -> tuple[State, str]:
        sweep = self.sweep
        if sweep.stopped:
            return "stopped", sweep.stopped
        if sweep.failed:
            return "stopped", f"{sweep.failed} trajectories have cells without an answer"
        return ("quoted", "") if only and sweep.wanted else ("done", "")

    def _ends(self, state: State, note: str) -> None:
        self.state, self.note = state, note

    # ------------------------------------------------------------------------------------- watching

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Obey and tell while the body runs."""
        home, plan = self.sweep.parts.home, self.sweep.plan
        await asyncio.to_thread(save_plan, home, plan)
        forget_orders(home, plan.name)
        tasks = [asyncio.create_task(self._obey()), asyncio.create_task(self._tell_often())]
        with _Signals(lambda: self.sweep.stop(BY_PERSON)):
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _obey(self) -> None:
        sweep = self.sweep
        while True:
            await asyncio.sleep(LOOK_S)
            match await asyncio.to_thread(ordered, sweep.parts.home, sweep.plan.name):
                case "cancel":
                    sweep.stop(BY_PERSON)
                case "pause" if not sweep.paused and not sweep.stopped:
                    sweep.pause()
                    self.state = "paused"
                case "go" if sweep.paused:
                    sweep.resume()
                    self.state = "running"

    async def _tell_often(self) -> None:
        while True:
            await asyncio.to_thread(self._tell)
            await asyncio.sleep(TELL_S)

    def _tell(self) -> None:
        """One at a time: a thread that is late would otherwise write over the last word."""
        with self._telling:
            tell(self.sweep.parts.home, self.status())

    def status(self) -> Status:
        sweep = self.sweep
        note = self.note or sweep.stopped
        return replace(sweep.status(), state=self.state, note=note, started=self.began)


class _Signals:
    """While inside, the first signal calls `stop` and later ones do what they always did."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._mine: list[signal.Signals] = []

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError, RuntimeError):
                    self._loop.add_signal_handler(number, self._first)
                    self._mine.append(number)

    def _first(self) -> None:
        self.__exit__()
        self._stop()

    def __exit__(self, *_: object) -> None:
        while self._mine:
            self._loop.remove_signal_handler(self._mine.pop())


def stop_with_parent(stop: Callable[[str], None]) -> None:
    """Call `stop`, in the running loop, when stdin ends: the system closes it however the parent dies."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def wait() -> None:
        with suppress(OSError, ValueError):
            while os.read(
                descriptor, 4096
            ):  # not through sys.stdin, whose lock would outlive the interpreter
                pass
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stop, WITH_APP)

    threading.Thread(target=wait, name="parent", daemon=True).start()
