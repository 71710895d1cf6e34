"""What a command does differently as a child of the dashboard.

It tells its progress as JSON lines, keeps within a bound of memory, since files are strangers', and stops in order when
its parent closes its input.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from engine.errors import InputError

if TYPE_CHECKING:
    from budgetscape.intake import Tell

MEMORY_BYTES = 6 << 30
AGAIN_SECONDS = 15.0
"""Longer than putting things back takes."""


@contextmanager
def telling(child: bool) -> Iterator[Tell]:
    """How to tell progress: as a child in JSON lines on standard output, else for people on standard error."""
    if not child:
        yield _for_people
        return
    _bounded()
    if threading.current_thread() is threading.main_thread():
        # a parent that was started in the background hands down that interrupts are ignored
        signal.signal(signal.SIGINT, signal.default_int_handler)
    orphaned, over = threading.Event(), threading.Event()
    threading.Thread(
        target=_until_orphaned, args=(orphaned, over), name="parent", daemon=True
    ).start()
    try:
        yield _for_parent
    except MemoryError as error:
        raise InputError("the files unpack to more than fits into memory; split them") from error
    except Exception as error:
        if orphaned.is_set():  # a library may turn an interrupt into an error of its own
            raise KeyboardInterrupt from error
        raise
    finally:
        over.set()


def _for_people(what: str, done: int, of: int) -> None:
    if of:
        click.echo(f"\r{what}: {done}/{of}", nl=done >= of, err=True)


def _for_parent(what: str, done: int, of: int) -> None:
    click.echo(json.dumps({"what": what, "done": done, "of": of}))


def _bounded() -> None:
    """Where the system has such a bound."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        least = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_AS, (least, most))


def _until_orphaned(orphaned: threading.Event, over: threading.Event) -> None:
    """Interrupt the command when the parent is gone, and again where an import swallowed it."""
    with suppress(OSError, ValueError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    orphaned.set()
    _thread.interrupt_main()
    while not over.wait(AGAIN_SECONDS):
        _thread.interrupt_main()
