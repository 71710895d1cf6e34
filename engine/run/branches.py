"""What starts together: which budgets a branch can use, and how all of them are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable

from engine.run import requests as ask
from engine.run.requests import Play, Reply


async def all_done(branches: Iterable[Coroutine[None, None, Reply]]) -> list[Reply]:
    """Like gather, but the first error cancels the rest at once and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(branch) for branch in branches]
    except BaseExceptionGroup as several:
        first = several.exceptions[0]
        raise first from first.__cause__
    return [t.result() for t in tasks]


def may_search(branch: ask.Request | Play) -> bool:
    """Whether a branch can make use of searches: one that only thinks must not hold them back from the others."""
    return _is_whole(branch) or (isinstance(branch, ask.Write) and branch.what == "query")


def may_think(branch: ask.Request | Play) -> bool:
    """An answer in a branch is a sample, hence thinking."""
    return (
        _is_whole(branch)
        or isinstance(branch, ask.Think | ask.Discard)
        or (isinstance(branch, ask.Write) and branch.what == "answer")
    )


def _is_whole(branch: ask.Request | Play) -> bool:
    return isinstance(branch, ask.Together) or not isinstance(branch, ask.Request)


def as_sample(request: ask.Write) -> ask.Think:
    """An answer inside a branch is a sample to choose from, hence thinking: only the run's own answer is free."""
    return ask.Think(
        request.prompt,
        request.cap,
        request.stop,
        request.temperature,
        note="sample answer",
        form=request.form or ask.says_something,
    )
